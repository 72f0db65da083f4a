"""What commands print: progress on standard error, answers on standard output."""

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

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from rich.progress import TaskID

_LINE_EVERY_S = 30.0
"""How often a long stage says how far it is where there is no terminal to draw a bar on."""

console = Console(stderr=True, highlight=False)
output = Console(highlight=False)


def fail(message: str) -> NoReturn:
    """Print one line on standard error and leave with exit code 1."""
    sys.stderr.write(f"Error: {' '.join(message.split())}\n")
    sys.exit(1)


def print_json(answer: object) -> None:
    """Print a value object as one JSON document."""
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(answer)).decode() + "\n")


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows as a table."""
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
        """Show how far the stage is; a stage ends when the next one begins."""
        if stage not in self._tasks:
            self._end_all()
            self._tasks[stage] = self._bars.add_task(stage, total=total)
            self._printed_at = time.monotonic()
            if not console.is_terminal:
                console.print(f"  {stage} ...")
        elif not console.is_terminal and time.monotonic() - self._printed_at > _LINE_EVERY_S:
            self._printed_at = time.monotonic()
            console.print(f"  {stage} ... {done}" + (f" of {total}" if total else ""))
        self._bars.update(self._tasks[stage], completed=done, total=total)

    def _end_all(self) -> None:
        for task in self._bars.tasks:
            if task.total is None:
                self._bars.update(task.id, total=max(task.completed, 1), completed=max(task.completed, 1))


@contextmanager
def stage_bars() -> Iterator[StageBars]:
    """Show progress bars while the block runs; without a terminal, a line per stage and half minute."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description:<18}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left:"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as bars:
        shown = StageBars(bars)
        yield shown
        shown._end_all()
