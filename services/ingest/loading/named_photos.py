"""The photos that a feed names, listing by listing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from db.rows.records import PhotoRecord, RejectedRecord, WarningRecord
from services.ingest.cleaning.text import counted, shorten
from services.ingest.loading.photo_table import PhotoTable
from services.ingest.loading.united import UnitedListing, unite
from services.ingest.photos.urls import is_too_long
from services.reason_codes import ListingFlag, RejectReason

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from db.session import Database
    from services.ingest.loading.inputs import IngestInputs
    from services.ingest.loading.ledger import Ledger
    from services.ingest.loading.spool import Spool


NAME_PHOTOS = 'write the column of the photos into a mapping (photos = "..."), or give a photo table'
"""What to do if the listings name no photos."""


@dataclass(frozen=True, slots=True)
class NamedPhotos:
    """The photos that a feed names for one listing.

    Attributes:
        line: of the listing's row; 0 if the listings file has none.
        photos: in the order of the files.
        repeated: number of times that a row names a photo again.
        is_partial: whether other photos of the listing stay, because the feed does not state all of them.
        is_unread: whether a record of the listing could not be read, so that its other photos stay.
        blank: the row of the photo table that has the listing without a photo id; None if there is none.
    """

    listing_id: str
    line: int
    photos: Sequence[PhotoRecord | RejectedRecord]
    repeated: int = 0
    is_partial: bool = False
    is_unread: bool = False
    blank: RejectedRecord | None = None

    def kept(self, file: str, count: int, *, unavailable: int) -> WarningRecord:
        """Return the warning that stored photos stay although the feed does not name them."""
        why = f"{unavailable} could not be obtained" if unavailable else "a record of the listing could not be read"
        text = f"{counted(count, 'photo')} no longer named", f"kept, as {why}"
        return WarningRecord(file, self.line, shorten(self.listing_id), "photos", ListingFlag.PHOTOS_KEPT, *text)

    def removed(self, count: int) -> WarningRecord | None:
        """Return the warning that the photo table states that the listing has no photos, if it does."""
        if self.blank is None or self.photos:
            return None
        text = counted(count, "photo"), "removed: the photo id is blank"
        listing_id = shorten(self.listing_id)
        return WarningRecord(self.blank.file, self.blank.line, listing_id, "photos", ListingFlag.NO_PHOTO_ID, *text)


def read_photo_names(
    spool: Spool, inputs: IngestInputs, ledger: Ledger, *, database: Database
) -> Iterator[NamedPhotos]:
    """Add the photo table to the spool, and return the photos of each listing whose photos the feed states.

    Raises:
        ListingsFileError: the photo table cannot be read or names no photo; nothing was written to the database.
    """
    keep, table = inputs.options.keep_photos, inputs.photos_table
    photo_table = PhotoTable(spool, ledger, database)
    if table is not None:
        photo_table.read(table, inputs.options.columns, may_be_empty=keep)
        keep |= bool(photo_table.problem)
    if spool.rows_name_photos and spool.unread.problem and not keep:
        keep = True
        text = "photos that the file no longer names", f"kept: {spool.unread.problem}"
        ledger.warn(WarningRecord(inputs.listings.name, 0, "", "photos", ListingFlag.PHOTOS_KEPT, *text))
    states_all = table is not None or spool.rows_name_photos
    return _named(spool, inputs.listings.name, states_all=states_all, keep=keep, blank=photo_table.blank)


def unused_photos_notice(inputs: IngestInputs, counts: Mapping[str, int]) -> WarningRecord | None:
    """Return the warning that photos were given and no listing uses one; None if one does, or no listing was accepted.

    `counts` are those of the finished job.
    """
    given = inputs.photos is not None or inputs.options.fetch_photos
    if not given or counts["photos_accepted"] or not counts["listings_accepted"]:
        return None
    if counts["photos_read"]:
        advice = f"{counts['photos_read']} names of photos, and none can be used: the rejects say why"
    else:
        advice = f"{inputs.listings.name} names no photo: {NAME_PHOTOS}"
    place = inputs.photos.name if inputs.photos is not None else "photo URLs"
    return WarningRecord(inputs.listings.name, 0, "", "photos", ListingFlag.NO_PHOTO_USED, shorten(place), advice)


def _named(
    spool: Spool, file: str, *, states_all: bool, keep: bool, blank: Mapping[str, RejectedRecord]
) -> Iterator[NamedPhotos]:
    unread = spool.unread.listing_ids if spool.rows_name_photos else set[str]()
    for group in spool.groups():
        united, listing_id = unite(group, file), group.listing_id
        named = NamedPhotos(
            listing_id,
            line=0,
            photos=group.photos,
            is_partial=keep,
            is_unread=not unread.isdisjoint((listing_id, *(row.listing_id for row in group.rows)))
            or bool(group.photos and listing_id in blank),  # a join leaves the id blank only if there is no photo
            blank=blank.get(listing_id),
        )
        if isinstance(united, UnitedListing) and states_all:
            photos = [*map(_checked, united.photos), *group.photos]
            yield replace(named, line=united.line, photos=photos, repeated=united.repeated_photos)
        elif group.photos:
            yield named


def rejected_photo_name(record: PhotoRecord, reason: RejectReason, text: str) -> RejectedRecord:
    """Return the reject of a photo that a feed names."""
    return RejectedRecord(record.file, record.line, shorten(record.external_id), "photo", reason, shorten(text))


def _checked(record: PhotoRecord) -> PhotoRecord | RejectedRecord:
    return (
        rejected_photo_name(record, RejectReason.ID_TOO_LONG, record.source) if is_too_long(record.source) else record
    )
