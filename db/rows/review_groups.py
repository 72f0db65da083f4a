"""Review groups: listings that a reviewer sees together, because shared photos or reviews connect them."""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

Decision: TypeAlias = Literal["accept", "reject"]

NO_SHARED_PHOTO = "no shared photo"
"""Verdict of two listings that were reviewed, but share no photo (any more)."""


@dataclass(frozen=True, slots=True)
class Link:
    """Two listings in id order that share a photo, or that were reviewed although they share none any more.

    Attributes:
        photo_id, other_photo_id: the surest pair of photos; without a shared photo the first of each, None if it has
            none.
        verdict: of the pair of photos, or `NO_SHARED_PHOTO`.
        decision: of the review; None if undecided.
        implied: the decision follows from those about other pairs.
    """

    listing_id: str
    other_listing_id: str
    photo_id: int | None
    other_photo_id: int | None
    verdict: str
    score: float
    decision: Decision | None
    implied: bool = False


class GroupState(StrEnum):
    """State of a review group: `open` has an undecided link, `accepted` has none, `rejected` only rejected links."""

    OPEN = "open"
    ACCEPTED = "accepted"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class ReviewGroup:
    """Connected listings in id order, with the links between them."""

    listing_ids: tuple[str, ...]
    links: tuple[Link, ...]

    @property
    def order(self) -> tuple[int, str]:
        """Sort key: largest group first, then by the first listing id."""
        return -len(self.listing_ids), self.listing_ids[0]


def decided_links(
    links: Sequence[Link], decision_of: Mapping[tuple[str, str], Decision], copy_group_of: Mapping[str, str]
) -> list[Link]:
    """Return the links with their decisions: of a review, or implied by reviews of other pairs.

    Listings of one copy group are the same item. If one of them is not the same item as a listing of another copy
    group, then no listing of the two is.

    Args:
        links: without decisions.
        decision_of: by the two listing ids in order.
        copy_group_of: by listing id, as `db.rows.copy_groups` returns them.
    """

    def sides(pair: tuple[str, str]) -> frozenset[str]:
        return frozenset(copy_group_of.get(listing_id, listing_id) for listing_id in pair)

    different = {sides(pair) for pair, decision in decision_of.items() if decision == "reject"}
    decided = []
    for link in links:
        pair = (link.listing_id, link.other_listing_id)
        implied: Decision | None = None
        if pair not in decision_of:
            implied = "accept" if len(sides(pair)) == 1 else "reject" if sides(pair) in different else None
        decided.append(replace(link, decision=decision_of.get(pair, implied), implied=implied is not None))
    return decided


def review_groups(links: Sequence[Link], state: GroupState) -> list[ReviewGroup]:
    """Return the review groups in a state that the links form, largest first.

    A rejected link connects listings only in groups in state `rejected`.
    """
    connecting = [link for link in links if (link.decision == "reject") == (state == GroupState.REJECTED)]
    linked: dict[str, list[Link]] = defaultdict(list)
    for link in connecting:
        linked[link.listing_id].append(link)
    pairs = [(link.listing_id, link.other_listing_id) for link in connecting]
    parts = [sorted(part) for part in components(linked, pairs)]
    groups = (ReviewGroup(tuple(part), tuple(link for one in part for link in linked.get(one, []))) for part in parts)
    in_state = (group for group in groups if state in (GroupState.REJECTED, _state(group)))
    return sorted(in_state, key=lambda group: group.order)


def _state(group: ReviewGroup) -> GroupState:
    undecided = any(link.decision is None for link in group.links)
    return GroupState.OPEN if undecided else GroupState.ACCEPTED


def components(listing_ids: Iterable[str], links: Iterable[tuple[str, str]]) -> list[set[str]]:
    """Return the connected components that these listings are in, in the order of their first ids."""
    neighbours, parts, seen = neighbours_of(links), list[set[str]](), set[str]()
    for start in sorted(listing_ids):
        if start not in seen:
            parts.append(set(reached(start, neighbours)))
            seen |= parts[-1]
    return parts


def neighbours_of(links: Iterable[tuple[str, str]]) -> dict[str, set[str]]:
    """Return the linked listings of each listing that has any."""
    neighbours: dict[str, set[str]] = defaultdict(set)
    for one, other in links:
        neighbours[one].add(other)
        neighbours[other].add(one)
    return neighbours


def reached(start: str, neighbours: Mapping[str, set[str]]) -> dict[str, str]:
    """Return all connected listings, each with the one before it on a shortest way from the start."""
    came_from, waiting = {start: start}, deque([start])
    while waiting:
        here = waiting.popleft()
        for there in sorted(neighbours.get(here, set()) - came_from.keys()):
            came_from[there] = here
            waiting.append(there)
    return came_from
