"""The order of hits, the same for every engine: best first, equal scores by ascending photo id."""

from __future__ import annotations

from typing import TYPE_CHECKING

from db.vectors.base import Hit

if TYPE_CHECKING:
    from collections.abc import Callable

_MARGIN = 16
"""Hits fetched beyond k, so that a few equal scores at the border need no second search."""

_MOST_TIES = 1024
"""Most hits fetched beyond k. A placeholder picture may be in thousands of listings: of more than this many equal
scores at the border, an engine may return any."""

_ROUNDING = 1e-6
"""Scores closer than this may be equal but for float32 rounding."""


def best_hits(fetch: Callable[[int], list[Hit]], k: int) -> list[Hit]:
    """Return the `k` best hits in order, where `fetch(n)` returns an engine's `n` best in any order.

    Engines break ties as they like. More is fetched until the scores at the border differ, so that which of equal
    hits are returned depends on their ids alone.
    """
    limit = k + _MARGIN
    hits = ordered(fetch(limit))
    while len(hits) == limit < k + _MOST_TIES and hits[k - 1].score - hits[-1].score <= _ROUNDING:
        limit = min(k + 4 * (limit - k), k + _MOST_TIES)
        hits = ordered(fetch(limit))
    return [Hit(hit.photo_id, min(1.0, max(-1.0, hit.score))) for hit in hits[:k]]


def ordered(hits: list[Hit]) -> list[Hit]:
    """Return the hits in their order."""
    return sorted(hits, key=lambda hit: (-hit.score, hit.photo_id))
