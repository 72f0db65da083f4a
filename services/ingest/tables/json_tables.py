"""Reads the rows of JSON files: JSON Lines, a list of objects, or an object with one list of objects."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, TypeAlias

from services.errors import ListingsFileError
from services.ingest.cleaning.repairs import Repair
from services.ingest.tables.json_documents import DECODER, is_json_lines, is_list, read_elements
from services.ingest.tables.rows import BrokenRow, Table, require_columns
from services.ingest.tables.text_files import RECORD_LIMIT, read_lines, replace_stray_bytes
from services.ingest.tables.values import paths_in, row_of_values
from services.reason_codes import ListingFlag, RejectReason

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from services.ingest.tables.rows import ColumnSelection, FileFormat, Rows

_Parsed: TypeAlias = "tuple[int, dict[str, object], tuple[Repair, ...]] | BrokenRow"
"""The line, the object and its repairs."""

_ID_WITHIN = 2000
"""Characters of a broken object in which its id is looked for."""

_STRING_OR_NUMBER = re.compile(
    r'"(?P<key>[^"\\]{1,200})"\s*:\s*(?:"(?P<text>[^"\\]{1,200})"|(?P<number>-?\d+))\s*(?=[,}])'
)
"""A key with a value that ends well."""

_OBJECTS_SEARCHED_FOR_KEYS = 100


def open_json(path: Path, file_format: FileFormat, *, is_document: bool) -> Table:
    """Read the keys of the first objects of a JSON file; see `open_table`.

    Args:
        path: the file.
        file_format: its encoding, if it is known.
        is_document: whether the file's name says that it is one document, not JSON Lines.
    """
    encoding = file_format.encoding
    is_document = is_list(path, encoding) or (is_document and not is_json_lines(path, encoding))
    parsed = partial(_elements if is_document else _lines, path, encoding)
    objects = [row[1] for row in islice(parsed(), _OBJECTS_SEARCHED_FOR_KEYS) if not isinstance(row, BrokenRow)]
    if not objects:
        raise ListingsFileError(path, "contains no JSON objects", "Write one JSON object on each line")
    columns = tuple(dict.fromkeys(key for entry in objects for key in entry))
    return Table(columns, lambda selection: _rows(path, parsed(), columns, selection=selection), paths_in(objects))


def _rows(path: Path, parsed: Iterator[_Parsed], columns: tuple[str, ...], *, selection: ColumnSelection) -> Rows:
    require_columns(path, selection.without_absent(columns), columns)
    for row in parsed:
        if isinstance(row, BrokenRow):
            yield replace(row, id=_visible_id(row.text, selection)) if row.reason == RejectReason.BROKEN_JSON else row
        else:
            number, entry, repairs = row
            yield row_of_values(number, entry, selection, repairs=repairs)


def _visible_id(text: str, selection: ColumnSelection) -> str:
    """Return the id of a broken object, if just one key at its depth is that of the id."""
    *outer, key = selection.path_of(selection.id)
    begun = text[:_ID_WITHIN]
    ids = [
        match["text"] if match["number"] is None else match["number"]
        for match in _STRING_OR_NUMBER.finditer(begun)
        if match["key"] == key and _depth(begun[: match.start()]) == len(outer) + 1
    ]
    return ids[0] if len(ids) == 1 else ""


def _depth(text: str) -> int:
    return text.count("{") - text.count("}")


def _lines(path: Path, encoding: str) -> Iterator[_Parsed]:
    for number, line in enumerate(read_lines(path, encoding), start=1):
        if line.strip():
            yield _parse(number, line)


def _parse(number: int, line: str) -> _Parsed:
    text, has_stray_bytes = replace_stray_bytes(line)
    if len(text) > RECORD_LIMIT:
        return BrokenRow(number, RejectReason.RECORD_TOO_LONG, text)
    try:
        entry = DECODER.decode(text)
    except (ValueError, RecursionError):
        return BrokenRow(number, RejectReason.BROKEN_JSON, text)
    if not isinstance(entry, dict):
        return BrokenRow(number, RejectReason.NOT_AN_OBJECT, text)
    return number, entry, (Repair(ListingFlag.NOT_UTF8),) if has_stray_bytes else ()


def _elements(path: Path, encoding: str) -> Iterator[_Parsed]:
    """Yield the elements of a list, numbered from 1: the whole list may stand on one line."""
    for number, (entry, text) in enumerate(read_elements(path, encoding), start=1):
        yield (number, entry, ()) if text.isascii() and isinstance(entry, dict) else _parse(number, text)
