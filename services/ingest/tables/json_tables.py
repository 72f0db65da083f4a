"""Reads the rows of JSON Lines files."""

from __future__ import annotations

import json
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

from services.errors import ListingsFileError
from services.ingest.cleaning.repairs import Repair
from services.ingest.tables.rows import BrokenRow, Table, require_columns
from services.ingest.tables.text_files import RECORD_LIMIT, read_lines, replace_stray_bytes
from services.ingest.tables.values import row_of_values
from services.reason_codes import ListingFlag, RejectReason

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from services.ingest.tables.rows import ColumnSelection, Rows

_LINES_SEARCHED_FOR_KEYS = 100


def open_json(path: Path) -> Table:
    """Read the keys of the first objects of a JSON Lines file; see `open_table`."""
    objects = [row[1] for row in islice(_parsed(path), _LINES_SEARCHED_FOR_KEYS) if not isinstance(row, BrokenRow)]
    if not objects:
        raise ListingsFileError(path, "contains no JSON objects", "Write one JSON object on each line")
    return Table(tuple(dict.fromkeys(key for entry in objects for key in entry)), partial(_rows, path))


def _rows(path: Path, selection: ColumnSelection) -> Rows:
    keys = open_json(path).columns
    require_columns(path, selection.without_absent(keys), keys)
    for row in _parsed(path):
        if isinstance(row, BrokenRow):
            yield row
        else:
            number, entry, repairs = row
            yield row_of_values(
                number, {column: entry.get(column) for column in selection.columns}, selection, repairs=repairs
            )


def _parsed(path: Path) -> Iterator[tuple[int, dict[str, object], tuple[Repair, ...]] | BrokenRow]:
    return (_parse(number, line) for number, line in enumerate(read_lines(path), start=1) if line.strip())


def _parse(number: int, line: str) -> tuple[int, dict[str, object], tuple[Repair, ...]] | BrokenRow:
    """Return the line number, the object and the repairs of a line."""
    text, has_stray_bytes = replace_stray_bytes(line)
    if len(text) > RECORD_LIMIT:
        return BrokenRow(number, RejectReason.RECORD_TOO_LONG, text)
    try:
        entry = json.loads(text, parse_float=str, parse_int=str, parse_constant=lambda _name: None)
    except (ValueError, RecursionError):
        return BrokenRow(number, RejectReason.BROKEN_JSON, text)
    if not isinstance(entry, dict):
        return BrokenRow(number, RejectReason.NOT_AN_OBJECT, text)
    return number, entry, (Repair(ListingFlag.NOT_UTF8),) if has_stray_bytes else ()
