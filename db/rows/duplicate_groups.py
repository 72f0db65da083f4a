"""Groups of listings that hang together by photos in common, for somebody to review."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from db.rows.duplicates import Link


class GroupState(StrEnum):
    """Where a group stands: something in it is not decided, all of it is accepted, or it is what was rejected."""

    OPEN = "open"
    ACCEPTED = "accepted"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Group:
    """Listings that hang together by photos in common, in order of their ids, and by which."""

    listing_ids: tuple[str, ...]
    links: tuple[Link, ...]

    @property
    def order(self) -> tuple[int, str]:
        """The largest first, those of a size by their first listing."""
        return -len(self.listing_ids), self.listing_ids[0]


def group_listings(found: Sequence[Link], state: GroupState) -> list[Group]:
    """Return the groups of a state that links make up, the largest first.

    A rejected link holds nothing together, except among those that were rejected.
    """
    held = [link for link in found if (link.decision == "reject") == (state == GroupState.REJECTED)]
    members = _components(held)
    linked: dict[str, list[Link]] = defaultdict(list)
    for link in held:
        linked[members[link.listing_id][0]].append(link)
    all_groups = (Group(members[first], tuple(group)) for first, group in linked.items())
    wanted = (group for group in all_groups if state in (GroupState.REJECTED, _state(group)))
    return sorted(wanted, key=lambda group: group.order)


def _state(group: Group) -> GroupState:
    undecided = any(link.decision is None for link in group.links)
    return GroupState.OPEN if undecided else GroupState.ACCEPTED


def _components(held: Sequence[Link]) -> dict[str, tuple[str, ...]]:
    """Return for each listing all those that links lead to from it, itself included, in order."""
    neighbours: dict[str, set[str]] = defaultdict(set)
    for link in held:
        neighbours[link.listing_id].add(link.other_listing_id)
        neighbours[link.other_listing_id].add(link.listing_id)
    members: dict[str, tuple[str, ...]] = {}
    for start in neighbours:
        if start in members:
            continue
        reached, waiting = {start}, [start]
        while waiting:
            further = neighbours[waiting.pop()] - reached
            reached |= further
            waiting.extend(further)
        members |= dict.fromkeys(reached, tuple(sorted(reached)))
    return members
