"""Reviewing duplicates: pages of groups, and decisions about pairs."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING

from db.rows import duplicates, listings
from db.rows.duplicate_groups import GroupState, group_listings
from services.errors import BadInput, BadQuery, ResourceNotFound

if TYPE_CHECKING:
    from db.rows.duplicate_groups import Group
    from db.rows.duplicates import Decision
    from db.session import Database


def page_of_groups(
    database: Database, state: GroupState, *, limit: int, cursor: str | None
) -> tuple[list[Group], str | None]:
    """Return up to `limit` groups of a state, largest first, and the cursor of the next page if there is one.

    Raises:
        BadQuery: the cursor is invalid.
    """
    after = None if cursor is None else _from_cursor(cursor)
    with database.read() as session:
        all_groups = group_listings(duplicates.links(session), state)
    rest = [group for group in all_groups if after is None or group.order > after]
    page = rest[:limit]
    return page, _to_cursor(page[-1]) if len(rest) > limit else None


def review(database: Database, listing_ids: tuple[str, str], decision: Decision, *, key_id: str | None) -> None:
    """Record a decision about two listings.

    Raises:
        ResourceNotFound: one of the listings does not exist.
        BadInput: both ids are the same.
    """
    if listing_ids[0] == listing_ids[1]:
        raise BadInput("listing_id and other_listing_id must differ.")
    with database.write() as session:
        known = {row.id for row in listings.listings_by_id(session, listing_ids)}
        for listing_id in listing_ids:
            if listing_id not in known:
                raise ResourceNotFound("listing", listing_id)
        duplicates.decide(session, listing_ids, decision, key_id=key_id)


def _to_cursor(group: Group) -> str:
    size, first = group.order
    return base64.urlsafe_b64encode(f"{-size} {first}".encode()).decode()


def _from_cursor(cursor: str) -> tuple[int, str]:
    try:
        size, _, first = base64.urlsafe_b64decode(cursor.encode()).decode().partition(" ")
        return -int(size), first
    except (binascii.Error, UnicodeError, ValueError) as error:
        raise BadQuery("cursor", "is not valid. Copy it unchanged from the previous page.") from error
