"""Reads listings and photo tables through a column mapping, one record at a time."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from db.rows.records import PhotoRecord, RejectedRecord
from services.ingest.cleaning.raw_listing import RawListing
from services.ingest.cleaning.repairs import Repair
from services.ingest.cleaning.text import clean_line, shorten
from services.ingest.photos.cells import split_photos
from services.ingest.photos.urls import is_too_long, normal_url, stored_id
from services.ingest.tables.formats import open_table
from services.ingest.tables.rows import BrokenRow, ColumnSelection
from services.reason_codes import ListingFlag, RejectReason

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from services.ingest.feeds.columns import Columns, ListingColumns, PhotoColumns
    from services.ingest.tables.rows import Row


def read_listings(path: Path, columns: Columns) -> Iterator[RawListing | RejectedRecord]:
    """Yield every record of a listings file in order, as a listing or as a reject with its reason.

    Raises:
        ListingsFileError: while iterating: the file cannot be read at all.
        MissingColumns: a column of the mapping is missing.
    """
    names = columns.listings
    selection = ColumnSelection(
        _listing_columns(names),
        id=names.id,
        free_text=names.description,
        price=names.price,
        texts=names.photos,
        optional=names.optional_columns,
        fillable=tuple(filter(None, (names.description, names.location, names.photos, names.seller, names.listed_at))),
        ids=(names.id,),
    )
    for row in open_table(path).rows(selection):
        yield _rejected(path, row) if isinstance(row, BrokenRow) else _raw_listing(path, row, names)


def read_photo_table(path: Path, columns: Columns) -> Iterator[PhotoRecord | RejectedRecord]:
    """Yield every row of a photo table in order, as a photo or as a reject; the formats are those of listings files.

    Rejects have the reasons `missing_id`, `missing_listing_id`, `id_too_long` and the reasons of `open_table`.

    Raises:
        ListingsFileError: while iterating: the file cannot be read at all.
        MissingColumns: a column of the mapping is missing.
    """
    names = columns.photos
    selection = ColumnSelection(
        tuple(filter(None, (names.id, names.listing_id, names.file))), ids=(names.id, names.listing_id)
    )
    for row in open_table(path).rows(selection):
        yield _rejected(path, row) if isinstance(row, BrokenRow) else _photo(path, row, names)


def check_photo_table(path: Path, columns: Columns) -> None:
    """Read a photo table's first row, to find errors of the whole file early.

    Raises:
        ListingsFileError: the file cannot be read.
        MissingColumns: a column of the mapping is missing.
    """
    next(read_photo_table(path, columns), None)


def _listing_columns(names: ListingColumns) -> tuple[str, ...]:
    always = (names.id, names.title, names.category)
    optional = (names.description, names.price, names.location, names.photos, names.seller, names.listed_at)
    return tuple(dict.fromkeys(filter(None, (*always, *optional))))


def _raw_listing(path: Path, row: Row, names: ListingColumns) -> RawListing:
    cell = row.cells.get(names.photos, "")
    photos = split_photos(cell, names.photos_separator)
    guessed = Repair(ListingFlag.GUESSED_PHOTOS, "photos", cell, " | ".join(photos.names))
    return RawListing(
        file=path.name,
        line=row.line,
        listing_id=row.cells[names.id],
        title=row.cells[names.title],
        category=row.cells[names.category],
        description=row.cells.get(names.description, ""),
        price=row.cells.get(names.price, ""),
        location=row.cells.get(names.location, ""),
        photos=photos.names,
        repairs=(*row.repairs, guessed) if photos.is_guess else row.repairs,
        seller=row.cells.get(names.seller, ""),
        listed_at=row.cells.get(names.listed_at, ""),
    )


def _photo(path: Path, row: Row, names: PhotoColumns) -> PhotoRecord | RejectedRecord:
    external_id, listing_id = _photo_name(row.cells[names.id]), clean_line(row.cells[names.listing_id])
    rejected = RejectedRecord(path.name, row.line, external_id, "id", "", shorten(" ".join(row.cells.values())))
    if not external_id:
        return replace(rejected, reason=RejectReason.MISSING_ID)
    if not listing_id:
        return replace(rejected, field="listing_id", reason=RejectReason.MISSING_LISTING_ID)
    source = _photo_name(row.cells.get(names.file, "")) or external_id
    if is_too_long(external_id) or is_too_long(source):
        return replace(rejected, record_id=shorten(external_id), reason=RejectReason.ID_TOO_LONG)
    return PhotoRecord(stored_id(external_id), listing_id, source, path.name, row.line)


def _photo_name(cell: str) -> str:
    return normal_url(cell) or clean_line(cell)


def _rejected(path: Path, row: BrokenRow) -> RejectedRecord:
    return RejectedRecord(path.name, row.line, "", row.column, row.reason, shorten(row.text))
