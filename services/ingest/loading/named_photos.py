"""The photos that a feed names, listing by listing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from db.rows.records import PhotoRecord, RejectedRecord, WarningRecord
from services.ingest.cleaning.text import shorten
from services.ingest.feeds.listings import read_photo_table
from services.ingest.loading.united import UnitedListing, unite
from services.ingest.photos.urls import is_too_long
from services.reason_codes import ListingFlag, RejectReason

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from services.ingest.feeds.columns import Columns
    from services.ingest.loading.inputs import IngestInputs
    from services.ingest.loading.ledger import Ledger
    from services.ingest.loading.spool import Spool

_NAMES_NO_PHOTO = frozenset({RejectReason.MISSING_ID, RejectReason.MISSING_LISTING_ID})
"""Rejected rows of a photo table that name no photo, such as the empty ones of a join."""


@dataclass(frozen=True, slots=True)
class NamedPhotos:
    """The photos that a feed names for one listing.

    Attributes:
        line: of the listing's row; 0 if the listings file has none.
        photos: in the order of the files.
        repeated: number of times that a row names a photo again.
        is_partial: whether other photos of the listing stay, because the feed does not state all of them.
    """

    listing_id: str
    line: int
    photos: Sequence[PhotoRecord | RejectedRecord]
    repeated: int = 0
    is_partial: bool = False


def read_photo_names(spool: Spool, inputs: IngestInputs, ledger: Ledger) -> Iterator[NamedPhotos]:
    """Add the photo table to the spool, and return the photos of each listing whose photos the feed states.

    Raises:
        ListingsFileError: the photo table cannot be read; nothing was written to the database.
    """
    keep, table = inputs.options.keep_photos, inputs.photos_table
    if table is not None and not _add_table(spool, table, inputs.options.columns, ledger):
        keep = True
    states_all = table is not None or spool.rows_name_photos
    return _named(spool, inputs.listings.name, states_all=states_all, keep=keep)


def _add_table(spool: Spool, table: Path, columns: Columns, ledger: Ledger) -> bool:
    """Add the rows to the spool; return False if an unreadable row may name a stored photo."""
    is_complete = True
    for record in read_photo_table(table, columns):
        if isinstance(record, PhotoRecord):
            spool.add_photo(record)
            continue
        ledger.count("photos_read")
        ledger.reject("photos", record)
        is_complete &= record.reason in _NAMES_NO_PHOTO
    if not is_complete:
        text = "photos that the table no longer names", "kept: rows of the table could not be read"
        ledger.warn(WarningRecord(table.name, 0, "", "photos", ListingFlag.PHOTOS_KEPT, *text))
    return is_complete


def _named(spool: Spool, file: str, *, states_all: bool, keep: bool) -> Iterator[NamedPhotos]:
    for group in spool.groups():
        united = unite(group, file)
        if isinstance(united, UnitedListing) and states_all:
            named = [*map(_checked, united.photos), *group.photos]
            yield NamedPhotos(group.listing_id, united.line, named, repeated=united.repeated_photos, is_partial=keep)
        elif group.photos:
            yield NamedPhotos(group.listing_id, 0, group.photos, is_partial=keep)


def rejected_photo_name(record: PhotoRecord, reason: RejectReason, text: str) -> RejectedRecord:
    """Return the reject of a photo that a feed names."""
    return RejectedRecord(record.file, record.line, shorten(record.external_id), "photo", reason, shorten(text))


def _checked(record: PhotoRecord) -> PhotoRecord | RejectedRecord:
    return (
        rejected_photo_name(record, RejectReason.ID_TOO_LONG, record.source) if is_too_long(record.source) else record
    )
