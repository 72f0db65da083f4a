"""Reads ids that a program turned into decimal numbers: `101.0` is `101`, if all ids of the column are like that.

pandas does so to a column of whole numbers in which one is missing.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from services.ingest.cleaning.repairs import Repair
from services.ingest.tables.rows import Row, Table
from services.reason_codes import ListingFlag

if TYPE_CHECKING:
    from services.ingest.tables.rows import ColumnSelection, Rows

_DECIMAL = re.compile(r"(-?\d+)\.0+")


def with_whole_ids(table: Table) -> Table:
    """Return the table with whole numbers as ids, in the columns `ColumnSelection.ids` names."""
    return replace(table, rows=lambda selection: _rows(table, selection))


def _rows(table: Table, selection: ColumnSelection) -> Rows:
    suspects: set[str] | None = None
    for row in table.rows(selection):
        if isinstance(row, Row):
            if suspects is None:
                suspects = _decimal_columns(table, selection, first=row)
            row = _with_whole(row, suspects) if suspects else row
        yield row


def _decimal_columns(table: Table, selection: ColumnSelection, *, first: Row) -> set[str]:
    """Return the columns in which each id has a decimal part of zero; read the table only if the first row's may."""
    columns = {column for column in selection.ids if _is_decimal_or_blank(first.cells[column].strip())}
    for row in table.rows(selection) if columns else ():
        if isinstance(row, Row):
            columns -= {column for column in columns if not _is_decimal_or_blank(row.cells[column].strip())}
            if not columns:
                break
    return columns


def _is_decimal_or_blank(text: str) -> bool:
    return not text or _DECIMAL.fullmatch(text) is not None


def _with_whole(row: Row, columns: set[str]) -> Row:
    cells, repairs = dict(row.cells), list(row.repairs)
    for column in columns:
        if match := _DECIMAL.fullmatch(cells[column].strip()):
            repairs.append(Repair(ListingFlag.DECIMAL_ID, column, cells[column], match[1]))
            cells[column] = match[1]
    return replace(row, cells=cells, repairs=tuple(repairs))
