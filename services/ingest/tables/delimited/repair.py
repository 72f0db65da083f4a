"""Repairs records that are not rows of the header's width, if their cells fit the columns in one way only. Pure.

An assignment gives each column one or more cells in a row: several if a delimiter of the column's text was not quoted.
It fits if

- the price is a readable price or blank,
- a quoted cell is all of its column, and a text over several lines is the free text,
- the id is one cell,
- cells that it leaves out are empty and stand at the end.

Two assignments that fit make the record ambiguous, since each of them would be a guess. So does a price joined from
several cells (`12` and `00`), and a join that leaves the price or a needed column blank.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import islice, pairwise
from typing import TYPE_CHECKING, TypeAlias

from services.ingest.tables.delimited.cells import cell_value, split_cells, without_line_end
from services.ingest.tables.delimited.layout import is_amount, is_price

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from services.ingest.tables.delimited.cells import Cell
    from services.ingest.tables.delimited.layout import CsvLayout

_CELLS_IN_PRICE = 5
"""Cells that one price can fall into: `1,234,567,890,00`."""

_PART_OF_PRICE = re.compile(r"[^\d\r\n]{0,12}\d[^\r\n]{0,20}|\s*[-–—.:]{1,3}\s*")
_SURPLUS_LIMIT = 100
"""Cells beyond the header, so that hostile text takes bounded time."""

_ASSIGNMENTS_SEEN = 20
_SHOWN_VALUE = 60

Assignment: TypeAlias = "tuple[int, ...]"
"""Where each column's cells begin, and after them where the last column's cells end."""


@dataclass(frozen=True, slots=True)
class RepairedFields:
    """The fields of a record that was read other than as standard CSV.

    Attributes:
        fields: one per column.
        repaired: positions of the columns that were repaired.
    """

    fields: tuple[str, ...]
    repaired: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """A record that can be read in several ways; `problem` shows two."""

    problem: str


def repair(text: str, layout: CsvLayout) -> RepairedFields | Ambiguous | None:
    """Split a record that is not standard CSV of the header's width; None if its cells fit the columns in no way."""
    content = without_line_end(text)
    cells = split_cells(content, layout)
    if len(cells) < layout.width:
        return _filled_up(content, cells, layout) if text != content else None  # without a line end it may be cut off
    filled = max((number for number, cell in enumerate(cells, start=1) if not cell.is_blank), default=0)
    if filled > layout.width + _SURPLUS_LIMIT:
        return None
    is_usual = len(cells) == layout.width + layout.extra
    record = _Record(content, cells[: filled + layout.width], layout)  # more empty cells at the end change nothing
    if filled <= layout.width and record.is_plain():
        return record.read_plainly(is_usual=is_usual)
    return record.read_joined()


def _filled_up(text: str, cells: Sequence[Cell], layout: CsvLayout) -> RepairedFields | None:
    """Read a record that lacks columns at its end, if none of them is needed."""
    missing = range(len(cells), layout.width)
    lacks = layout.read.intersection(missing)
    if not layout.read or lacks - layout.fillable or any(cell.is_text for cell in cells):
        return None
    fields = [cell_value(text, [cell], layout) for cell in cells]
    if layout.price_at is not None and (not is_amount(fields[layout.price_at]) or _may_be_split(text, cells, layout)):
        return None
    if not all(fields[at].strip() for at in layout.needed):
        return None
    return RepairedFields((*fields, *("" for _ in missing)), tuple(sorted(lacks)))


def _may_be_split(text: str, cells: Sequence[Cell], layout: CsvLayout) -> bool:
    """Say whether a short record may have its columns, if the delimiters in a quoted cell are no text.

    Then another price stands in or after that cell: `"TV 32"",Monitor 24",Nice,£100,5`.
    """
    before = cells[: layout.price_at]
    torn = (cell for cell in before if cell.is_quoted and layout.delimiter in text[cell.start : cell.end])
    first = next(torn, None)
    parts = text[first.start : before[-1].end].split(layout.delimiter) if first else []
    return any(is_amount(part.strip('" ')) for part in parts)


class _Record:
    """A record's cells and the assignments of them to the columns."""

    def __init__(self, text: str, cells: Sequence[Cell], layout: CsvLayout) -> None:
        self._text, self._cells, self._layout = text, cells, layout
        self._filled = max((number for number, cell in enumerate(cells, start=1) if not cell.is_blank), default=0)
        self._is_priced = layout.price_at is not None and not cells[layout.price_at].is_blank

    def is_plain(self) -> bool:
        """Whether each cell can be a column, apart from empty cells at the end."""
        layout = self._layout
        cells = self._cells[: layout.width]
        is_row = all(at == layout.text_at or _is_whole(cell) or cell.is_closed for at, cell in enumerate(cells))
        if any(cell.is_closed for at, cell in enumerate(cells) if at != layout.text_at):
            return is_row and self._has_price(self._plain) and not any(cell.is_text for cell in cells)
        is_standard = len(self._cells) > layout.width and not any(cell.is_text for cell in self._cells)
        return is_row and (is_standard or self._has_price(self._plain))

    def read_plainly(self, *, is_usual: bool) -> RepairedFields | Ambiguous:
        """Read each cell as a column, unless an assignment with joined cells fits too."""
        is_shifted = self._looks_shifted()
        rivals = iter(()) if is_usual else self._assignments(complete=True)
        at = self._layout.price_at  # cells after the price move only where a comma of a sentence shows it
        joined = [each for each in rivals if each[:-1] != self._plain[:-1] and (at is None or each[at] != at)]
        if not joined and is_shifted:
            joined = [each for each in islice(self._assignments(), 2) if each[:-1] != self._plain[:-1]]
        if joined:
            return self._ambiguous([self._plain, joined[0]])
        return RepairedFields(self._fields(self._plain), tuple(self._repaired(self._plain)))

    def read_joined(self) -> RepairedFields | Ambiguous | None:
        """Read the only assignment that fits."""
        found = list(islice(self._assignments(), _ASSIGNMENTS_SEEN))
        if not found:
            return None
        [only, *others] = found
        if others or self._is_guess(only):
            return self._ambiguous(found)
        return RepairedFields(self._fields(only), tuple(self._repaired(only)))

    @property
    def _plain(self) -> Assignment:
        return tuple(range(self._layout.width + 1))

    def _repaired(self, assignment: Assignment) -> list[int]:
        """Return the columns that are not one cell as standard CSV writes it."""
        odd = [cell.is_text or cell.is_odd for cell in self._cells]
        return [at for at, (start, end) in enumerate(pairwise(assignment)) if end - start > 1 or odd[start]]

    def _joins(self, assignment: Assignment) -> list[int]:
        return [column for column, (start, end) in enumerate(pairwise(assignment)) if end - start > 1]

    def _is_guess(self, assignment: Assignment) -> bool:
        """Say whether an assignment joins a price, or joins cells and leaves the price or a needed column blank."""
        joins, fields, layout = self._joins(assignment), self._fields(assignment), self._layout
        priced = {layout.price_at} - {None}
        return bool(joins) and (
            layout.price_at in joins or not all(fields[at].strip() for at in layout.needed | priced if at is not None)
        )

    def _looks_shifted(self) -> bool:
        """Say whether a cell begins with a blank, as after a comma in a sentence, where the header's names do not."""
        starts = (self._text[cell.start : cell.start + 2] for cell in self._cells[1:] if not cell.is_blank)
        return not self._layout.spaced and any(start.startswith(" ") for start in starts)

    def _fields(self, assignment: Assignment) -> tuple[str, ...]:
        return tuple(self._value(start, end) for start, end in pairwise(assignment))

    def _value(self, start: int, end: int) -> str:
        return cell_value(self._text, self._cells[start:end], self._layout)

    def _has_price(self, assignment: Assignment) -> bool:
        at = self._layout.price_at
        return at is None or is_price(self._value(assignment[at], assignment[at + 1]))

    def _assignments(self, *, complete: bool = False) -> Iterator[Assignment]:
        """Yield every assignment that fits; if `complete`, only those with all that a record needs.

        That includes a price if there is a cell in its place. Quoted cells are columns then, not parts of the text.
        """
        width, count = self._layout.width, len(self._cells)
        ends: list[dict[int, list[int]]] = [{} for _ in range(width)]
        reachable = set(range(max(self._filled, width), count + 1))
        for column in reversed(range(width)):
            for start in range(column, column + count - width + 1):
                fitting = [end for end in self._ends(column, start, complete=complete) if end in reachable]
                if fitting:
                    ends[column][start] = fitting
            reachable = set(ends[column])
        yield from _paths(ends, (0,))

    def _ends(self, column: int, start: int, *, complete: bool) -> Iterator[int]:
        """Yield where a column can end that begins with a cell."""
        layout, first = self._layout, self._cells[start]
        if self._is_cell_of(column, first, complete=complete):
            yield start + 1
        if first.is_quoted and not first.is_odd:
            return
        if column != layout.text_at and (column == layout.id_at or not layout.header[column] or first.is_odd):
            return
        for end in range(start + 2, min(start + len(self._cells) - layout.width + 1, len(self._cells)) + 1):
            last = self._cells[end - 1]
            if column == layout.price_at:
                if end - start > _CELLS_IN_PRICE or not self._is_part_of_price(last):
                    return
                if self._is_part_of_price(first) and is_price(self._value(start, end)):
                    yield end
            elif (complete or column != layout.text_at) and (first.is_text or last.is_text or last.is_quoted):
                return
            elif not last.is_blank or (column < layout.width - 1 and not complete):
                yield end

    def _is_cell_of(self, column: int, cell: Cell, *, complete: bool) -> bool:
        layout = self._layout
        if column != layout.text_at and not _is_whole(cell):
            return False
        if column == layout.price_at:
            return is_price(cell_value(self._text, [cell], layout)) and not (
                complete and cell.is_blank and self._is_priced
            )
        if column == layout.id_at:
            return not cell.is_blank
        return not (complete and cell.is_blank and column in layout.needed)

    def _is_part_of_price(self, cell: Cell) -> bool:
        """Say whether a cell can stand between two commas of a price: it has digits, as in `1,299,00`, or is a dash."""
        text = self._text[cell.start : cell.end]
        return not (cell.is_text or cell.is_quoted) and bool(_PART_OF_PRICE.fullmatch(text))

    def _ambiguous(self, found: Sequence[Assignment]) -> Ambiguous:
        """Show two assignments: with a joined price, or else with the first join, and with joined free text."""
        layout = self._layout
        first = min(found, key=lambda each: (self._joins(each) != [layout.price_at], self._joins(each)))
        others = [each for each in found if each != first]
        if not others:
            joined = ", ".join(self._shown(first, column) for column in self._joins(first))
            return Ambiguous(f"Perhaps {joined}; quote it if so")
        second = min(others, key=lambda each: self._joins(each) != [layout.text_at])
        fields, rivals = self._fields(first), self._fields(second)
        differing = [at for at in range(layout.width) if fields[at] != rivals[at]]
        readings = (" and ".join(self._shown(each, at) for at in differing) for each in (first, second))
        return Ambiguous(f"Either {', or '.join(readings)}")

    def _shown(self, assignment: Assignment, column: int) -> str:
        text = self._fields(assignment)[column]
        shown = text if len(text) <= _SHOWN_VALUE else f"{text[:_SHOWN_VALUE]}…"
        return f"{self._layout.header[column] or 'the first column'} {shown!r}"


def _is_whole(cell: Cell) -> bool:
    """Say whether a cell can be a column other than the free text."""
    return not cell.is_text and (cell.is_quoted or not cell.is_odd)


def _paths(ends: Sequence[dict[int, list[int]]], path: Assignment) -> Iterator[Assignment]:
    if len(path) > len(ends):
        yield path
        return
    for end in ends[len(path) - 1].get(path[-1], ()):
        yield from _paths(ends, (*path, end))
