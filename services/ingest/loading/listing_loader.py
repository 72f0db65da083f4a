"""Reads a listings file, and writes its cleaned listings to the database. Every record that is not stored is rejected.

Rows are read and cleaned into a spool before any listing is written. So a file that turns out to be unreadable changes
nothing, and several rows with the same id make one listing, whatever their order.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from more_itertools import chunked
from msgspec.structs import replace as replace_fields

from db.rows import listings
from db.rows.records import PhotoRecord, RejectedRecord
from services.ingest.cleaning.attributes import clean_attributes
from services.ingest.cleaning.availability import is_out_of_stock
from services.ingest.cleaning.listings import CleanListing, check_records, clean_listing
from services.ingest.cleaning.repairs import Repair
from services.ingest.cleaning.text import clean_line, counted
from services.ingest.feeds.currencies import Currencies
from services.ingest.feeds.feed import open_listings
from services.ingest.loading.categories import unify_categories
from services.ingest.loading.spool import SpooledRow
from services.ingest.loading.stated import StatedFields, keep_unstated
from services.ingest.loading.united import UnitedListing, unite, warning_of
from services.ingest.loading.unread import OpenEnd
from services.ingest.photos.urls import stored_id
from services.reason_codes import ListingFlag, RejectReason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from db.session import Database
    from services.ingest.cleaning.raw_listing import RawListing
    from services.ingest.feeds.feed import ListingsFeed
    from services.ingest.loading.inputs import IngestInputs, IngestOptions
    from services.ingest.loading.ledger import Ledger
    from services.ingest.loading.spool import Spool


_FEW_NOT_UTF8 = 5
"""Records with stray bytes that say nothing of the whole file."""

_JOINED = frozenset({RejectReason.MISSING_TITLE})
"""Faults of a row that is part of another row of its id. Shop exports give the title in the first row only."""

_JOINED_VARIANT = _JOINED | {
    RejectReason.MISSING_CATEGORY,
    RejectReason.UNREADABLE_PRICE,
    RejectReason.NEGATIVE_PRICE,
    RejectReason.PRICE_TOO_LARGE,
}
"""Faults of a variant that is part of its listing."""

_NOT_OF_THE_LISTING = frozenset(
    {RejectReason.MISSING_ID, RejectReason.ID_TOO_LONG, RejectReason.BAD_ID, RejectReason.OTHER_SELLER}
)
"""Faults of a row whose photos are not those of the listing with its id."""


def read_into(spool: Spool, inputs: IngestInputs, ledger: Ledger) -> None:
    """Read the listings file and add its cleaned rows to the spool; rejects go to the ledger.

    Raises:
        ListingsFileError: the file cannot be read; nothing was written to the database.
    """
    path, options = inputs.listings, inputs.options
    feed = open_listings(path, options.columns, has_photo_table=inputs.photos_table is not None)
    currencies = Currencies()
    for notice in feed.notices:
        ledger.warn(warning_of(path.name, 0, "", notice))
    stated, mended = StatedFields(feed.found, options), 0
    row = None
    for raw in feed.records():
        ledger.count("listings_read")
        if not isinstance(raw, RejectedRecord):
            stated.add(raw)
            mended += ListingFlag.NOT_UTF8 in raw.flags
        row = raw if isinstance(raw, RejectedRecord) else spooled_row(raw, options)
        if isinstance(row, RejectedRecord):
            ledger.reject("listings", row)
            names_photos = isinstance(raw, RejectedRecord) or bool(raw.photos)
            spool.unread.add(row, names_photos=names_photos, has_parents=bool(feed.found.fields["parent"]))
        else:
            if row.reject is not None and not row.is_joined:
                ledger.reject("listings", row.reject)
            spool.add(row)
            currencies.add(row.price, row.currency)
            spool.rows_name_photos |= bool(row.photos)
    _look_at_end(spool, feed, row)
    if mended > _FEW_NOT_UTF8:
        hint = 'If all of it is Windows-1252, set encoding = "cp1252" in the mapping\'s [file] table'
        ledger.warn(warning_of(path.name, 0, "", Repair(ListingFlag.NOT_UTF8, "", counted(mended, "record"), hint)))
    for notice in (*feed.table.notices, *currencies.notices):
        ledger.warn(warning_of(path.name, 0, "", notice))
    spool.rows_name_photos |= _states_photos(feed)
    spool.unstated = stated.unstated
    spool.unite_variants()


def _states_photos(feed: ListingsFeed) -> bool:
    """Say whether a record without photos states that it has none, even if no record has any.

    Not if nobody named the column, or if it is absent: the objects of a JSON file may all lack it.
    """
    return not feed.columns.guesses_photos and not set(feed.found.fields["photos"]) <= set(feed.found.absent)


def _look_at_end(spool: Spool, feed: ListingsFeed, last: SpooledRow | RejectedRecord | None) -> None:
    if last is None:
        return
    field = feed.found.field_of(feed.table.columns[-1])
    reject = last if isinstance(last, RejectedRecord) else last.reject
    end = None if isinstance(last, RejectedRecord) else OpenEnd(last.listing_id, last.record, last.photos, field)
    spool.unread.end(reject, [notice.flag for notice in feed.table.notices], end=end)


def write_listings(
    database: Database,
    spool: Spool,
    path: Path,
    *,
    ledger: Ledger,
    advance: Callable[[int], None],
    dry_run: bool = False,
) -> None:
    """Write the spooled listings to the database in batches, with their counts, rejects and warnings.

    What the file does not state stays as it is stored. A dry run only counts.
    """
    writer = _Writer(database, path.name, ledger, unstated=spool.unstated, dry_run=dry_run)
    for batch in chunked(_united(spool, path, ledger), listings.LISTINGS_PER_WRITE):
        writer.write(batch)
        advance(len(batch))


class _Writer:
    """Writes batches of listings of one file; a dry run only counts."""

    def __init__(
        self, database: Database, file: str, ledger: Ledger, *, unstated: frozenset[str], dry_run: bool
    ) -> None:
        self._database, self._file, self._ledger, self._is_dry = database, file, ledger, dry_run
        self._keep = partial(keep_unstated, unstated=unstated)
        self._spellings_told: set[Repair] = set()

    def write(self, batch: Sequence[UnitedListing]) -> None:
        """Write the listings in one transaction, with their counts, rejects and warnings."""
        checked = zip(batch, check_records([listing.record for listing in batch]), strict=True)
        accepted = []
        for listing, record in checked:
            if isinstance(record, RejectedRecord):
                self._ledger.reject("listings", replace(record, file=self._file, line=listing.line))
                continue
            accepted.append((listing, record))
            for warning in listing.warnings:
                self._ledger.warn(warning)
        with self._database.write() as session:
            unified = unify_categories(session, [record for _, record in accepted], store=not self._is_dry)
            for (listing, _), (_, repairs) in zip(accepted, unified, strict=True):
                self._tell_spellings(listing, repairs)
            write = listings.compare_listings if self._is_dry else listings.upsert_listings
            outcome = write(session, [record for record, _ in unified], merge=self._keep)
            self._ledger.count("listings_accepted", len(accepted))
            self._ledger.count("listings_new", outcome.inserted)
            self._ledger.count("listings_updated", outcome.updated)
            self._ledger.count("listings_unchanged", outcome.unchanged)
            self._ledger.write(session)

    def _tell_spellings(self, listing: UnitedListing, repairs: Iterable[Repair]) -> None:
        """Warn where two spellings of a category meet, once each: at the first listing."""
        for repair in repairs:
            if repair not in self._spellings_told:
                self._spellings_told.add(repair)
                self._ledger.warn(warning_of(self._file, listing.line, listing.record.listing_id, repair))


def _united(spool: Spool, path: Path, ledger: Ledger) -> Iterator[UnitedListing]:
    """Yield the listings of the spool; the rows that are none, or are superseded or merged, go to the ledger."""
    for group in spool.groups():
        united = unite(group, path.name)
        if not isinstance(united, UnitedListing):
            for reject in united:
                ledger.reject("listings", reject)
            continue
        for reject in united.superseded:
            ledger.duplicate("listings", reject)
        ledger.count("listings_duplicates", united.merged)
        yield united


def _clean(raw: RawListing, options: IngestOptions) -> CleanListing | RejectedRecord:
    """Clean a listing; in the feed of one seller it is this seller's, or rejected."""
    cleaned = clean_listing(replace(raw, seller=raw.seller or options.seller), keep_unpriced=options.keep_unpriced)
    if isinstance(cleaned, RejectedRecord) or not options.seller or cleaned.record.seller == options.seller:
        return cleaned
    listing_id, seller = cleaned.record.listing_id, cleaned.record.seller
    return RejectedRecord(raw.file, raw.line, listing_id, "seller", RejectReason.OTHER_SELLER, seller)


def spooled_row(raw: RawListing, options: IngestOptions) -> SpooledRow | RejectedRecord:
    """Clean a row. One that cannot stand for itself still adds its photos to a listing with its id."""
    cleaned, parent, listing_id = _clean(raw, options), clean_line(raw.parent), clean_line(raw.listing_id)
    row = SpooledRow(
        listing_id=listing_id,
        line=raw.line,
        photos=tuple(PhotoRecord(stored_id(name), listing_id, name, raw.file, raw.line) for name in raw.photos),
        parent="" if parent == listing_id else parent,
        title=clean_line(raw.title),
        repairs=raw.repairs,
        attributes=clean_attributes(raw.attributes)[0],
        is_out_of_stock=is_out_of_stock(raw.stock),
    )
    if not isinstance(cleaned, RejectedRecord):
        record = cleaned.record
        return replace_fields(row, record=record, repairs=cleaned.repairs, price=record.price, currency=record.currency)
    if cleaned.reason in _NOT_OF_THE_LISTING:
        return cleaned
    row = replace_fields(row, reject=cleaned, is_joined=cleaned.reason in (_JOINED_VARIANT if row.parent else _JOINED))
    priced = clean_listing(replace(raw, title="-", category="-"), keep_unpriced=True)
    if not row.is_joined or isinstance(priced, RejectedRecord):
        return row
    return replace_fields(row, price=priced.record.price, currency=priced.record.currency)
