"""The order of hits, alike for every engine: best first, equal scores by ascending photo id."""

from __future__ import annotations

from typing import TYPE_CHECKING

from db.vectors.base import Hit

if TYPE_CHECKING:
    from collections.abc import Callable

_MARGIN = 16
"""Hits fetched beyond k, so that a few equal scores at the end need no second search."""

_MAX_TIES = 1024
"""Maximum number of hits fetched beyond k. A placeholder picture may be in thousands of listings: among more equal
scores than this, the engine chooses."""

_ROUNDING = 1e-6
"""Scores closer than this may differ by float32 rounding only."""


def best_hits(fetch: Callable[[int], list[Hit]], k: int) -> list[Hit]:
    """Return the `k` best hits in order; `fetch(n)` returns an engine's `n` best in any order.

    Engines break ties arbitrarily. This fetches more hits until the scores at the end differ, so that photo ids alone
    decide which of the equal hits are returned.
    """
    limit = k + _MARGIN
    hits = sort_hits(fetch(limit))
    while len(hits) == limit < k + _MAX_TIES and hits[k - 1].score - hits[-1].score <= _ROUNDING:
        limit = min(k + 4 * (limit - k), k + _MAX_TIES)
        hits = sort_hits(fetch(limit))
    return [Hit(hit.photo_id, min(1.0, max(-1.0, hit.score))) for hit in hits[:k]]


def sort_hits(hits: list[Hit]) -> list[Hit]:
    """Sort hits: best first, equal scores by ascending photo id."""
    return sorted(hits, key=lambda hit: (-hit.score, hit.photo_id))
