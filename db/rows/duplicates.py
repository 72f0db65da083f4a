"""Copies in the truth: pairs of photos that are one photo, whose copies were looked for, and what was decided."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from sqlalchemy import and_, delete, exists, func, or_
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from db.models import DuplicatePair, DuplicateReview, DuplicateSearch, Embedding, Photo, PhotoState, utc_now
from db.rows import feed
from db.rows.photo_queue import ClaimedPhoto

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement

Decision: TypeAlias = Literal["accept", "reject"]

_MOST_SAME = 100
"""Photos of the same bytes that one is paired with: the first ones, so that all hang together however many they are."""


@dataclass(frozen=True, slots=True)
class PhotoCopy:
    """Another photo that is a copy of one, and how sure that is. `sha256`: of the bytes that were compared."""

    photo_id: int
    sha256: str
    verdict: str
    score: float


@dataclass(frozen=True, slots=True)
class ListingCopy:
    """Another listing with a copy of a listing's photo, by the surest pair of photos."""

    listing_id: str
    photo_id: int
    verdict: str
    score: float


@dataclass(frozen=True, slots=True)
class Link:
    """Two listings, in the order of their ids, that have a photo in common, and what was decided of them."""

    listing_id: str
    other_listing_id: str
    photo_id: int
    other_photo_id: int
    verdict: str
    score: float
    decision: Decision | None


def unsearched(session: Session, *, model_version: str, after: int, limit: int) -> list[ClaimedPhoto]:
    """Return up to `limit` photos with an id above `after`, in order, whose present bytes' copies were not looked for.

    Photos without a vector by `model_version` are not among them.
    """
    return _unsearched(session, model_version, col(Photo.id) > after, limit)


def unsearched_among(session: Session, photo_ids: Sequence[int], *, model_version: str) -> list[ClaimedPhoto]:
    """Return those of these photos that `unsearched` would."""
    return _unsearched(session, model_version, col(Photo.id).in_(photo_ids), None)


def forget_replaced(session: Session, photo_ids: Sequence[int] | None = None) -> None:
    """Drop what was found for photos, of these or of all, that have other bytes now."""
    feed.lock_feed(session)
    replaced = select(DuplicateSearch.photo_id).join(Photo, col(Photo.id) == DuplicateSearch.photo_id)
    replaced = replaced.where(col(Photo.sha256) != DuplicateSearch.sha256)
    if photo_ids is not None:
        replaced = replaced.where(col(Photo.id).in_(photo_ids))
    _forget(session, list(session.exec(replaced)))


def save_search(session: Session, photo: ClaimedPhoto, copies: Sequence[PhotoCopy], *, model_version: str) -> int:
    """Record the copies of a photo, and return how many are new: a pair may have been found from its other end.

    A photo that was deleted, or got other bytes, while it was compared is left out: an event of its own tells of it.
    """
    feed.lock_feed(session)  # nobody deletes a photo between the question and the pair
    asked = {photo.photo_id: photo.sha256} | {copy.photo_id: copy.sha256 for copy in copies}
    rows = session.exec(select(Photo.id, Photo.sha256).where(col(Photo.id).in_(asked)))
    present = {photo_id for photo_id, sha256 in rows if photo_id is not None and asked[photo_id] == sha256}
    if photo.photo_id not in present:
        return 0
    session.merge(DuplicateSearch(photo_id=photo.photo_id, sha256=photo.sha256))
    known = session.exec(select(DuplicatePair).where(_with_photos([photo.photo_id]))).all()
    present -= {photo_id for pair in known for photo_id in (pair.photo_id, pair.other_photo_id)}
    new = {copy.photo_id: _pair(photo.photo_id, copy, model_version) for copy in copies if copy.photo_id in present}
    session.add_all(new.values())
    session.flush()
    return len(new)


def photos_with_same_bytes(session: Session, photo: ClaimedPhoto) -> list[int]:
    """Return the photos of other listings with the bytes of this one; of very many the first."""
    listing_id = select(Photo.listing_id).where(Photo.id == photo.photo_id).scalar_subquery()
    query = select(Photo.id).where(Photo.sha256 == photo.sha256, col(Photo.listing_id) != listing_id)
    query = query.order_by(col(Photo.id)).limit(_MOST_SAME)
    return [photo_id for photo_id in session.exec(query) if photo_id is not None]


def pair_count(session: Session) -> int:
    """Return the number of pairs of photos."""
    return session.exec(select(func.count()).select_from(DuplicatePair)).one()


def linked_or_rejected_listings(session: Session, listing_id: str) -> set[str]:
    """Return the listings that share a photo with this one, or of which it was decided that they are no duplicates."""
    beside = {one for link in links(session, of_listing=listing_id) for one in (link.listing_id, link.other_listing_id)}
    rejected = session.exec(
        select(DuplicateReview).where(
            or_(col(DuplicateReview.listing_id) == listing_id, col(DuplicateReview.other_listing_id) == listing_id),
            DuplicateReview.decision == "reject",
        )
    )
    beside |= {one for row in rejected for one in (row.listing_id, row.other_listing_id)}
    return beside - {listing_id}


def copies_of(session: Session, listing_id: str) -> list[ListingCopy]:
    """Return the listings that have a copy of a photo of this one, the surest first; none that were rejected."""
    found = [
        ListingCopy(link.other_listing_id, link.other_photo_id, link.verdict, link.score)
        if link.listing_id == listing_id
        else ListingCopy(link.listing_id, link.photo_id, link.verdict, link.score)
        for link in links(session, of_listing=listing_id)
        if link.decision != "reject"
    ]
    return sorted(found, key=lambda copy: (copy.verdict != "identical", -copy.score, copy.listing_id))


def links(session: Session, *, of_listing: str | None = None) -> list[Link]:
    """Return the pairs of listings with a photo in common, each by its surest pair of photos, in order of their ids."""
    best: dict[tuple[str, str], Link] = {}
    decided = decisions(session)
    for pair, one, other in _pairs(session, of_listing):
        first, second = sorted(((one, pair.photo_id), (other, pair.other_photo_id)))
        listings = (first[0], second[0])
        link = Link(*listings, first[1], second[1], pair.verdict, pair.score, decided.get(listings))
        if listings not in best or _surer(link, best[listings]):
            best[listings] = link
    return [best[listings] for listings in sorted(best)]


def decide(session: Session, listing_ids: tuple[str, str], decision: Decision, *, key_id: str | None) -> None:
    """Keep what was decided of two listings, in place of what was before."""
    first, second = sorted(listing_ids)
    row = session.get(DuplicateReview, (first, second)) or DuplicateReview(
        listing_id=first, other_listing_id=second, decision=decision
    )
    row.decision, row.key_id, row.decided_at = decision, key_id, utc_now()
    session.add(row)


def decisions(session: Session) -> dict[tuple[str, str], Decision]:
    """Return all that was decided, by the two listings in the order of their ids."""
    rows = session.exec(select(DuplicateReview)).all()
    return {(row.listing_id, row.other_listing_id): "accept" if row.decision == "accept" else "reject" for row in rows}


def decided_by(session: Session, listing_ids: tuple[str, str]) -> str | None:
    """Return the id of the key with which it was decided of two listings; None where there was none."""
    first, second = sorted(listing_ids)
    row = session.get(DuplicateReview, (first, second))
    return None if row is None else row.key_id


def _pair(photo_id: int, copy: PhotoCopy, model_version: str) -> DuplicatePair:
    first, second = sorted((photo_id, copy.photo_id))
    return DuplicatePair(
        photo_id=first, other_photo_id=second, verdict=copy.verdict, score=copy.score, model_version=model_version
    )


def _with_photos(photo_ids: Sequence[int]) -> ColumnElement[bool]:
    return or_(col(DuplicatePair.photo_id).in_(photo_ids), col(DuplicatePair.other_photo_id).in_(photo_ids))


def _forget(session: Session, photo_ids: Sequence[int]) -> None:
    session.execute(delete(DuplicatePair).where(_with_photos(photo_ids)))
    session.execute(delete(DuplicateSearch).where(col(DuplicateSearch.photo_id).in_(photo_ids)))
    session.flush()


def unsearched_count(session: Session, *, model_version: str) -> int:
    """Return the number of photos that `unsearched` would return in all."""
    query = select(func.count()).select_from(Photo).join(Embedding, _embedded_by(model_version))
    return session.exec(query.where(*_UNSEARCHED)).one()


def _unsearched(
    session: Session, model_version: str, which: ColumnElement[bool], limit: int | None
) -> list[ClaimedPhoto]:
    query = (
        select(Photo.id, Photo.sha256)
        .join(Embedding, _embedded_by(model_version))
        .where(which, *_UNSEARCHED)
        .order_by(col(Photo.id))
        .limit(limit)
    )
    return [ClaimedPhoto(photo_id, sha256) for photo_id, sha256 in session.exec(query) if photo_id is not None]


def _embedded_by(model_version: str) -> ColumnElement[bool]:
    return and_(col(Embedding.photo_id) == Photo.id, col(Embedding.model_version) == model_version)


_UNSEARCHED = (
    ~exists().where(col(DuplicateSearch.photo_id) == Photo.id, col(DuplicateSearch.sha256) == Photo.sha256),
    col(Photo.state) == PhotoState.EMBEDDED,
)
"""Conditions of a photo that is embedded and was not compared with others since its bytes last changed."""


def _pairs(session: Session, of_listing: str | None) -> list[tuple[DuplicatePair, str, str]]:
    one, other = aliased(Photo), aliased(Photo)
    query = (
        select(DuplicatePair, one.listing_id, other.listing_id)
        .join(one, col(one.id) == DuplicatePair.photo_id)
        .join(other, col(other.id) == DuplicatePair.other_photo_id)
        .where(col(one.listing_id) != other.listing_id)
        .order_by(col(DuplicatePair.photo_id), col(DuplicatePair.other_photo_id))
    )
    if of_listing is not None:
        query = query.where(or_(col(one.listing_id) == of_listing, col(other.listing_id) == of_listing))
    return [(pair, first, second) for pair, first, second in session.exec(query)]


def _surer(one: Link, other: Link) -> bool:
    return (one.verdict == "identical", one.score) > (other.verdict == "identical", other.score)
