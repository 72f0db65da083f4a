"""Reads the rows of a photo table, one at a time."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from db.rows.records import PhotoRecord, RejectedRecord
from services.ingest.cleaning.text import clean_line, shorten
from services.ingest.feeds.header import find_photo_columns
from services.ingest.feeds.records import rejected_row
from services.ingest.photos.urls import is_too_long, normal_url, stored_id
from services.ingest.tables.formats import open_table
from services.ingest.tables.rows import BrokenRow, ColumnSelection
from services.reason_codes import RejectReason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from services.ingest.cleaning.repairs import Repair
    from services.ingest.feeds.columns import Columns, PhotoColumns
    from services.ingest.tables.rows import Row, Table


def read_photo_table(
    path: Path, columns: Columns, *, tell: Callable[[Repair], None] = lambda _notice: None
) -> Iterator[PhotoRecord | RejectedRecord]:
    """Yield every row of a photo table in order, as a photo or as a reject; the formats are those of listings files.

    Rejects have the reasons `missing_id` (with the listing's id, if there is one), `missing_listing_id`, `id_too_long`
    and the reasons of `open_table`. At the end, `tell` is called with what was found out about the whole table.

    Raises:
        ListingsFileError: while iterating: the file cannot be read at all.
        MissingColumns: a column of the mapping is missing.
    """
    table, names = _open_photo_table(path, columns)
    selection = ColumnSelection(
        tuple(filter(None, (names.id, names.listing_id, names.file))), id=names.id, ids=(names.id, names.listing_id)
    )
    for row in table.rows(selection):
        yield rejected_row(path.name, row) if isinstance(row, BrokenRow) else _photo(path, row, names)
    for notice in table.notices:
        tell(notice)


def check_photo_table(path: Path, columns: Columns) -> None:
    """Read a photo table's first row, to find errors of the whole file early.

    Raises:
        ListingsFileError: the file cannot be read.
        MissingColumns: a column of the mapping is missing.
    """
    next(read_photo_table(path, columns), None)


def _open_photo_table(path: Path, columns: Columns) -> tuple[Table, PhotoColumns]:
    """Open the table as the mapping says that the listings file is written; its delimiter and sheet may differ."""
    written, wanted = replace(columns.file, sheet=""), asdict(columns.photos).values()
    table = open_table(path, written, names=tuple(wanted))
    names = find_photo_columns(path, columns.photos, table.columns)
    if columns.file.delimiter and not {names.id, names.listing_id} <= set(table.columns):
        table = open_table(path, replace(written, delimiter=""))
        names = find_photo_columns(path, columns.photos, table.columns)
    return table, names


def _photo(path: Path, row: Row, names: PhotoColumns) -> PhotoRecord | RejectedRecord:
    named, file, listing_id = _photo_name(row.cells[names.id]), "", clean_line(row.cells[names.listing_id])
    if names.file:
        file = _photo_name(row.cells[names.file])
    external_id, source = named or file, file or named
    text = shorten(" ".join(row.cells.values()))
    rejected = RejectedRecord(path.name, row.line, shorten(external_id), "id", "", text)
    if not external_id:
        return replace(rejected, record_id=shorten(listing_id), reason=RejectReason.MISSING_ID)
    if not listing_id:
        return replace(rejected, field="listing_id", reason=RejectReason.MISSING_LISTING_ID)
    if is_too_long(external_id) or is_too_long(source):
        return replace(rejected, reason=RejectReason.ID_TOO_LONG)
    return PhotoRecord(stored_id(external_id), listing_id, source, path.name, row.line)


def _photo_name(cell: str) -> str:
    return normal_url(cell) or clean_line(cell)
