"""Hits come in one order whatever order an engine returns them in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from db.vectors.base import Hit
from db.vectors.hit_order import best_hits

if TYPE_CHECKING:
    from collections.abc import Callable


class EngineWithTies:
    """Returns its best hits, equal ones by descending photo id, and remembers how many it was asked for."""

    def __init__(self, hits: list[Hit]) -> None:
        self.hits = sorted(hits, key=lambda hit: (-hit.score, -hit.photo_id))
        self.asked: list[int] = []

    def fetch(self, limit: int) -> list[Hit]:
        self.asked.append(limit)
        return self.hits[:limit]


def ranked(score: Callable[[int], float], *, k: int, count: int) -> tuple[list[int], list[int]]:
    """Return the photo ids of the best k of `count` photos, and how many hits were asked for each time."""
    engine = EngineWithTies([Hit(photo_id, score(photo_id)) for photo_id in range(count)])
    return [hit.photo_id for hit in best_hits(engine.fetch, k)], engine.asked


def test_different_scores_need_one_fetch() -> None:
    assert ranked(lambda photo_id: -photo_id / 1000, k=3, count=900) == ([0, 1, 2], [19])


def test_all_equal_scores_at_the_limit_are_fetched() -> None:
    found, asked = ranked(lambda _: 0.5, k=3, count=200)

    assert found == [0, 1, 2]
    assert asked == [19, 67, 259]


def test_scores_that_differ_by_rounding_only_keep_their_order() -> None:
    found, _ = ranked(lambda photo_id: 0.5 + 1e-8 * photo_id, k=3, count=50)

    assert found == [49, 48, 47]


def test_the_number_of_equal_scores_fetched_has_a_limit() -> None:
    found, asked = ranked(lambda _: 0.5, k=3, count=5000)

    assert len(found) == 3
    assert asked[-1] == 3 + 1024


def test_scores_above_one_by_rounding_are_clipped() -> None:
    hits = best_hits(lambda _: [Hit(1, 1.0000001), Hit(2, -1.0000001)], 2)

    assert hits == [Hit(1, 1.0), Hit(2, -1.0)]
