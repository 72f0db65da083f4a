"""Shows how a listings file will be read: the columns found, and the first records. Writes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from db.rows.records import RejectedRecord
from services.errors import MissingColumns
from services.ingest.cleaning.repairs import Repair
from services.ingest.cleaning.text import counted, shorten
from services.ingest.feeds.currencies import Currencies
from services.ingest.feeds.detection import likely_names
from services.ingest.feeds.feed import open_listings, unused_columns
from services.ingest.feeds.samples import SAMPLED, sample_values
from services.ingest.feeds.suggestions import suggest_toml
from services.ingest.loading.listing_loader import spooled_row
from services.ingest.loading.named_photos import NAME_PHOTOS
from services.ingest.loading.spool import SpooledRow
from services.ingest.loading.united import with_stock
from services.ingest.tables.formats import open_table
from services.reason_codes import ListingFlag

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from db.rows.records import ListingRecord
    from services.ingest.cleaning.raw_listing import RawListing
    from services.ingest.feeds.feed import ListingsFeed
    from services.ingest.loading.inputs import IngestOptions

RECORDS = 10
"""Records that a preview reads."""


@dataclass(frozen=True, slots=True)
class PreviewField:
    """A field of the listings: the columns that it comes from, and the first value."""

    name: str
    columns: tuple[str, ...]
    sample: str


@dataclass(frozen=True, slots=True)
class PreviewRecord:
    """A record as it will be read.

    Attributes:
        listing_id: empty if it cannot be read.
        parent: the listing that it is a variant of; empty if it is none.
        record: the cleaned listing; None if the record is no listing of its own.
        reject: why it is none; then it adds its photos to the listing of its id or parent, if the file has that.
        joins: whether it may add its photos to another record.
        note: to which record, or that none of the first records is the one; empty for other records.
        photos: names and URLs.
        repairs: what was repaired, guessed or left out.
    """

    line: int
    listing_id: str
    parent: str = ""
    record: ListingRecord | None = None
    reject: RejectedRecord | None = None
    joins: bool = False
    note: str = ""
    photos: tuple[str, ...] = ()
    repairs: tuple[Repair, ...] = ()

    @property
    def outcome(self) -> str:
        """What becomes of the record: `accepted`, `rejected`, or `joined` to another."""
        if self.joins:
            return "joined"
        return "accepted" if self.reject is None else "rejected"


@dataclass(frozen=True, slots=True)
class Preview:
    """How a listings file will be read.

    Attributes:
        columns: of the file, and the paths inside objects.
        preset: the preset that is used; empty if there is none.
        problem: why the file cannot be read with this mapping; empty if it can. Then there are no fields and records.
        suggestion: a mapping to begin with, as TOML.
        notices: what was decided for the whole file.
        fields: the fields that have a column.
        unused: columns that no field uses.
        records: the first records.
    """

    columns: tuple[str, ...]
    preset: str = ""
    problem: str = ""
    suggestion: str = ""
    notices: tuple[Repair, ...] = ()
    fields: tuple[PreviewField, ...] = ()
    unused: tuple[str, ...] = ()
    records: tuple[PreviewRecord, ...] = ()


def preview(path: Path, options: IngestOptions, *, has_photo_table: bool = False) -> Preview:
    """Return how the first records of a file will be read; with a suggestion if the mapping does not fit its columns.

    Raises:
        ListingsFileError: the file cannot be read at all, or its header leaves open which column or preset is meant.
    """
    try:
        feed = open_listings(path, options.columns, has_photo_table=has_photo_table)
    except MissingColumns as error:
        table = open_table(path, options.columns.file, names=likely_names(options.columns))
        return Preview(table.paths or table.columns, problem=error.problem, suggestion=error.suggestion)
    raw = list(islice(feed.records(), SAMPLED))
    rows = [one if isinstance(one, RejectedRecord) else spooled_row(one, options) for one in raw]
    columns, preset = feed.table.paths or feed.table.columns, feed.columns.preset
    return Preview(
        columns=columns,
        preset=preset,
        suggestion=f'preset = "{preset}"\n' if preset else suggest_toml(columns, sample_values(feed.table, columns)),
        notices=(
            *feed.notices,
            *feed.table.notices,
            *_currency_notices(rows),
            *(() if has_photo_table else _photo_notices(rows)),
        ),
        fields=tuple(_fields(feed)),
        unused=unused_columns(feed.found, columns),
        records=tuple(_records(raw, rows)[:RECORDS]),
    )


def _fields(feed: ListingsFeed) -> list[PreviewField]:
    """Return the fields with their columns, and the first value that one of the first records has there."""
    samples = dict[str, str]()
    for row in islice(feed.table.rows(feed.selection), SAMPLED):
        for column, cell in getattr(row, "cells", {}).items():
            if cell.strip():
                samples.setdefault(column, shorten(cell))
    found = {name: columns for name, columns in feed.found.fields.items() if columns}
    found |= {f"attributes.{name}": (column,) for name, column in feed.found.attributes.items()}
    found |= {f"attributes.{pair[1]}": pair for pair in feed.found.pairs}
    return [
        PreviewField(name, columns, next((samples[column] for column in columns if column in samples), ""))
        for name, columns in found.items()
        if not set(columns) <= set(feed.found.absent)
    ]


def _currency_notices(rows: Iterable[SpooledRow | RejectedRecord]) -> tuple[Repair, ...]:
    currencies = Currencies()
    for row in rows:
        if isinstance(row, SpooledRow):
            currencies.add(row.price, row.currency)
    return currencies.notices


def _photo_notices(rows: Iterable[SpooledRow | RejectedRecord]) -> tuple[Repair, ...]:
    read = [row for row in rows if isinstance(row, SpooledRow)]
    if not read or any(row.photos for row in read):
        return ()
    return (Repair(ListingFlag.NO_PHOTOS_NAMED, "photos", counted(len(read), "record"), NAME_PHOTOS),)


def _records(
    raw: Iterable[RawListing | RejectedRecord], rows: Sequence[SpooledRow | RejectedRecord]
) -> list[PreviewRecord]:
    """Return the records; those that join a listing among them have a note with its line."""
    listings = {
        row.listing_id: row for row in rows if isinstance(row, SpooledRow) and row.record is not None and not row.parent
    }
    return [_record(one, row, listings) for one, row in zip(raw, rows, strict=True)]


def _record(
    raw: RawListing | RejectedRecord, row: SpooledRow | RejectedRecord, listings: Mapping[str, SpooledRow]
) -> PreviewRecord:
    if isinstance(row, RejectedRecord):
        photos = () if isinstance(raw, RejectedRecord) else raw.photos
        return PreviewRecord(row.line, row.record_id, reject=row, photos=photos)
    listing = listings.get(row.parent or row.listing_id)
    is_other = bool(row.parent) or (listing is not None and listing is not row)
    joins = row.is_joined or (row.record is not None and is_other)
    return PreviewRecord(
        line=row.line,
        listing_id=row.listing_id,
        parent=row.parent,
        record=with_stock(row.record, [row]) if row.record is not None else None,
        reject=None if joins and listing is not None else row.reject,
        joins=joins,
        note=_note(row, listing) if joins else "",
        photos=tuple(photo.source for photo in row.photos),
        repairs=row.repairs,
    )


def _note(row: SpooledRow, listing: SpooledRow | None) -> str:
    """Return to which record a row adds its photos."""
    if listing is None:
        fate = "stays a listing of its own" if row.record is not None else "is rejected"
        return f"the first records have no listing {row.parent or row.listing_id}; if the file has none, the row {fate}"
    if row.record is not None and not row.parent:
        return f"united with line {listing.line}, the last row of its id, which wins"
    place = "an earlier row" if listing.line < row.line else "a later row"
    return f"adds to {place}, line {listing.line}"
