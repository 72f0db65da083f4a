"""Listings in the database: upsert by content, read, count, delete."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass, fields, replace
from operator import eq, ge, le, lt
from typing import TYPE_CHECKING, Any, TypeAlias

from more_itertools import chunked
from sqlalchemy import Text, cast, delete, func
from sqlmodel import Session, col, select

from db.models import CategorySpelling, FeedOperation, Listing, Photo, PhotoState, utc_now
from db.rows import copy_groups, feed
from db.rows.records import ListingRecord
from db.session import VALUES_PER_QUERY
from db.vectors.keys import path_key, path_keys

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime
    from decimal import Decimal

    from sqlalchemy import ColumnElement

LISTINGS_PER_WRITE = 500
"""Listings that one transaction writes, at most, so that other writers need not wait long."""

Merge: TypeAlias = "Callable[[ListingRecord, ListingRecord], ListingRecord]"


@dataclass(frozen=True, slots=True)
class UpsertCounts:
    """Number of listings that an upsert inserted, updated and left unchanged."""

    inserted: int
    updated: int
    unchanged: int


@dataclass(frozen=True, slots=True)
class ListingConditions:
    """Conditions on listings: a listing must satisfy every field that is set.

    They mean what search filters mean.

    Attributes:
        listing_ids: any of these; None means every id.
        categories: any of these first levels; empty means every category.
        category_path: the first levels of any category path (`Home & Garden / Lamps`); compared after `path_key`.
        sellers: any of these; empty means every seller.
        currency: of the price.
        price_min, price_max: inclusive; setting either excludes listings without a price.
        listed_since, listed_before: inclusive and exclusive bound of the time of listing, or of adding where unknown.
        sold: whether it is sold.
    """

    listing_ids: Collection[str] | None = None
    categories: Collection[str] = ()
    category_path: str | None = None
    sellers: Collection[str] = ()
    currency: str | None = None
    price_min: Decimal | None = None
    price_max: Decimal | None = None
    listed_since: datetime | None = None
    listed_before: datetime | None = None
    sold: bool | None = None


def matching_ids(session: Session, where: ListingConditions) -> list[str]:
    """Return the ids of the listings that satisfy the conditions, ascending."""
    paths = (Listing.category_path, Listing.other_categories)
    query = select(Listing.id, *paths) if where.category_path else select(Listing.id)
    rows: Any = session.exec(query.where(*_clauses(where)).order_by(col(Listing.id)))
    if not where.category_path:
        return list(rows)
    key = path_key(where.category_path)
    return [listing_id for listing_id, path, others in rows if any(key in path_keys(one) for one in (path, *others))]


def compare_listings(session: Session, records: Sequence[ListingRecord], *, merge: Merge | None = None) -> UpsertCounts:
    """Return what `upsert_listings` would count, without a change."""
    new, changed = _compare(session, records, merge)
    return UpsertCounts(len(new), len(changed), len(records) - len(new) - len(changed))


def known_ids(session: Session, listing_ids: Iterable[str]) -> set[str]:
    """Return the subset of these ids that exist."""
    return set(matching_ids(session, ListingConditions(listing_ids=list(listing_ids))))


def upsert_listings(session: Session, records: Sequence[ListingRecord], *, merge: Merge | None = None) -> UpsertCounts:
    """Insert new listings and update changed ones; ids must be distinct within `records`.

    The embedded photos of a changed listing are put on the change feed, because their payloads copy the listing.

    Args:
        session: of the caller's transaction.
        records: the listings.
        merge: returns what to store, given the stored and the new record of a listing; by default the new one.
    """
    feed.lock_feed(session)
    new, changed = _compare(session, records, merge)
    session.add_all(
        Listing(id=record.listing_id, content_hash=content_hash, **_columns(record)) for record, content_hash in new
    )
    for row, record, content_hash in changed:
        row.content_hash = content_hash
        for name, value in _columns(record).items():
            setattr(row, name, value)
        row.updated_at = utc_now()
    session.flush()
    feed.append(session, FeedOperation.UPSERT, embedded_photo_ids(session, [row.id for row, *_ in changed]))
    return UpsertCounts(len(new), len(changed), len(records) - len(new) - len(changed))


def delete_listing(session: Session, listing_id: str) -> bool:
    """Delete a listing with its photos and embeddings, and put the photos' deletion on the change feed.

    Returns:
        Whether the listing existed.
    """
    return delete_listings(session, [listing_id]) > 0


def delete_listings(session: Session, listing_ids: Collection[str]) -> int:
    """Delete listings like `delete_listing`, and return how many of them existed."""
    feed.lock_feed(session)
    copy_groups.leave(session, listing_ids)
    photo_ids = session.exec(select(Photo.id).where(col(Photo.listing_id).in_(listing_ids)).order_by(col(Photo.id)))
    feed.append(session, FeedOperation.DELETE, [photo_id for photo_id in photo_ids if photo_id is not None])
    return int(session.execute(delete(Listing).where(col(Listing.id).in_(listing_ids))).rowcount)  # type: ignore[attr-defined]


def mark_sold(session: Session, listing_ids: Collection[str], *, flag: str) -> int:
    """Mark listings sold, with a flag that says so, and return how many of them existed and were not sold yet."""
    feed.lock_feed(session)
    unsold = [record_of(row) for row in listings_by_id(session, listing_ids) if not row.sold]
    return upsert_listings(session, [replace(one, sold=True, flags=(*one.flags, flag)) for one in unsold]).updated


def listings_by_id(session: Session, listing_ids: Iterable[str]) -> Sequence[Listing]:
    """Return the existing listings with these ids, in no particular order.

    Ids with a NUL are left out: no listing has one, and PostgreSQL refuses to compare text with it.
    """
    possible = [listing_id for listing_id in listing_ids if "\0" not in listing_id]
    return session.exec(select(Listing).where(col(Listing.id).in_(possible))).all()


def listing_count(session: Session) -> int:
    return session.exec(select(func.count()).select_from(Listing)).one()


def category_counts(session: Session) -> dict[str, int]:
    """Return the number of listings per category, largest first."""
    rows = session.exec(
        select(Listing.category, func.count())
        .group_by(Listing.category)
        .order_by(func.count().desc(), Listing.category)
    ).all()
    return dict(rows)


def category_path_counts(session: Session) -> dict[tuple[str, ...], int]:
    """Return the number of listings per category path, further categories of listings included."""
    counts: Counter[tuple[str, ...]] = Counter()
    for paths, is_nested in ((col(Listing.category_path), False), (col(Listing.other_categories), True)):
        encoded = cast(paths, Text)
        for text, count in session.execute(select(encoded, func.count()).group_by(encoded)).all():
            decoded = json.loads(text)
            counts.update({tuple(path): count for path in (decoded if is_nested else [decoded])})
    return dict(counts)


def category_spellings(session: Session, keys: Collection[str]) -> dict[str, str]:
    """Return the stored spelling of the last level of each of these category paths, by key."""
    query = select(CategorySpelling.key, CategorySpelling.name).where(col(CategorySpelling.key).in_(keys))
    return dict(session.exec(query).all())


def has_category_spellings(session: Session) -> bool:
    return session.exec(select(CategorySpelling.key).limit(1)).first() is not None


def add_category_spellings(session: Session, names: Mapping[str, str]) -> None:
    """Store the spellings of new category paths, in a transaction that holds the feed's lock."""
    session.add_all(CategorySpelling(key=key, name=name) for key, name in names.items())
    session.flush()


def remove_category_spellings(session: Session, *, keep: Collection[str]) -> int:
    """Remove the spellings except those with the keys in `keep`, and return the number removed."""
    feed.lock_feed(session)
    unused = set(session.exec(select(CategorySpelling.key))) - set(keep)
    for keys in chunked(sorted(unused), VALUES_PER_QUERY):
        session.execute(delete(CategorySpelling).where(col(CategorySpelling.key).in_(keys)))
    return len(unused)


def embedded_photo_ids(session: Session, listing_ids: Sequence[str]) -> list[int]:
    """Return the ids of the embedded photos of these listings, ascending."""
    rows = session.exec(
        select(Photo.id)
        .where(col(Photo.listing_id).in_(listing_ids), Photo.state == PhotoState.EMBEDDED)
        .order_by(col(Photo.id))
    ).all()
    return [photo_id for photo_id in rows if photo_id is not None]


def record_of(row: Listing) -> ListingRecord:
    """Return the values of a stored listing, as cleaning made them."""
    values = {field.name: getattr(row, field.name) for field in fields(ListingRecord) if field.name != "listing_id"}
    values |= {
        "category_path": tuple(row.category_path),
        "flags": tuple(row.flags),
        "other_categories": tuple(map(tuple, row.other_categories)),
    }
    return ListingRecord(listing_id=row.id, **values)


def _compare(
    session: Session, records: Sequence[ListingRecord], merge: Merge | None
) -> tuple[list[tuple[ListingRecord, str]], list[tuple[Listing, ListingRecord, str]]]:
    """Return the new listings, and the stored rows of changed ones, with what to store and its content hash.

    Rows are read only where the hashes differ. A record that equals the stored one is equal after `merge`, too.
    """
    existing = _content_hashes(session, records)
    hashes = {record.listing_id: record.content_hash() for record in records}
    new = [(record, hashes[record.listing_id]) for record in records if record.listing_id not in existing]
    known = {record.listing_id: record for record in records if record.listing_id in existing}
    differing = [listing_id for listing_id in known if existing[listing_id] != hashes[listing_id]]
    changed = []
    for row in listings_by_id(session, differing) if differing else ():
        record, content_hash = known[row.id], hashes[row.id]
        if merge is not None:
            record = merge(record_of(row), record)
            content_hash = record.content_hash()
        if content_hash != row.content_hash:
            changed.append((row, record, content_hash))
    return new, changed


def _content_hashes(session: Session, records: Sequence[ListingRecord]) -> dict[str, str]:
    """Return the stored content hashes of these listings: whole rows take 16 times as long to read."""
    ids = [record.listing_id for record in records]
    return dict(session.exec(select(Listing.id, Listing.content_hash).where(col(Listing.id).in_(ids))).all())


def _clauses(where: ListingConditions) -> Iterator[ColumnElement[bool]]:
    """Yield the conditions that the database checks: all but the category path, whose levels are compared as keys."""
    if where.listing_ids is not None:
        yield col(Listing.id).in_([listing_id for listing_id in where.listing_ids if "\0" not in listing_id])
    for column, values in ((Listing.category, where.categories), (Listing.seller, where.sellers)):
        if values:
            yield col(column).in_([value for value in values if "\0" not in value])
    listed_at = func.coalesce(Listing.listed_at, Listing.created_at)
    bounds: tuple[tuple[Any, Any, object], ...] = (
        (eq, Listing.currency, where.currency),
        (ge, Listing.price, where.price_min),
        (le, Listing.price, where.price_max),
        (ge, listed_at, where.listed_since),
        (lt, listed_at, where.listed_before),
        (eq, Listing.sold, where.sold),
    )
    for compare, column, bound in bounds:
        if bound is not None:
            yield compare(column, bound)


def _columns(record: ListingRecord) -> dict[str, Any]:
    columns = asdict(record)
    del columns["listing_id"]
    return columns | {
        "category_path": list(record.category_path),
        "flags": list(record.flags),
        "other_categories": [list(path) for path in record.other_categories],
    }


def words(session: Session) -> Iterator[tuple[str, str, str]]:
    """Yield id, title and description of every listing, in id order."""
    yield from session.exec(select(Listing.id, Listing.title, Listing.description).order_by(col(Listing.id)))
