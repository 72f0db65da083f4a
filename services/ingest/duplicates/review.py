"""Reviewing duplicates: pages of groups, and decisions about pairs."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import TYPE_CHECKING

from more_itertools import chunked

from db.rows import duplicates, listings
from db.rows.copy_groups import ImpossibleGroup
from db.rows.review_groups import GroupState, review_groups
from db.session import VALUES_PER_QUERY
from services.errors import BadInput, BadQuery, Conflict, ResourceNotFound

if TYPE_CHECKING:
    from collections.abc import Mapping

    from db.models import Listing
    from db.rows.review_groups import Decision, ReviewGroup
    from db.session import Database


@dataclass(frozen=True, slots=True)
class GroupPage:
    """A page of groups.

    Attributes:
        groups: largest first.
        listings: those of the groups, by id.
        undecided_pairs: of all groups, whatever their state.
        cursor: of the next page; None on the last one.
    """

    groups: list[ReviewGroup]
    listings: Mapping[str, Listing]
    undecided_pairs: int
    cursor: str | None


def page_of_groups(database: Database, state: GroupState, *, limit: int, cursor: str | None) -> GroupPage:
    """Return up to `limit` groups of a state, largest first.

    Raises:
        BadQuery: the cursor is invalid.
    """
    after = None if cursor is None else _from_cursor(cursor)
    with database.read() as session:
        links = duplicates.reviewable_links(session)
        rest = [group for group in review_groups(links, state) if after is None or group.order > after]
        page = rest[:limit]
        of_page = sorted({listing_id for group in page for listing_id in group.listing_ids})
        rows = [row for ids in chunked(of_page, VALUES_PER_QUERY) for row in listings.listings_by_id(session, ids)]
    undecided = sum(link.decision is None for link in links)
    following = _to_cursor(page[-1]) if len(rest) > limit else None
    return GroupPage(page, {row.id: row for row in rows}, undecided, following)


def review(database: Database, listing_ids: tuple[str, str], decision: Decision | None, *, key_id: str | None) -> None:
    """Record a decision about two listings; None forgets it.

    Raises:
        ResourceNotFound: one of the listings does not exist.
        BadInput: both ids are the same.
        Conflict: other decisions contradict this one, or one item would have too many listings.
    """
    if listing_ids[0] == listing_ids[1]:
        raise BadInput("listing_id and other_listing_id must differ.")
    with database.write() as session:
        known = {row.id for row in listings.listings_by_id(session, listing_ids)}
        for listing_id in listing_ids:
            if listing_id not in known:
                raise ResourceNotFound("listing", listing_id)
        try:
            duplicates.decide(session, listing_ids, decision, key_id=key_id)
        except ImpossibleGroup as error:
            raise Conflict(str(error)) from error


def _to_cursor(group: ReviewGroup) -> str:
    size, first = group.order
    return base64.urlsafe_b64encode(f"{-size} {first}".encode()).decode()


def _from_cursor(cursor: str) -> tuple[int, str]:
    try:
        size, _, first = base64.urlsafe_b64decode(cursor.encode()).decode().partition(" ")
        return -int(size), first
    except (binascii.Error, UnicodeError, ValueError) as error:
        raise BadQuery("cursor", "is not valid. Copy it unchanged from the previous page.") from error
