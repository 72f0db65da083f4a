"""Reads a listings file, and writes its cleaned listings to the database. Every record that is not stored is rejected.

Listings are read and cleaned into a spool file before any is written. So a file that turns out to be unreadable changes
nothing, and of several records with the same id only the last acceptable one is written.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from more_itertools import chunked

from db.rows import listings
from db.rows.records import PhotoRecord, RejectedRecord, WarningRecord
from services.ingest.cleaning.listings import CleanListing, check_records, clean_listing
from services.ingest.cleaning.text import shorten
from services.ingest.feeds.listings import read_listings
from services.ingest.photos.urls import stored_id
from services.reason_codes import RejectReason

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from db.session import Database
    from services.ingest.cleaning.raw_listing import RawListing
    from services.ingest.cleaning.repairs import Repair
    from services.ingest.loading.inputs import IngestOptions
    from services.ingest.loading.ledger import Ledger
    from services.ingest.loading.spool import Spool

_LISTINGS_PER_WRITE = 500


def read_into(spool: Spool, path: Path, options: IngestOptions, ledger: Ledger) -> None:
    """Read a listings file and add its cleaned listings to the spool; rejects go to the ledger.

    Raises:
        ListingsFileError: the file cannot be read; nothing was written to the database.
    """
    for raw in read_listings(path, options.columns):
        ledger.count("listings_read")
        if isinstance(raw, RejectedRecord):
            ledger.reject("listings", raw)
            continue
        cleaned = _clean(raw, options)
        if isinstance(cleaned, RejectedRecord):
            ledger.reject("listings", cleaned)
            continue
        listing = cleaned.record
        for repair in cleaned.repairs:
            ledger.warn(_warning(raw, listing.listing_id, repair))
        named = tuple(PhotoRecord(stored_id(name), listing.listing_id, name, raw.file, raw.line) for name in raw.photos)
        spool.add(listing, named, line=raw.line)
    for entry in spool.superseded():
        text = "a later record of the same id supersedes this one"
        reject = RejectedRecord(path.name, entry.line, entry.record.listing_id, "id", RejectReason.DUPLICATE_ID, text)
        ledger.duplicate("listings", reject)


def write_listings(
    database: Database,
    spool: Spool,
    path: Path,
    *,
    ledger: Ledger,
    advance: Callable[[int], None],
    dry_run: bool = False,
) -> None:
    """Write the spooled listings to the database in batches, with their counts and rejects; a dry run only counts."""
    write = listings.compare_listings if dry_run else listings.upsert_listings
    for batch in chunked(spool.current(), _LISTINGS_PER_WRITE):
        accepted = []
        for entry, checked in zip(batch, check_records([entry.record for entry in batch]), strict=True):
            if isinstance(checked, RejectedRecord):
                ledger.reject("listings", replace(checked, file=path.name, line=entry.line))
            else:
                accepted.append(checked)
        with database.write() as session:
            outcome = write(session, accepted)
            ledger.count("listings_accepted", len(accepted))
            ledger.count("listings_new", outcome.inserted)
            ledger.count("listings_updated", outcome.updated)
            ledger.count("listings_unchanged", outcome.unchanged)
            ledger.write(session)
        advance(len(batch))


def _clean(raw: RawListing, options: IngestOptions) -> CleanListing | RejectedRecord:
    """Clean a listing; in the feed of one seller it is this seller's, or rejected."""
    cleaned = clean_listing(replace(raw, seller=raw.seller or options.seller))
    if isinstance(cleaned, RejectedRecord) or not options.seller or cleaned.record.seller == options.seller:
        return cleaned
    listing_id, seller = cleaned.record.listing_id, cleaned.record.seller
    return RejectedRecord(raw.file, raw.line, listing_id, "seller", RejectReason.OTHER_SELLER, seller)


def _warning(raw: RawListing, listing_id: str, repair: Repair) -> WarningRecord:
    return WarningRecord(
        raw.file,
        raw.line,
        shorten(listing_id),
        repair.field,
        repair.flag,
        shorten(repair.before),
        shorten(repair.after),
    )
