"""Groups of listings that are connected by shared photos, for review."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from db.rows.duplicates import Link


class GroupState(StrEnum):
    """Review state of a group: `open` has an undecided link, `accepted` has none, `rejected` only rejected links."""

    OPEN = "open"
    ACCEPTED = "accepted"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Group:
    """Connected listings in id order, with the links between them."""

    listing_ids: tuple[str, ...]
    links: tuple[Link, ...]

    @property
    def order(self) -> tuple[int, str]:
        """Sort key: largest group first, then by the first listing id."""
        return -len(self.listing_ids), self.listing_ids[0]


def group_listings(links: Sequence[Link], state: GroupState) -> list[Group]:
    """Return the groups in a state that the links form, largest first.

    A rejected link connects listings only in groups in state `rejected`.
    """
    connecting = [link for link in links if (link.decision == "reject") == (state == GroupState.REJECTED)]
    members = _components(connecting)
    linked: dict[str, list[Link]] = defaultdict(list)
    for link in connecting:
        linked[members[link.listing_id][0]].append(link)
    all_groups = (Group(members[first], tuple(group)) for first, group in linked.items())
    in_state = (group for group in all_groups if state in (GroupState.REJECTED, _state(group)))
    return sorted(in_state, key=lambda group: group.order)


def _state(group: Group) -> GroupState:
    undecided = any(link.decision is None for link in group.links)
    return GroupState.OPEN if undecided else GroupState.ACCEPTED


def _components(links: Sequence[Link]) -> dict[str, tuple[str, ...]]:
    """Return for each listing all listings in its connected component, sorted."""
    neighbours: dict[str, set[str]] = defaultdict(set)
    for link in links:
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
