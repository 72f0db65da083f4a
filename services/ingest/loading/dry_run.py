"""Dry runs: counts the photos of a feed that can be found. None is read, fetched or stored."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from more_itertools import chunked

from db.rows import listings, photos
from db.rows.records import RejectedRecord
from services.errors import PhotoRejected
from services.ingest.loading.named_photos import rejected_photo_name
from services.reason_codes import RejectReason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from db.rows.records import PhotoRecord
    from db.session import Database
    from services.ingest.loading.ledger import Ledger
    from services.ingest.loading.named_photos import NamedPhotos
    from services.ingest.loading.spool import Spool
    from services.ingest.photos.sources import PhotoSource

_LISTINGS_PER_LOOKUP = 500


def find_photos(
    database: Database,
    named: Iterable[NamedPhotos],
    source: PhotoSource,
    *,
    file: str,
    spool: Spool,
    ledger: Ledger,
    advance: Callable[[int], None],
) -> None:
    """Look each named photo up, and count those that can be found as accepted; rejects and duplicates go to the ledger.

    What a photo's bytes are is not known, so none counts as new, replaced or unchanged.
    """
    in_file = spool.accepted_ids
    for batch in chunked(named, _LISTINGS_PER_LOOKUP):
        with database.read() as session:
            ids = [one.listing_id for one in batch if one.listing_id not in in_file]
            known = listings.known_ids(session, ids) if ids else set()
            stored = defaultdict[str, set[str]](set)
            for row in photos.photos_of(session, [one.listing_id for one in batch]):
                stored[row.listing_id].add(row.external_id)
        for one in batch:
            missing = _find(one, source, is_known=one.listing_id in in_file or one.listing_id in known, ledger=ledger)
            _tell(one, stored[one.listing_id], missing=missing, file=file, ledger=ledger)
        advance(sum(len(one.photos) for one in batch))


def _tell(named: NamedPhotos, stored: set[str], *, missing: int, file: str, ledger: Ledger) -> None:
    """Warn of stored photos that would stay, or go, although that is no usual change of the listing."""
    unnamed = len(stored - {_name_of(one) for one in named.photos})
    if unnamed and not named.is_partial:
        if missing or named.is_unread:
            ledger.warn(named.kept(file, unnamed, unavailable=missing))
        elif warning := named.removed(unnamed):
            ledger.warn(warning)


def _name_of(photo: PhotoRecord | RejectedRecord) -> str:
    return photo.record_id if isinstance(photo, RejectedRecord) else photo.external_id


def _find(named: NamedPhotos, source: PhotoSource, *, is_known: bool, ledger: Ledger) -> int:
    """Count the photos of a listing, and return the number of those that cannot be found."""
    ledger.count("photos_read", len(named.photos) + named.repeated)
    ledger.count("photos_duplicates", named.repeated)
    seen, missing = set[str](), 0
    for record in named.photos:
        if isinstance(record, RejectedRecord):
            ledger.reject("photos", record)
            missing += 1
        elif record.external_id in seen:
            ledger.duplicate("photos", rejected_photo_name(record, RejectReason.DUPLICATE_ID, "named more than once"))
        else:
            seen.add(record.external_id)
            fault = _fault(record, source) if is_known else _unknown_listing(record)
            ledger.reject("photos", fault) if fault else ledger.count("photos_accepted")
            missing += fault is not None
    return missing


def _fault(record: PhotoRecord, source: PhotoSource) -> RejectedRecord | None:
    try:
        if source.find(record.source) is None:
            text = f"no photo {record.source!r} in {source.label}"
            return rejected_photo_name(record, RejectReason.MISSING_FILE, text)
    except PhotoRejected as error:
        return rejected_photo_name(record, RejectReason(error.reason), str(error))
    return None


def _unknown_listing(record: PhotoRecord) -> RejectedRecord:
    return rejected_photo_name(record, RejectReason.UNKNOWN_LISTING, f"no listing {record.listing_id!r}")
