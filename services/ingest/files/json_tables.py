"""Reads the rows of JSON Lines files."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from more_itertools import spy

from services.errors import ListingsFileError
from services.ingest.files.rows import BrokenRow, require_columns
from services.ingest.files.text_files import RECORD_LIMIT, read_lines, replace_stray_bytes
from services.ingest.files.values import row_of_values
from services.reason_codes import ListingFlag, RejectReason

if TYPE_CHECKING:
    from pathlib import Path

    from services.ingest.files.rows import ColumnSelection, Rows

_LINES_SEARCHED_FOR_KEYS = 100


def json_rows(path: Path, selection: ColumnSelection) -> Rows:
    """Yield every row of a JSON Lines file; see `read_table`."""
    parsed = (_parse(number, line) for number, line in enumerate(read_lines(path), start=1) if line.strip())
    first, rows = spy(parsed, _LINES_SEARCHED_FOR_KEYS)
    objects = [row for row in first if not isinstance(row, BrokenRow)]
    if not objects:
        raise ListingsFileError(path, "contains no JSON objects", "Write one JSON object on each line")
    keys = [key for _, entry, _ in objects for key in entry]
    require_columns(path, selection.without_absent(keys), keys)
    for row in rows:
        if isinstance(row, BrokenRow):
            yield row
        else:
            number, entry, flags = row
            yield row_of_values(
                number, {column: entry.get(column) for column in selection.columns}, selection, flags=flags
            )


def _parse(number: int, line: str) -> tuple[int, dict[str, object], tuple[str, ...]] | BrokenRow:
    """Return the line number, the object and the flags of a line."""
    text, has_stray_bytes = replace_stray_bytes(line)
    if len(text) > RECORD_LIMIT:
        return BrokenRow(number, RejectReason.RECORD_TOO_LONG, text)
    try:
        entry = json.loads(text, parse_float=str, parse_int=str, parse_constant=lambda _name: None)
    except (ValueError, RecursionError):
        return BrokenRow(number, RejectReason.BROKEN_JSON, text)
    if not isinstance(entry, dict):
        return BrokenRow(number, RejectReason.NOT_AN_OBJECT, text)
    return number, entry, (ListingFlag.NOT_UTF8,) if has_stray_bytes else ()
