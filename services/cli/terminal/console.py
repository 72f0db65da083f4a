"""Prints progress and messages to standard error, and results to standard output."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, NoReturn

import msgspec
from rich import box
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Column, Table

from services.cli.terminal.time_left import TimeLeft, in_words
from services.redaction import redacted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from rich.progress import TaskID

_LINE_EVERY_S = 30.0
"""Interval between progress lines of a long stage when there is no terminal for a progress bar."""

_FIRST_LINE_AFTER_S = 5.0
"""The same from the start of a stage to its first line: early enough to decide whether to wait."""

_plain_console = partial(Console, highlight=False, markup=False, emoji=False, soft_wrap=True)
"""Prints texts as they are: `[x]` and `:key:` may be part of a title or a path. It does not break lines."""

console = _plain_console(stderr=True)
output = _plain_console()


def fail(message: str, code: int = 1) -> NoReturn:
    """Print the message as one line on standard error, and exit with this code."""
    sys.stderr.write(f"Error: {' '.join(redacted(message).split())}\n")
    sys.exit(code)


def print_json(result: object) -> None:
    """Print a value object as a JSON document."""
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(result)).decode() + "\n")


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    table = Table(
        *(Column(name, overflow="fold", min_width=len(name)) for name in columns),
        box=box.SIMPLE_HEAD,
        pad_edge=False,
    )
    for row in rows:
        table.add_row(*(str(cell) for cell in row))
    output.print(f"\n{title}", style="italic")
    output.print(table, soft_wrap=False)


class StageBars:
    """One progress bar per stage of a long run; an instance is a `services.ingest.pipeline.progress.Progress`."""

    def __init__(self, bars: Progress, clock: Callable[[], float] = time.monotonic) -> None:
        self._bars, self._clock = bars, clock
        self._tasks: dict[str, TaskID] = {}
        self._left: dict[str, TimeLeft] = {}
        self._next_line_at = 0.0

    def __call__(self, stage: str, done: int, total: int | None) -> None:
        """Show the progress of a stage; a new stage ends the one before it."""
        now = self._clock()
        if stage not in self._tasks:
            self.end_all()
            self._tasks[stage], self._left[stage] = self._bars.add_task(stage, total=total, left=""), TimeLeft()
            self._next_line_at = now + _FIRST_LINE_AFTER_S
            self._print_line(f"{stage} ...")
        left = in_words(self._left[stage].seconds(done, total, now=now))
        if now > self._next_line_at:
            self._next_line_at = now + _LINE_EVERY_S
            amount = f"{done} of {total}" if total else f"{done}"
            self._print_line(f"{stage} ... {', '.join(filter(None, (amount, left)))}")
        self._bars.update(self._tasks[stage], completed=done, total=total, left=left)

    @staticmethod
    def _print_line(text: str) -> None:
        if not console.is_terminal:
            console.print(f"  {text}")

    def end_all(self) -> None:
        """Complete the bars of stages whose total was not known."""
        for task in self._bars.tasks:
            if task.total is None:
                self._bars.update(task.id, total=max(task.completed, 1), completed=max(task.completed, 1))


@contextmanager
def stage_bars() -> Iterator[StageBars]:
    """Show progress bars during the block; without a terminal, print a line per stage, and lines with the time left."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description:<18}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[left]}"),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        bars = StageBars(progress)
        yield bars
        bars.end_all()
