"""Finds ids that a spreadsheet rounded: it shows `1.23457E+12`, and keeps 15 digits of a number.

What the id was is lost, and several ids become one. So `1.23457E+12` is rejected. Numbers that end in zeros after 15
digits may be ids of a shop, unless there are many of them: then the file has a warning, and those that occur more than
once are rejected.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from services.ingest.cleaning.repairs import Repair
from services.ingest.tables.rows import BrokenRow, Row
from services.reason_codes import ListingFlag, RejectReason

if TYPE_CHECKING:
    from services.ingest.tables.rows import ColumnSelection, Rows, Table

_SCIENTIFIC = re.compile(r"-?\d(?:[.,](\d+))?[eE]\+(\d{2,3})")
_KEPT_DIGITS = 15
_ROUNDED = re.compile(rf"[1-9]\d{{{_KEPT_DIGITS - 1}}}(0+)")
_LONG = re.compile(rf"\d{{{_KEPT_DIGITS + 1},}}")

_CERTAIN_ZEROS = 6
"""Zeros in the place of lost digits, in different ids, that chance gives once in a million files."""

_REMEDY = "a spreadsheet rounded the id. Format the column as text, enter the ids again and export"


def without_rounded_ids(table: Table) -> Table:
    """Return the table with broken rows in place of those with a rounded id, in the columns `ColumnSelection.ids`."""
    return replace(table, rows=lambda selection: _rows(table, selection))


def _rows(table: Table, selection: ColumnSelection) -> Rows:
    rounded: Counter[tuple[str, str]] | None = None
    for row in table.rows(selection):
        if isinstance(row, Row):
            if rounded is None:
                rounded = _rounded(table, selection, first=row)
            yield _checked(row, selection, rounded)
        else:
            yield row


def _checked(row: Row, selection: ColumnSelection, rounded: Counter[tuple[str, str]]) -> Row | BrokenRow:
    for column in selection.ids:
        cell = row.cells.get(column, "").strip()
        match = _SCIENTIFIC.fullmatch(cell) if "+" in cell else None
        if (match and len(match[1] or "") < int(match[2])) or rounded[column, cell] > 1:
            row_id = row.cells.get(selection.id, "").strip()
            return BrokenRow(row.line, RejectReason.ROUNDED_ID, f"{cell}: {_REMEDY}", column, row_id)
    return row


def _rounded(table: Table, selection: ColumnSelection, *, first: Row) -> Counter[tuple[str, str]]:
    """Return how often each rounded number stands in a column; read the table only if the first row has one."""
    columns = {column for column in selection.ids if _ROUNDED.fullmatch(first.cells.get(column, "").strip())}
    counts = Counter[tuple[str, str]]()
    rows = (row for row in table.rows(selection) if isinstance(row, Row)) if columns else ()
    for row in rows:
        cells = {column: row.cells[column].strip() for column in columns}
        counts.update((column, cell) for column, cell in cells.items() if _ROUNDED.fullmatch(cell))
        columns -= {column for column, cell in cells.items() if _LONG.fullmatch(cell) and not _ROUNDED.fullmatch(cell)}
    for column in sorted(columns):
        ids = [cell for name, cell in counts if name == column]
        if sum(len(cell) - _KEPT_DIGITS for cell in ids) >= _CERTAIN_ZEROS:
            table.tell(Repair(ListingFlag.ROUNDED_IDS, column, f"{len(ids)} ids such as {min(ids)}"))
        else:
            columns.discard(column)
    return Counter({key: count for key, count in counts.items() if key[0] in columns})
