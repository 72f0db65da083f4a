"""Placeholder pictures, such as "no image available": photos that many unrelated listings share are set aside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from more_itertools import chunked
from sqlalchemy import delete, func, or_, update
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from db.models import DuplicatePair, DuplicateSearch, Embedding, FeedOperation, Listing, Photo, PhotoState
from db.rows import feed
from db.session import VALUES_PER_QUERY

if TYPE_CHECKING:
    from collections.abc import Collection


@dataclass(frozen=True, slots=True)
class Placeholder:
    """A picture that many listings share, with one of these listings."""

    sha256: str
    listings: int
    example_listing_id: str


def find_placeholders(session: Session, *, min_listings: int) -> list[Placeholder]:
    """Return the pictures that at least `min_listings` listings share, which have no more in common.

    Half as many titles and several categories are needed: a photo that a seller posts again and again, or that the
    variants of a product share, is no placeholder. In a catalogue of one category the titles alone decide.
    The counts of a million photos come from one index.
    """
    frequent = select(Photo.sha256).group_by(col(Photo.sha256)).having(func.count() >= min_listings)
    several = len(session.exec(select(Listing.category).distinct().limit(2)).all())
    placeholders = []
    for hashes in chunked(session.exec(frequent).all(), VALUES_PER_QUERY):
        listings = func.count(col(Photo.listing_id).distinct())
        query = (
            select(Photo.sha256, listings, func.min(Photo.listing_id))
            .join(Listing, col(Listing.id) == Photo.listing_id)
            .where(col(Photo.sha256).in_(hashes))
            .group_by(col(Photo.sha256))
            .having(listings >= min_listings)
            .having(func.count(col(Listing.title).distinct()) * 2 >= min_listings)
            .having(func.count(col(Listing.category).distinct()) >= several)
            .order_by(col(Photo.sha256))
        )
        placeholders += [Placeholder(*row) for row in session.exec(query)]
    return placeholders


def set_aside(session: Session, sha256: str, *, job_id: str) -> int:
    """Set aside the photos with these bytes, for this job, and return how many were not set aside before.

    Their embeddings and pairs are deleted, and their points leave the indexes. Failed photos stay failed.
    """
    feed.lock_feed(session)
    is_searched = col(Photo.state).in_((PhotoState.PENDING, PhotoState.EMBEDDED))
    rows = session.exec(select(Photo.id).where(Photo.sha256 == sha256, is_searched).order_by(col(Photo.id)))
    photo_ids = [photo_id for photo_id in rows if photo_id is not None]
    for some in chunked(photo_ids, VALUES_PER_QUERY):
        pairs = or_(col(DuplicatePair.photo_id).in_(some), col(DuplicatePair.other_photo_id).in_(some))
        session.execute(delete(DuplicatePair).where(pairs))
        session.execute(delete(DuplicateSearch).where(col(DuplicateSearch.photo_id).in_(some)))
        session.execute(delete(Embedding).where(col(Embedding.photo_id).in_(some)))
        aside = {"state": PhotoState.SET_ASIDE, "job_id": job_id, "lease_owner": None, "lease_until": None}
        session.execute(update(Photo).where(col(Photo.id).in_(some)).values(**aside))
        feed.append(session, FeedOperation.DELETE, some)
    return len(photo_ids)


def take_back(session: Session, *, keep: Collection[str], job_id: str) -> int:
    """Queue the photos that were set aside, except those with the hashes in `keep`, and return their number."""
    feed.lock_feed(session)
    aside = set(session.exec(select(Photo.sha256).where(Photo.state == PhotoState.SET_ASIDE).distinct()))
    count = 0
    for hashes in chunked(sorted(aside - set(keep)), VALUES_PER_QUERY):
        query = update(Photo).where(col(Photo.sha256).in_(hashes), col(Photo.state) == PhotoState.SET_ASIDE)
        pending = query.values(state=PhotoState.PENDING, attempts=0, job_id=job_id)
        count += session.execute(pending).rowcount  # type: ignore[attr-defined]
    return count


def set_aside_known(session: Session, listing_id: str) -> None:
    """Set aside the listing's new photos whose bytes are already set aside in other listings."""
    feed.lock_feed(session)
    other = aliased(Photo)
    known = (
        select(other.id)
        .where(other.sha256 == Photo.sha256, other.state == PhotoState.SET_ASIDE, other.listing_id != listing_id)
        .exists()
    )
    query = update(Photo).where(col(Photo.listing_id) == listing_id, col(Photo.state) == PhotoState.PENDING, known)
    session.execute(query.values(state=PhotoState.SET_ASIDE), execution_options={"synchronize_session": "fetch"})
