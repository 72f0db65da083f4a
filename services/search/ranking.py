"""From hits on photos to results on listings."""

from __future__ import annotations

from itertools import chain
from math import inf
from typing import TYPE_CHECKING

from db.vectors.base import Hit

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ml.score_map import ScoreMap


def merge(hits: Iterable[Hit]) -> list[Hit]:
    """Return each photo once, with its best score, best first, equal scores by ascending photo id."""
    best: dict[int, float] = {}
    for hit in hits:
        best[hit.photo_id] = max(hit.score, best.get(hit.photo_id, hit.score))
    return sorted((Hit(*found) for found in best.items()), key=lambda hit: (-hit.score, hit.photo_id))


def settled(found: Sequence[Sequence[Hit]], fetched: int) -> list[Hit]:
    """Return those of the hits, merged, that no photo which was not fetched can come before.

    Args:
        found: for each vector of the query, its `fetched` nearest photos, best first; fewer where there are no more.
    """
    horizon = max((hits[-1].score for hits in found if len(hits) >= fetched), default=-inf)
    return [hit for hit in merge(chain.from_iterable(found)) if hit.score >= horizon]


def best_per_listing(hits: Iterable[Hit], listing_of: Mapping[int, str]) -> list[tuple[str, Hit]]:
    """Return each listing with the first of its hits, in the order of the hits.

    Args:
        hits: best first.
        listing_of: the listing of each photo; hits of photos that are not in it (deleted meanwhile) are left out.
    """
    best: dict[str, Hit] = {}
    for hit in hits:
        if hit.photo_id in listing_of:
            best.setdefault(listing_of[hit.photo_id], hit)
    return list(best.items())


def shown_score(cosine: float, score_map: ScoreMap | None) -> float:
    """Return the score, in [0, 1], that is shown for a cosine in [-1, 1].

    With a score map it is the probability that the two show the same item, with the six decimals that keep cosines
    apart on it. Without, it is the cosine itself, cut to 0..1: 1 is the same picture.
    """
    if score_map is None:
        return round(min(max(cosine, 0.0), 1.0), 4)
    return round(float(score_map(cosine)), 6)
