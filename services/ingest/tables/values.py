"""Converts the typed values of JSON Lines and Parquet to rows of text."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from services.ingest.cleaning.repairs import Repair
from services.ingest.tables.rows import BrokenRow, ColumnSelection, Row
from services.ingest.tables.text_files import replace_stray_bytes
from services.reason_codes import ListingFlag, RejectReason

if TYPE_CHECKING:
    from collections.abc import Mapping


def row_of_values(
    number: int, values: Mapping[str, object], selection: ColumnSelection, *, repairs: tuple[Repair, ...] = ()
) -> Row | BrokenRow:
    """Return the row with every value as text, or a broken row for a value that is neither text nor a number."""
    cells = dict[str, str]()
    for column, value in values.items():
        if isinstance(value, bytes):
            value, has_stray_bytes = replace_stray_bytes(value.decode("utf-8", "surrogateescape"))
            repairs = (Repair(ListingFlag.NOT_UTF8),) if has_stray_bytes else repairs
        cell = _texts(value) if isinstance(value, list) and column == selection.texts else _cell(value)
        if cell is None and column in selection.optional:
            cell = ""
        if cell is None:
            return BrokenRow(number, RejectReason.WRONG_TYPE, str(value), column)
        cells[column] = cell
    return Row(number, cells, repairs)


def _cell(value: object) -> str | None:
    """Return a value as text; None if it is neither text nor a number."""
    if value is None or value != value:  # NaN differs from itself
        return ""
    return None if isinstance(value, dict | list | bool) else str(value)


def _texts(values: list[object]) -> str | None:
    return json.dumps(values, ensure_ascii=False) if all(isinstance(value, str) for value in values) else None
