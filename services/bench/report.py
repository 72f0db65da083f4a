"""The parts of a benchmark's report: lines of text and tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Sequence


class ResultTable(NamedTuple):
    """A table of a report. Cells are printed with `str`."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[object]]


BenchmarkReport: TypeAlias = list[str | ResultTable]
