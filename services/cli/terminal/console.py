"""Prints progress and messages to standard error, and results to standard output."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
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
    TimeRemainingColumn,
)
from rich.table import Column, Table

from services.redaction import redacted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from rich.progress import TaskID

_LINE_EVERY_S = 30.0
"""Interval between progress lines of a long stage when there is no terminal for a progress bar."""

console = Console(stderr=True, highlight=False)
output = Console(highlight=False)


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
        title=title,
        title_justify="left",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
    )
    for row in rows:
        table.add_row(*(str(cell) for cell in row))
    output.print(table)


class StageBars:
    """One progress bar per stage of a long run; an instance is a `services.ingest.pipeline.progress.Progress`."""

    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._tasks: dict[str, TaskID] = {}
        self._printed_at = 0.0

    def __call__(self, stage: str, done: int, total: int | None) -> None:
        """Show the progress of a stage; a new stage ends the one before it."""
        if stage not in self._tasks:
            self.end_all()
            self._tasks[stage] = self._bars.add_task(stage, total=total)
            self._printed_at = time.monotonic()
            if not console.is_terminal:
                console.print(f"  {stage} ...")
        elif not console.is_terminal and time.monotonic() - self._printed_at > _LINE_EVERY_S:
            self._printed_at = time.monotonic()
            console.print(f"  {stage} ... {done}" + (f" of {total}" if total else ""))
        self._bars.update(self._tasks[stage], completed=done, total=total)

    def end_all(self) -> None:
        """Complete the bars of stages whose total was not known."""
        for task in self._bars.tasks:
            if task.total is None:
                self._bars.update(task.id, total=max(task.completed, 1), completed=max(task.completed, 1))


@contextmanager
def stage_bars() -> Iterator[StageBars]:
    """Show progress bars during the block; without a terminal, print a line per stage and another every 30 s."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description:<18}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("remaining:"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        bars = StageBars(progress)
        yield bars
        bars.end_all()
