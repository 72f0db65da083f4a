"""What somebody who reviews duplicates sees, a page at a time, and decides."""

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
    """Return up to `limit` groups of a state, the largest first, and where the next page begins if there is one.

    Raises:
        BadQuery: the cursor is none of ours.
    """
    after = None if cursor is None else _from_cursor(cursor)
    with database.read() as session:
        found = group_listings(duplicates.links(session), state)
    rest = [group for group in found if after is None or group.order > after]
    page = rest[:limit]
    return page, _to_cursor(page[-1]) if len(rest) > limit else None


def review(database: Database, listing_ids: tuple[str, str], decision: Decision, *, key_id: str | None) -> None:
    """Keep what was decided of two listings.

    Raises:
        NotFound: there is no such listing.
        BadInput: they are one.
    """
    if listing_ids[0] == listing_ids[1]:
        raise BadInput("A listing is no duplicate of itself: listing_id and other_listing_id must differ.")
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
        raise BadQuery("cursor", "is not one that an answer gave") from error
