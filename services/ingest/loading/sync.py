"""Syncs: a feed states all listings of its scope, so those that it no longer has are removed, or marked sold.

What is missing is counted before anything is written, and removed after everything else of the feed was written.
"""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from more_itertools import chunked

from db.locks import try_lock
from db.rows import listings, photos
from db.rows.listings import ListingConditions
from db.rows.records import WarningRecord
from services.errors import ForeignListings, RemovalRefused, SyncRunning
from services.ingest.cleaning.text import clean_line, counted, shorten
from services.ingest.loading.unread import hides_an_id
from services.reason_codes import ListingFlag

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlmodel import Session

    from db.session import Database
    from services.ingest.loading.inputs import IngestOptions
    from services.ingest.loading.ledger import Ledger
    from services.ingest.loading.spool import Spool
    from services.ingest.loading.unread import OpenEnd


@dataclass(frozen=True, slots=True)
class Removal:
    """What a sync is about to remove.

    Attributes:
        file: name of the feed's file.
        missing: ids of the listings in scope that the feed lacks, ascending.
        existing: number of listings in scope.
        accepted: number of the feed's acceptable listings.
        unknown: number of the feed's records whose id cannot be known.
        is_cut: whether the file may be cut off in its last record.
    """

    file: str
    missing: Sequence[str]
    existing: int
    accepted: int
    unknown: int
    is_cut: bool

    @property
    def is_possible(self) -> bool:
        """Whether the whole feed is known: otherwise a missing listing may be in a part that was not read."""
        return not self.unknown and not self.is_cut

    @property
    def share(self) -> float:
        """Share of the listings in scope that are missing, 0 to 1."""
        return len(self.missing) / self.existing if self.existing else 0.0

    def check(self, options: IngestOptions, ledger: Ledger) -> None:
        """Refuse a removal that is more likely a fault of the feed; what the ledger collected is written first.

        Raises:
            RemovalRefused: the feed has no acceptable listing, or lacks more listings than `max_removed` allows.
        """
        if self.missing and self.is_possible and (not self.accepted or self.share > options.max_removed):
            ledger.flush()
            raise RemovalRefused(
                self.file,
                len(self.missing),
                self.existing,
                limit=options.max_removed if self.accepted else None,
                examples=self.missing[:3],
            )


@contextmanager
def only_sync(database: Database, options: IngestOptions) -> Iterator[None]:
    """Keep other syncs of the same scope out while the block runs.

    Raises:
        SyncRunning: another sync of the scope is running.
    """
    scope = hashlib.sha256(options.seller.encode()).hexdigest()[:16]
    lock = try_lock(database, f"sync {scope}")
    if lock is None:
        raise SyncRunning
    try:
        yield
    finally:
        lock.release()


def refuse_foreign(database: Database, spool: Spool, *, file: str, seller: str) -> None:
    """Check that the feed of a seller would overwrite no listing of another seller.

    Raises:
        ForeignListings: it would.
    """
    foreign: list[str] = []
    for batch in chunked(spool.listing_ids, listings.LISTINGS_PER_WRITE):
        stored = ListingConditions(listing_ids=batch)
        with database.read() as session:
            own = set(listings.matching_ids(session, replace(stored, sellers=("", seller))))
            foreign += [listing_id for listing_id in listings.matching_ids(session, stored) if listing_id not in own]
    if foreign:
        raise ForeignListings(file, seller, sorted(foreign))


def plan_removal(database: Database, spool: Spool, ledger: Ledger, *, file: str, options: IngestOptions) -> Removal:
    """Compare the feed with the database. Call it once all listings were read, and before `ledger` is written.

    A listing whose record was rejected is still in the feed.
    """
    rejects = ledger.unwritten_rejects
    in_feed = {clean_line(reject.record_id) for reject in rejects}.union(spool.listing_ids)
    sellers = (options.seller,) if options.seller else ()
    scope = ListingConditions(sellers=sellers, sold=False if options.mark_sold else None)
    with database.read() as session:
        existing = listings.matching_ids(session, scope)
        is_cut = spool.unread.is_cut or _has_lost_end(session, spool.unread.open_end)
    return Removal(
        file,
        [listing_id for listing_id in existing if listing_id not in in_feed],
        existing=len(existing),
        accepted=len(spool),
        unknown=sum(map(hides_an_id, rejects)),
        is_cut=is_cut,
    )


def _has_lost_end(session: Session, end: OpenEnd | None) -> bool:
    """Say whether the last record of the file is stored with a longer last cell."""
    if end is None:
        return False
    listing_id = end.listing_id
    names = [photo.external_id for photo in photos.photos_of(session, [listing_id])]
    return any(end.lacks(stored, names) for stored in listings.listings_by_id(session, [listing_id]))


def remove_missing(database: Database, removal: Removal, ledger: Ledger, *, options: IngestOptions) -> None:
    """Remove the missing listings, or mark them sold, in batches; a dry run only reports them.

    Each becomes a warning of the job. If a part of the feed is unknown, all listings are kept, with a warning.
    """
    if not removal.is_possible:
        _keep(removal, ledger)
        return
    flag = ListingFlag.MARKED_SOLD if options.mark_sold else ListingFlag.REMOVED
    count = "listings_sold" if options.mark_sold else "listings_removed"
    for batch in chunked(removal.missing, listings.LISTINGS_PER_WRITE):
        with database.write() as session:
            titles = {row.id: row.title for row in listings.listings_by_id(session, batch)}
            for listing_id in filter(titles.__contains__, batch):
                ledger.warn(WarningRecord(removal.file, 0, listing_id, "", flag, shorten(titles[listing_id]), ""))
            ledger.count(count, len(titles) if options.dry_run else _remove(session, batch, options))
            ledger.write(session)


def _remove(session: Session, listing_ids: Sequence[str], options: IngestOptions) -> int:
    if options.mark_sold:
        return listings.mark_sold(session, listing_ids, flag=ListingFlag.MARKED_SOLD)
    return listings.delete_listings(session, listing_ids)


def _keep(removal: Removal, ledger: Ledger) -> None:
    ledger.count("listings_kept", len(removal.missing))
    if removal.missing:
        records = f"{counted(removal.unknown, 'record')} with an unreadable id"
        if removal.is_cut:
            records = "the file may be cut off in its last record; if it is whole, end it with a line end"
        kept = f"{counted(len(removal.missing), 'missing listing')} kept"
        ledger.warn(WarningRecord(removal.file, 0, "", "id", ListingFlag.NOTHING_REMOVED, records, kept))
    ledger.flush()
