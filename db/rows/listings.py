"""Listings in the database: upsert by content, read, count, delete."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, func
from sqlmodel import Session, col, select

from db.models import FeedOperation, Listing, Photo, PhotoState, utc_now
from db.rows import feed

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from db.rows.records import ListingRecord


@dataclass(frozen=True, slots=True)
class UpsertCounts:
    """Number of listings that an upsert inserted, updated and left unchanged."""

    inserted: int
    updated: int
    unchanged: int


def upsert_listings(session: Session, records: Sequence[ListingRecord]) -> UpsertCounts:
    """Insert new listings and update changed ones; ids must be distinct within `records`.

    The embedded photos of a changed listing are put on the change feed, because their payloads copy the listing.
    """
    feed.lock_feed(session)
    existing = {row.id: row for row in listings_by_id(session, [record.listing_id for record in records])}
    inserted, changed = 0, []
    for record in records:
        content_hash = record.content_hash()
        row = existing.get(record.listing_id)
        if row is None:
            session.add(Listing(id=record.listing_id, content_hash=content_hash, **_columns(record)))
            inserted += 1
        elif row.content_hash != content_hash:
            for name, value in _columns(record).items():
                setattr(row, name, value)
            row.content_hash, row.updated_at = content_hash, utc_now()
            changed.append(row.id)
    session.flush()
    feed.append(session, FeedOperation.UPSERT, embedded_photo_ids(session, changed))
    return UpsertCounts(inserted, len(changed), len(records) - inserted - len(changed))


def delete_listing(session: Session, listing_id: str) -> bool:
    """Delete a listing with its photos and embeddings, and put the photos' deletion on the change feed.

    Returns:
        Whether the listing existed.
    """
    feed.lock_feed(session)
    photo_ids = session.exec(select(Photo.id).where(Photo.listing_id == listing_id)).all()
    feed.append(session, FeedOperation.DELETE, [photo_id for photo_id in photo_ids if photo_id is not None])
    return bool(session.execute(delete(Listing).where(col(Listing.id) == listing_id)).rowcount)  # type: ignore[attr-defined]


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


def embedded_photo_ids(session: Session, listing_ids: Sequence[str]) -> list[int]:
    """Return the ids of the embedded photos of these listings, ascending."""
    rows = session.exec(
        select(Photo.id)
        .where(col(Photo.listing_id).in_(listing_ids), Photo.state == PhotoState.EMBEDDED)
        .order_by(col(Photo.id))
    ).all()
    return [photo_id for photo_id in rows if photo_id is not None]


def _columns(record: ListingRecord) -> dict[str, Any]:
    columns = asdict(record)
    del columns["listing_id"]
    return columns | {
        "category_path": list(record.category_path),
        "flags": list(record.flags),
        "other_categories": [list(path) for path in record.other_categories],
    }
