"""Copy groups: listings that reviews call the same item. `Listing.copy_group` follows from the accepted reviews."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from more_itertools import chunked
from sqlalchemy import and_, or_, update
from sqlmodel import Session, col, select

from db.models import DuplicateReview, Listing, utc_now
from db.rows.review_groups import components, neighbours_of, reached
from db.session import VALUES_PER_QUERY

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from sqlalchemy import ColumnElement

MAX_GROUP = 100
"""Listings in a group, at most: a search may fetch this many listings for each result."""


class ImpossibleGroup(ValueError):
    """A decision that contradicts others, or makes a group too large. The message says which."""


def join(session: Session, one: str, other: str) -> None:
    """Unite the groups of two listings, in a transaction that holds the feed's lock.

    Raises:
        ImpossibleGroup: a review calls listings of the two groups different items, or the group would be too large.
    """
    first, second = same_item(session, one), same_item(session, other)
    if other in first:
        return
    different = _reviews(session, first | second, "reject")
    for row in different:
        pair = {row.listing_id, row.other_listing_id}
        if pair & first and pair & second and pair != {one, other}:
            raise ImpossibleGroup(
                f"{one!r} and {other!r} cannot be the same item: {row.listing_id!r} and {row.other_listing_id!r} were "
                "decided to be different items. Undo that decision first."
            )
    if len(first | second) > MAX_GROUP:
        count = len(first | second)
        raise ImpossibleGroup(f"One item would have {count} listings; at most {MAX_GROUP} can be shown as one.")
    _write(session, first | second)


def split(session: Session, one: str, other: str) -> None:
    """Group the listings around a pair again, after its accepted review was deleted or replaced."""
    members = same_item(session, one)
    if other in members:
        for component in components(members, _accepted(session, members)):
            _write(session, component)


def check_different(session: Session, one: str, other: str) -> None:
    """Raise ImpossibleGroup if other accepted reviews make two listings the same item."""
    members = same_item(session, one)
    if other not in members:
        return
    links = [pair for pair in _accepted(session, members) if set(pair) != {one, other}]
    if path := _path(one, other, links):
        steps = ", ".join(f"{here!r} and {there!r}" for here, there in pairwise(path))
        raise ImpossibleGroup(
            f"{one!r} and {other!r} cannot be different items: they are the same item by the decisions about {steps}. "
            "Undo one of those first."
        )


def leave(session: Session, listing_ids: Collection[str]) -> None:
    """Take listings that are about to be deleted out of their groups, which keep together without them.

    What reviews said of a deleted listing, they then say of one that stays.
    """
    grouped = select(Listing.copy_group).where(col(Listing.id).in_(listing_ids), col(Listing.copy_group).is_not(None))
    for group in session.exec(grouped.distinct()).all():
        members = set(session.exec(select(Listing.id).where(Listing.copy_group == group)))
        staying = members - set(listing_ids)
        if staying:
            _connect(session, staying)
            _keep_apart(session, members - staying, min(staying))
            _write(session, staying)


def listings_of(session: Session, groups: Collection[str]) -> frozenset[str]:
    """Return the listings of these copy groups."""
    return frozenset(session.exec(select(Listing.id).where(col(Listing.copy_group).in_(groups))))


def same_item(session: Session, listing_id: str) -> frozenset[str]:
    """Return the listing with the others of its copy group."""
    group = select(Listing.copy_group).where(Listing.id == listing_id).scalar_subquery()
    return frozenset({listing_id, *session.exec(select(Listing.id).where(Listing.copy_group == group))})


def all_groups(session: Session) -> dict[str, str]:
    """Return the copy group of each listing that has one."""
    return _groups(session)


def groups_of(session: Session, listing_ids: Collection[str]) -> dict[str, str]:
    """Return the copy group of each of these listings that has one."""
    chunks = chunked(sorted(listing_ids), VALUES_PER_QUERY)
    return {one: group for ids in chunks for one, group in _groups(session, col(Listing.id).in_(ids)).items()}


def _groups(session: Session, *conditions: ColumnElement[bool]) -> dict[str, str]:
    query = select(Listing.id, Listing.copy_group).where(col(Listing.copy_group).is_not(None), *conditions)
    return {listing_id: group for listing_id, group in session.exec(query) if group is not None}


def _write(session: Session, members: Collection[str]) -> None:
    """Store the group of listings, named after the first; a single listing has none."""
    group = min(members) if len(members) > 1 else None
    session.execute(update(Listing).where(col(Listing.id).in_(members)).values(copy_group=group))


def _reviews(session: Session, members: Collection[str], decision: str) -> list[DuplicateReview]:
    """Return the reviews between two of these listings."""
    both = and_(col(DuplicateReview.listing_id).in_(members), col(DuplicateReview.other_listing_id).in_(members))
    query = select(DuplicateReview).where(both, DuplicateReview.decision == decision)
    return list(session.exec(query.order_by(col(DuplicateReview.listing_id), col(DuplicateReview.other_listing_id))))


def _accepted(session: Session, members: Collection[str]) -> list[tuple[str, str]]:
    return [(row.listing_id, row.other_listing_id) for row in _reviews(session, members, "accept")]


def _connect(session: Session, staying: Collection[str]) -> None:
    """Accept pairs of listings that were the same item only by way of listings that go."""
    parts = sorted(min(part) for part in components(staying, _accepted(session, staying)))
    for one, other in pairwise(parts):
        _add(session, one, other, "accept")


def _keep_apart(session: Session, leaving: Collection[str], heir: str) -> None:
    """Reject, for a listing that stays, the listings that were rejected for those that go."""
    touching = or_(col(DuplicateReview.listing_id).in_(leaving), col(DuplicateReview.other_listing_id).in_(leaving))
    for row in session.exec(select(DuplicateReview).where(touching, DuplicateReview.decision == "reject")).all():
        other = row.other_listing_id if row.listing_id in leaving else row.listing_id
        if other not in leaving:
            _add(session, heir, other, "reject")


def _add(session: Session, one: str, other: str, decision: str) -> None:
    first, second = sorted((one, other))
    if session.get(DuplicateReview, (first, second)) is None:
        row = DuplicateReview(listing_id=first, other_listing_id=second, decision=decision, decided_at=utc_now())
        session.add(row)
        session.flush()


def _path(one: str, other: str, links: Iterable[tuple[str, str]]) -> list[str]:
    """Return the shortest way from one listing to another; empty if there is none."""
    came_from = reached(one, neighbours_of(links))
    if other not in came_from:
        return []
    path = [other]
    while path[-1] != one:
        path.append(came_from[path[-1]])
    return path[::-1]
