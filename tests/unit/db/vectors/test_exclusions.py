"""Few excluded listings are dropped from what was found, and others take their place."""

from __future__ import annotations

import pytest

from db.vectors.base import NO_FILTER, Filter, Hit
from db.vectors.exclusions import fetch_not_excluded, split_excluded

EXCLUDED = frozenset({"mine"})


class EngineWithExclusions:
    """Photos 0, 1, ... in the order of their scores; the first `mine` of them are of the excluded listing."""

    def __init__(self, *, mine: int, others: int) -> None:
        self.mine, self.hits = mine, [Hit(number, 1 - number / 10_000) for number in range(mine + others)]
        self.asked: list[int] = []

    def fetch(self, limit: int) -> tuple[list[Hit], int]:
        self.asked.append(limit)
        found = self.hits[:limit]
        return [hit for hit in found if hit.photo_id >= self.mine], len(found)


def test_excluded_listings_are_split_from_the_filter() -> None:
    where = Filter(categories=frozenset({"Toys"}), excluded_listing_ids=EXCLUDED)
    assert split_excluded(where) == (Filter(categories=frozenset({"Toys"})), EXCLUDED)


@pytest.mark.parametrize("where", [NO_FILTER, Filter(excluded_listing_ids=frozenset(str(n) for n in range(65)))])
def test_a_filter_with_no_or_many_excluded_listings_stays_whole(where: Filter) -> None:
    assert split_excluded(where) == (where, frozenset())


def test_one_fetch_is_enough_if_the_excluded_listing_has_few_photos() -> None:
    engine = EngineWithExclusions(mine=3, others=100)
    assert [hit.photo_id for hit in fetch_not_excluded(engine.fetch, 10, EXCLUDED)] == list(range(3, 13))
    assert len(engine.asked) == 1


def test_more_hits_are_fetched_if_the_excluded_listing_has_many_photos() -> None:
    engine = EngineWithExclusions(mine=300, others=100)
    assert [hit.photo_id for hit in fetch_not_excluded(engine.fetch, 10, EXCLUDED)] == list(range(300, 310))


def test_fewer_hits_are_returned_if_there_are_no_more() -> None:
    engine = EngineWithExclusions(mine=300, others=4)
    assert [hit.photo_id for hit in fetch_not_excluded(engine.fetch, 10, EXCLUDED)] == list(range(300, 304))


def test_no_extra_hits_are_fetched_without_excluded_listings() -> None:
    engine = EngineWithExclusions(mine=0, others=100)
    assert len(fetch_not_excluded(engine.fetch, 10, frozenset())) == 10
    assert engine.asked == [10]
