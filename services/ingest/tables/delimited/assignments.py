"""Finds the ways in which the cells of a record can be its columns. Pure.

An assignment gives each column one or more cells in a row: several if a delimiter of the column's text was not quoted.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, TypeAlias

from services.ingest.tables.delimited.cells import cell_value
from services.ingest.tables.delimited.layout import is_amount, is_price

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from services.ingest.tables.delimited.cells import Cell
    from services.ingest.tables.delimited.layout import CsvLayout

_CELLS_IN_PRICE = 5
"""Cells that one price can fall into: `1,234,567,890,00`."""

_PART_OF_PRICE = re.compile(r"[^\d\r\n]{0,12}\d[^\r\n]{0,20}|\s*[-–—.:]{1,3}\s*")
_NUMBER = r"\d{1,9}(?:(?:,\d{2})*(?:[.,'’]\d{3})+)?(?:[.,](?:\d{1,3}|[-–—]{1,2}))?"
_JOINED_PRICE = re.compile(rf"\D{{0,20}}{_NUMBER}(?:[^\d.,].{{0,40}})?")
"""A price in several cells, without its blanks; no need for the parser, since it is rejected anyway."""

_WITH_CURRENCY = re.compile(r"\d.*[^\W\d_]|[^\W\d_].*\d|[£€$¥₹]")
_BLANKS = re.compile(r"\s+")

Assignment: TypeAlias = "tuple[int, ...]"
"""Where each column's cells begin, and after them where the last column's cells end."""


class RecordCells:
    """A record's cells and the assignments of them to the columns.

    Attributes:
        text: the record without its line end.
        cells: at least one per column.
        layout: of the file.
        is_plain: whether each cell can be a column, apart from empty cells at the end.
    """

    def __init__(self, text: str, cells: Sequence[Cell], layout: CsvLayout) -> None:
        self.text, self.cells, self.layout = text, cells, layout
        self._filled = max((number for number, cell in enumerate(cells, start=1) if not cell.is_blank), default=0)
        self._quoted = max((number for number, cell in enumerate(cells, start=1) if cell.is_quoted), default=0)
        self.is_plain = self._is_plain()
        self._is_price_shown = self.is_plain and self._shows_price()

    @property
    def plain(self) -> Assignment:
        """Each cell as a column."""
        return tuple(range(self.layout.width + 1))

    def fields(self, assignment: Assignment) -> tuple[str, ...]:
        return tuple(self._value(start, end) for start, end in pairwise(assignment))

    def _value(self, start: int, end: int) -> str:
        return cell_value(self.text, self.cells[start:end], self.layout)

    def has_price(self, assignment: Assignment) -> bool:
        at = self.layout.price_at
        return at is None or is_price(self._value(assignment[at], assignment[at + 1]))

    def looks_shifted(self) -> bool:
        """Say whether a cell begins with a blank, as after a comma in a sentence, where the header's names do not."""
        starts = (self.text[cell.start : cell.start + 2] for cell in self.cells[1:] if not cell.is_blank)
        return not self.layout.spaced and any(start.startswith(" ") for start in starts)

    def assignments(self) -> Iterator[Assignment]:
        """Yield every assignment that fits."""
        width, count = self.layout.width, len(self.cells)
        reachable = [set(range(max(self._filled, width), count + 1))]
        for column in reversed(range(width)):
            starts = range(column, column + count - width + 1)
            following = reachable[-1]
            reachable.append({at for at in starts if not following.isdisjoint(self._ends(column, at))})
        yield from self._paths((0,), reachable[::-1])

    def _paths(self, path: Assignment, reachable: Sequence[set[int]]) -> Iterator[Assignment]:
        column = len(path) - 1
        if path[-1] not in reachable[column]:
            return
        if column == self.layout.width:
            yield path
            return
        for end in self._ends(column, path[-1]):
            yield from self._paths((*path, end), reachable)

    def _ends(self, column: int, start: int) -> Iterator[int]:
        """Yield where a column can end that begins with a cell."""
        layout, first = self.layout, self.cells[start]
        if self._is_cell_of(column, start):
            yield start + 1
        if first.is_quoted and not first.is_odd:
            return
        if column != layout.text_at and (column == layout.id_at or not layout.header[column] or first.is_odd):
            return
        last_end = min(start + len(self.cells) - layout.width + 1, len(self.cells))
        if column == layout.price_at:
            last_end = min(last_end, start + _CELLS_IN_PRICE) if self._is_part_of_price(first) else start
        for end in range(start + 2, last_end + 1):
            last = self.cells[end - 1]
            if column == layout.price_at:
                if not self._is_part_of_price(last):
                    return
                if self._may_be_price(start, end):
                    yield end
            elif self._ends_join(column, first, last):
                return
            elif not last.is_blank or end < max(self._filled, self._quoted):
                yield end

    def _ends_join(self, column: int, first: Cell, last: Cell) -> bool:
        """Say whether a column that begins with `first` cannot reach to `last`.

        In a plain row, a join after the price must be filled, as `Leeds,UK`: a blank column says nothing.
        """
        at = self.layout.price_at
        if self.is_plain and at is not None and column > at and (first.is_blank or last.is_blank):
            return True
        return column != self.layout.text_at and (first.is_text or last.is_text or last.is_quoted)

    def _is_cell_of(self, column: int, at: int) -> bool:
        cell = self.cells[at]
        if column != self.layout.text_at and not _is_whole(cell):
            return False
        if column == self.layout.price_at:
            return self._may_be_price(at, at + 1) and not (self._is_price_shown and cell.is_blank)
        return column != self.layout.id_at or not cell.is_blank

    def _may_be_price(self, start: int, end: int) -> bool:
        """Say whether cells are a price, perhaps with a blank after a comma, or with other delimiters between them."""
        value = self._value(start, end)
        if end - start > 1:
            return bool(_JOINED_PRICE.fullmatch(_BLANKS.sub("", value.replace(self.layout.delimiter, ","))))
        return is_price(value) or (", " in value and is_price(_BLANKS.sub("", value)))

    def _is_part_of_price(self, cell: Cell) -> bool:
        """Say whether a cell can stand between two commas of a price: it has digits, as in `1,299,00`, or is a dash."""
        text = self.text[cell.start : cell.end]
        return not (cell.is_text or cell.is_quoted) and bool(_PART_OF_PRICE.fullmatch(text))

    def _is_plain(self) -> bool:
        """Say whether each cell can be a column, apart from empty cells at the end."""
        layout, cells = self.layout, self.cells[: self.layout.width]
        is_row = all(at == layout.text_at or _is_whole(cell) or cell.is_closed for at, cell in enumerate(cells))
        if self._filled > layout.width or not is_row:
            return False
        is_long = any(cell.is_text for cell in self.cells)
        if any(cell.is_closed for at, cell in enumerate(cells) if at != layout.text_at):
            return not is_long and self.has_price(self.plain)
        return (len(self.cells) > layout.width and not is_long) or self.has_price(self.plain)

    def _shows_price(self) -> bool:
        """Say whether a plain row has a price in its place that cannot be a number of some text.

        No number stands beside it, it has a currency or the next column is filled, and no cell looks shifted.
        """
        at = self.layout.price_at
        if not at or at + 1 >= len(self.cells) or self.looks_shifted():
            return False
        price, before, after = (
            "" if cell.is_quoted and cell is not self.cells[at] else self._value(number, number + 1).strip()
            for number, cell in ((each, self.cells[each]) for each in (at, at - 1, at + 1))
        )
        if not is_amount(price) or before[-1:].isdigit() or after[:1].isdigit():
            return False
        return (self._filled > at + 1 and not self.cells[at + 1].is_blank) or _WITH_CURRENCY.search(price) is not None


def _is_whole(cell: Cell) -> bool:
    """Say whether a cell can be a column other than the free text."""
    return not cell.is_text and (cell.is_quoted or not cell.is_odd)
