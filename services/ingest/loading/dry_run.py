"""Dry runs: counts the photos of a feed that can be found. None is read, fetched or stored."""

from __future__ import annotations

from typing import TYPE_CHECKING

from more_itertools import chunked

from db.rows import listings
from db.rows.records import PhotoRecord, RejectedRecord
from services.errors import PhotoRejected
from services.ingest.cleaning.text import shorten
from services.reason_codes import RejectReason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from db.session import Database
    from services.ingest.loading.ledger import Ledger
    from services.ingest.loading.spool import Spool
    from services.ingest.photos.sources import PhotoSource

_PHOTOS_PER_LOOKUP = 500


def find_photos(
    database: Database,
    named: Iterable[PhotoRecord | RejectedRecord],
    source: PhotoSource,
    *,
    spool: Spool,
    ledger: Ledger,
    advance: Callable[[int], None],
) -> None:
    """Look each named photo up, and count those that can be found as accepted; rejects and duplicates go to the ledger.

    What a photo's bytes are is not known, so none counts as new, replaced or unchanged.
    """
    seen: set[tuple[str, str]] = set()
    for batch in chunked(named, _PHOTOS_PER_LOOKUP):
        ids = {record.listing_id for record in batch if isinstance(record, PhotoRecord)} - set(spool.listing_ids)
        with database.read() as session:
            known = {row.id for row in listings.listings_by_id(session, ids)} if ids else set()
        for record in batch:
            ledger.count("photos_read")
            if isinstance(record, RejectedRecord):
                ledger.reject("photos", record)
            elif (record.listing_id, record.external_id) in seen:
                ledger.duplicate("photos", _rejected(record, RejectReason.DUPLICATE_ID, "named more than once"))
            else:
                seen.add((record.listing_id, record.external_id))
                is_known = record.listing_id in spool.listing_ids or record.listing_id in known
                fault = _fault(record, source) if is_known else _unknown_listing(record)
                ledger.reject("photos", fault) if fault else ledger.count("photos_accepted")
        advance(len(batch))


def _fault(record: PhotoRecord, source: PhotoSource) -> RejectedRecord | None:
    try:
        if source.find(record.source) is None:
            text = f"no photo {record.source!r} in {source.label}"
            return _rejected(record, RejectReason.MISSING_FILE, text)
    except PhotoRejected as error:
        return _rejected(record, RejectReason(error.reason), str(error))
    return None


def _unknown_listing(record: PhotoRecord) -> RejectedRecord:
    return _rejected(record, RejectReason.UNKNOWN_LISTING, f"no listing {record.listing_id!r}")


def _rejected(record: PhotoRecord, reason: RejectReason, text: str) -> RejectedRecord:
    return RejectedRecord(record.file, record.line, shorten(record.external_id), "photo", reason, shorten(text))
