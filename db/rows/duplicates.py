"""Copies in the database: pairs of copied photos, which photos were searched, and reviews of duplicate listings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import and_, delete, exists, func, or_
from sqlalchemy import select as sql_select
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from db.models import DuplicatePair, DuplicateReview, DuplicateSearch, Embedding, Photo, PhotoState, utc_now
from db.rows import copy_groups, feed
from db.rows.photo_queue import PhotoRef
from db.rows.review_groups import NO_SHARED_PHOTO, Decision, Link, decided_links

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from sqlalchemy import ColumnElement

_MAX_IDENTICAL = 100
"""Photos with the same bytes that one photo is paired with: the first ones, so that all of them stay connected."""


@dataclass(frozen=True, slots=True)
class PhotoCopy:
    """A photo that is a copy of another, with verdict and score. `sha256` is that of the compared bytes."""

    photo_id: int
    sha256: str
    verdict: str
    score: float


@dataclass(frozen=True, slots=True)
class ListingCopy:
    """A listing with a copy of another listing's photo, described by the surest pair of photos."""

    listing_id: str
    photo_id: int
    verdict: str
    score: float


@dataclass(frozen=True, slots=True)
class CopiesOfListing:
    """What is known of a listing's copies.

    Attributes:
        copies: surest first, without those that a review rejected.
        compared: the listings that share a photo with it or were rejected as its duplicates.
    """

    copies: tuple[ListingCopy, ...]
    compared: frozenset[str]


def unsearched(session: Session, *, model_version: str, after: int, limit: int) -> list[PhotoRef]:
    """Return up to `limit` photos with ids above `after`, in id order, whose present bytes were not searched yet.

    Photos without a vector by `model_version` are left out.
    """
    return _unsearched(session, model_version, col(Photo.id) > after, limit)


def unsearched_among(session: Session, photo_ids: Sequence[int], *, model_version: str) -> list[PhotoRef]:
    """Return the photos among `photo_ids` that `unsearched` would return."""
    return _unsearched(session, model_version, col(Photo.id).in_(photo_ids), None)


def unsearched_count(session: Session, *, model_version: str) -> int:
    """Return the total number of photos that `unsearched` would return."""
    query = select(func.count()).select_from(Photo).join(Embedding, _embedded_by(model_version))
    return session.exec(query.where(*_UNSEARCHED)).one()


def forget_replaced(session: Session, photo_ids: Sequence[int] | None = None) -> None:
    """Delete the pairs and searches of photos, among `photo_ids` or all, whose bytes were replaced since."""
    feed.lock_feed(session)
    query = select(DuplicateSearch.photo_id).join(Photo, col(Photo.id) == DuplicateSearch.photo_id)
    query = query.where(col(Photo.sha256) != DuplicateSearch.sha256)
    if photo_ids is not None:
        query = query.where(col(Photo.id).in_(photo_ids))
    replaced = list(session.exec(query))
    session.execute(delete(DuplicatePair).where(_with_photos(replaced)))
    session.execute(delete(DuplicateSearch).where(col(DuplicateSearch.photo_id).in_(replaced)))
    session.flush()


def save_search(session: Session, photo: PhotoRef, copies: Sequence[PhotoCopy], *, model_version: str) -> int:
    """Save a photo's search and its copies, and return the number of new pairs.

    A pair that is known from its other photo is not new. Skips photos that were deleted, set aside or got other bytes
    while they were compared: the feed has an event for each of them.
    """
    feed.lock_feed(session)  # so that no photo is deleted between this check and the insert
    compared = {photo.photo_id: photo.sha256} | {copy.photo_id: copy.sha256 for copy in copies}
    searched = Photo.state != PhotoState.SET_ASIDE
    rows = session.exec(select(Photo.id, Photo.sha256).where(col(Photo.id).in_(compared), searched))
    present = {photo_id for photo_id, sha256 in rows if photo_id is not None and compared[photo_id] == sha256}
    if photo.photo_id not in present:
        return 0
    session.merge(DuplicateSearch(photo_id=photo.photo_id, sha256=photo.sha256))
    known = session.exec(select(DuplicatePair).where(_with_photos([photo.photo_id]))).all()
    present -= {photo_id for pair in known for photo_id in (pair.photo_id, pair.other_photo_id)}
    new = {copy.photo_id: _pair(photo.photo_id, copy, model_version) for copy in copies if copy.photo_id in present}
    session.add_all(new.values())
    session.flush()
    return len(new)


def photos_with_same_bytes(session: Session, photo: PhotoRef) -> list[int]:
    """Return up to `_MAX_IDENTICAL` photos of other listings with the same bytes as this one, lowest ids first."""
    listing_id = select(Photo.listing_id).where(Photo.id == photo.photo_id).scalar_subquery()
    query = select(Photo.id).where(Photo.sha256 == photo.sha256, col(Photo.listing_id) != listing_id)
    query = query.order_by(col(Photo.id)).limit(_MAX_IDENTICAL)
    return [photo_id for photo_id in session.exec(query) if photo_id is not None]


def copies_of(session: Session, listing_id: str) -> CopiesOfListing:
    """Return the listings with a copy of one of this listing's photos."""
    decided = _decisions(session, _touching(copy_groups.same_item(session, listing_id)))
    found, copies = _links_of(session, listing_id, decided), []
    for link in found:
        is_first = link.listing_id == listing_id
        other = (link.other_listing_id, link.other_photo_id) if is_first else (link.listing_id, link.photo_id)
        if link.decision != "reject" and other[1] is not None:
            copies.append(ListingCopy(other[0], other[1], link.verdict, link.score))
    copies.sort(key=lambda copy: (copy.verdict != "identical", -copy.score, copy.listing_id))
    rejected = [pair for pair, decision in decided.items() if decision == "reject" and listing_id in pair]
    compared = {one for pair in [*map(_listings, found), *rejected] for one in pair}
    return CopiesOfListing(tuple(copies), frozenset(compared - {listing_id}))


def links(session: Session) -> list[Link]:
    """Return all pairs of listings that share a photo, each by its surest pair of photos, in id order."""
    return _links(session, decisions(session))


def _links(session: Session, decided: Mapping[tuple[str, str], Decision]) -> list[Link]:
    return decided_links(_surest(_pairs(session)), decided, copy_groups.all_groups(session))


def _links_of(session: Session, listing_id: str, decided: Mapping[tuple[str, str], Decision]) -> list[Link]:
    """Return the links of one listing, by the decisions about its copy group, without reading those of others."""
    photo_ids = session.exec(select(Photo.id).where(Photo.listing_id == listing_id))
    surest = _surest(_pairs(session, _with_photos([one for one in photo_ids if one is not None])))
    concerned = {one for pair in [*map(_listings, surest), *decided] for one in pair}
    return decided_links(surest, decided, copy_groups.groups_of(session, concerned))


def reviewable_links(session: Session) -> list[Link]:
    """Return all links, and the reviewed pairs without a shared photo, in id order."""
    decided = decisions(session)
    shared = _links(session, decided)
    known = {_listings(link) for link in shared}
    others = {pair: decision for pair, decision in decided.items() if pair not in known}
    first = _first_photos(session, {listing_id for pair in others for listing_id in pair})
    without = [
        Link(one, other, first.get(one), first.get(other), NO_SHARED_PHOTO, 0.0, decision)
        for (one, other), decision in others.items()
    ]
    return sorted([*shared, *without], key=_listings)


def decide(session: Session, listing_ids: tuple[str, str], decision: Decision | None, *, key_id: str | None) -> None:
    """Save the decision on two listings, replacing any earlier one; None deletes it. Their copy groups follow.

    Raises:
        ImpossibleGroup: other decisions contradict this one, or the group would be too large.
    """
    feed.lock_feed(session)  # so that no listing is deleted while its group changes
    first, second = sorted(listing_ids)
    if decision == "accept":
        copy_groups.join(session, first, second)
    elif decision == "reject":
        copy_groups.check_different(session, first, second)
    row = session.get(DuplicateReview, (first, second))
    if decision is not None:
        row = row or DuplicateReview(listing_id=first, other_listing_id=second, decision=decision)
        row.decision, row.key_id, row.decided_at = decision, key_id, utc_now()
        session.add(row)
    elif row is not None:
        session.delete(row)
    session.flush()
    if decision != "accept":
        copy_groups.split(session, first, second)


def decisions(session: Session) -> dict[tuple[str, str], Decision]:
    """Return all decisions, by the two listing ids in order."""
    return _decisions(session)


def _decisions(session: Session, *conditions: ColumnElement[bool]) -> dict[tuple[str, str], Decision]:
    query = select(DuplicateReview.listing_id, DuplicateReview.other_listing_id, DuplicateReview.decision)
    rows = session.exec(query.where(*conditions))
    return {(one, other): "accept" if decision == "accept" else "reject" for one, other, decision in rows}


def _touching(listing_ids: Collection[str]) -> ColumnElement[bool]:
    return or_(col(DuplicateReview.listing_id).in_(listing_ids), col(DuplicateReview.other_listing_id).in_(listing_ids))


def _listings(link: Link) -> tuple[str, str]:
    return link.listing_id, link.other_listing_id


def _pair(photo_id: int, copy: PhotoCopy, model_version: str) -> DuplicatePair:
    first, second = sorted((photo_id, copy.photo_id))
    return DuplicatePair(
        photo_id=first, other_photo_id=second, verdict=copy.verdict, score=copy.score, model_version=model_version
    )


def _with_photos(photo_ids: Sequence[int]) -> ColumnElement[bool]:
    return or_(col(DuplicatePair.photo_id).in_(photo_ids), col(DuplicatePair.other_photo_id).in_(photo_ids))


def _unsearched(
    session: Session, model_version: str, condition: ColumnElement[bool], limit: int | None
) -> list[PhotoRef]:
    query = (
        select(Photo.id, Photo.sha256)
        .join(Embedding, _embedded_by(model_version))
        .where(condition, *_UNSEARCHED)
        .order_by(col(Photo.id))
        .limit(limit)
    )
    return [PhotoRef(photo_id, sha256) for photo_id, sha256 in session.exec(query) if photo_id is not None]


def _embedded_by(model_version: str) -> ColumnElement[bool]:
    return and_(col(Embedding.photo_id) == Photo.id, col(Embedding.model_version) == model_version)


_UNSEARCHED = (
    ~exists().where(col(DuplicateSearch.photo_id) == Photo.id, col(DuplicateSearch.sha256) == Photo.sha256),
    col(Photo.state) == PhotoState.EMBEDDED,
)
"""Conditions of an embedded photo that was not searched since its bytes last changed."""


def _pairs(session: Session, *conditions: ColumnElement[bool]) -> list[Link]:
    """Return an undecided link for each pair of photos of two listings, in the order of the photos.

    Reads columns: building objects took two thirds of the time of a review queue with 100,000 pairs.
    """
    one, other, pair = aliased(Photo), aliased(Photo), DuplicatePair
    first_side = col(one.listing_id), col(pair.photo_id)
    second_side = col(other.listing_id), col(pair.other_photo_id)
    query = (
        sql_select(*first_side, *second_side, col(pair.verdict), col(pair.score))
        .join(one, col(one.id) == pair.photo_id)
        .join(other, col(other.id) == pair.other_photo_id)
        .where(col(one.listing_id) != other.listing_id, *conditions)
        .order_by(col(pair.photo_id), col(pair.other_photo_id))
    )
    found = []
    for first, photo_id, second, other_photo_id, verdict, score in session.connection().execute(query):
        (a, photo_a), (b, photo_b) = sorted(((first, photo_id), (second, other_photo_id)))
        found.append(Link(a, b, photo_a, photo_b, verdict, score, None))
    return found


def _surest(pairs: Iterable[Link]) -> list[Link]:
    """Return the surest link of each two listings, in id order."""
    best: dict[tuple[str, str], Link] = {}
    for link in pairs:
        if _listings(link) not in best or _surer(link, best[_listings(link)]):
            best[_listings(link)] = link
    return [best[listings] for listings in sorted(best)]


def _first_photos(session: Session, listing_ids: Collection[str]) -> dict[str, int]:
    query = select(Photo.listing_id, func.min(Photo.id)).where(col(Photo.listing_id).in_(listing_ids))
    rows = session.exec(query.group_by(col(Photo.listing_id))).all()
    return {listing_id: photo_id for listing_id, photo_id in rows if photo_id is not None}


def _surer(one: Link, other: Link) -> bool:
    return (one.verdict == "identical", one.score) > (other.verdict == "identical", other.score)
