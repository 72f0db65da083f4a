"""Few excluded listings are dropped from what was found.

As part of a filter they would be looked at for every vector on the way: of 1,000,000 photos, a walk through Qdrant's
graph took 5.9 ms without one listing and 3.1 without a filter.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from db.vectors.hit_order import ordered

if TYPE_CHECKING:
    from collections.abc import Callable

    from db.vectors.base import Filter, Hit

_FEW = 64
"""Listings that are dropped; more are part of the filter."""

_PHOTOS_EXPECTED = 4
"""Of an excluded listing: so many more hits are fetched at first."""


def apart(where: Filter) -> tuple[Filter, frozenset[str]]:
    """Return the filter without the listings that it excludes, and these; with many, the filter as it is, and none."""
    excluded = where.excluded_listing_ids
    if not 0 < len(excluded) <= _FEW:
        return where, frozenset()
    return replace(where, excluded_listing_ids=frozenset()), excluded


def fetch_others(fetch: Callable[[int], tuple[list[Hit], int]], limit: int, excluded: frozenset[str]) -> list[Hit]:
    """Return the `limit` best hits of other listings in order, or all that there are.

    Args:
        fetch: of an engine's n best, given n, those of other listings, in any order, and how many there were.
        limit: hits wanted.
        excluded: the listings.
    """
    wanted = limit + _PHOTOS_EXPECTED * len(excluded)
    while True:
        hits, fetched = fetch(wanted)
        if len(hits) >= limit or fetched < wanted:
            return ordered(hits)[:limit]
        wanted *= 4
