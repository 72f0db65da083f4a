"""Repairs records that are not rows of the header's width, if their cells fit the columns in one way only. Pure.

An assignment of cells to columns fits if

- the price is a readable price or blank,
- a quoted cell is all of its column, and a text over several lines is the free text,
- the id is one cell,
- cells that it leaves out are empty and stand at the end.

Two assignments that fit make the record ambiguous, since each of them would be a guess. So does a price joined from
several cells (`12` and `00`), a join that leaves the price or a needed column blank, and a text on one line joined with
a quoted cell.

Empty cells at the end prove nothing: the last column can be blank, and a comma of some text can have moved the others.
They are left out without a search only if the file's rows usually end so. Otherwise an assignment without a price is
dropped if the row shows that its price is in its place (see `RecordCells`). What cannot be known: whether an empty cell
at the end is a comma at the end of the last filled text.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice, pairwise
from typing import TYPE_CHECKING

from services.ingest.tables.delimited.assignments import RecordCells
from services.ingest.tables.delimited.cells import cell_value, split_cells, without_line_end
from services.ingest.tables.delimited.layout import is_amount

if TYPE_CHECKING:
    from collections.abc import Sequence

    from services.ingest.tables.delimited.assignments import Assignment
    from services.ingest.tables.delimited.cells import Cell
    from services.ingest.tables.delimited.layout import CsvLayout

_SURPLUS_LIMIT = 100
"""Cells beyond the header, so that hostile text takes bounded time."""

_SURPLUS_WITHOUT_QUOTES = 20
"""The same for a record on one line without quotation marks: so many cells fit in several ways in any case."""

_ASSIGNMENTS_SEEN = 20
_SHOWN_VALUE = 60


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
    is_open = not any(cell.is_text or cell.is_quoted for cell in cells)
    if filled > layout.width + (_SURPLUS_WITHOUT_QUOTES if is_open else _SURPLUS_LIMIT):
        return None
    is_usual = len(cells) == layout.width + layout.extra
    is_usual = is_usual and not any(cell.is_quoted for cell in cells[layout.width :])
    record = RecordCells(content, cells[: filled + layout.width], layout)  # more empty cells at the end change nothing
    return _Reader(record).read(is_usual=is_usual)


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


class _Reader:
    """Reads a record through the assignments of its cells."""

    def __init__(self, record: RecordCells) -> None:
        self._record, self._layout = record, record.layout

    def read(self, *, is_usual: bool) -> RepairedFields | Ambiguous | None:
        """Read the only assignment that fits.

        If rows usually have as many empty cells at the end, each other cell is a column, unless one looks shifted.
        """
        record = self._record
        if record.is_plain and is_usual and not record.looks_shifted():
            found = [record.plain]
        else:
            found = list(islice(record.assignments(), _ASSIGNMENTS_SEEN))
            if record.is_plain:
                found = [record.plain, *(each for each in found if each[:-1] != record.plain[:-1])]
        if not found:
            return None
        if len(found) > 1 or self._is_guess(found[0]):
            return self._ambiguous(found)
        return RepairedFields(self._record.fields(found[0]), tuple(self._repaired(found[0])))

    def _repaired(self, assignment: Assignment) -> list[int]:
        """Return the columns that are not one cell as standard CSV writes it."""
        odd = [cell.is_text or cell.is_odd for cell in self._record.cells]
        return [at for at, (start, end) in enumerate(pairwise(assignment)) if end - start > 1 or odd[start]]

    def _joins(self, assignment: Assignment) -> list[int]:
        return [column for column, (start, end) in enumerate(pairwise(assignment)) if end - start > 1]

    def _is_guess(self, assignment: Assignment) -> bool:
        """Say whether an assignment joins a price or quoted cells, or leaves the price or a needed column blank."""
        joins, fields, layout = self._joins(assignment), self._record.fields(assignment), self._layout
        if not joins:
            return False
        priced = {layout.price_at} - {None}
        return (
            layout.price_at in joins
            or self._is_torn()
            or not self._record.has_price(assignment)
            or (layout.text_at in joins and self._holds_quoted(assignment, layout.text_at))
            or not all(fields[at].strip() for at in layout.needed | priced if at is not None)
        )

    def _is_torn(self) -> bool:
        """Say whether a quoted cell may end later, `"two", three, four"`, or begin earlier, `"Small," round table"`."""
        is_quoted = is_opened = False
        for cell in self._record.cells:
            shown = self._record.text[cell.start : cell.end]
            if is_opened and cell.is_quoted:
                return True
            is_opened = cell.is_odd and not (cell.is_quoted or cell.is_text or cell.is_closed)
            is_quoted = is_quoted or (cell.is_quoted and not cell.is_odd)
            is_closing = shown.endswith('"') and (shown.endswith('""') or shown.count('"') % 2 == 1)
            if is_quoted and is_closing and not (cell.is_quoted or cell.is_text):
                return True
        return False

    def _holds_quoted(self, assignment: Assignment, column: int) -> bool:
        """Say whether a join on one line holds a quoted cell; a text over several lines may quote a word."""
        cells = self._record.cells[assignment[column] : assignment[column + 1]]
        return any(cell.is_quoted for cell in cells) and not any(cell.is_text for cell in cells)

    def _ambiguous(self, found: Sequence[Assignment]) -> Ambiguous:
        """Show two assignments: with a joined price, or else with the first join, and with joined free text."""
        layout = self._layout
        first = min(found, key=lambda each: (self._joins(each) != [layout.price_at], self._joins(each)))
        others = [each for each in found if each != first]
        if not others:
            joined = ", ".join(self._shown(first, column) for column in self._joins(first))
            return Ambiguous(f"Perhaps {joined}; quote it if so")
        second = min(others, key=lambda each: self._joins(each) != [layout.text_at])
        fields, rivals = self._record.fields(first), self._record.fields(second)
        differing = [at for at in range(layout.width) if fields[at] != rivals[at]]
        readings = (" and ".join(self._shown(each, at) for at in differing) for each in (first, second))
        return Ambiguous(f"Either {', or '.join(readings)}")

    def _shown(self, assignment: Assignment, column: int) -> str:
        text = self._record.fields(assignment)[column]
        shown = text if len(text) <= _SHOWN_VALUE else f"{text[:_SHOWN_VALUE]}…"
        return f"{self._layout.header[column] or 'the first column'} {shown!r}"
