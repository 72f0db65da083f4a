"""From hits on photos to one result per listing, in an order that what was not fetched cannot change."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.vectors.base import Hit
from ml.score_map import ScoreMap
from services.search.ranking import best_per_listing, merge, settled, shown_score

SCORES = st.lists(st.integers(-100, 100).map(lambda score: score / 100), min_size=1, max_size=30)


def test_a_photo_found_by_several_vectors_keeps_its_best_score() -> None:
    assert merge([Hit(1, 0.2), Hit(2, 0.5), Hit(1, 0.7)]) == [Hit(1, 0.7), Hit(2, 0.5)]


def test_equal_scores_come_by_photo_id() -> None:
    assert [hit.photo_id for hit in merge([Hit(9, 0.5), Hit(3, 0.5), Hit(5, 0.5)])] == [3, 5, 9]


def test_a_listing_is_named_by_its_best_photo_in_the_order_of_the_hits() -> None:
    hits = [Hit(1, 0.9), Hit(2, 0.8), Hit(3, 0.7), Hit(4, 0.6)]
    owners = {1: "lamp", 2: "lamp", 3: "drill", 4: "lamp"}

    assert best_per_listing(hits, owners) == [("lamp", Hit(1, 0.9)), ("drill", Hit(3, 0.7))]


def test_photos_without_a_listing_are_left_out() -> None:
    assert best_per_listing([Hit(1, 0.9), Hit(2, 0.8)], {2: "drill"}) == [("drill", Hit(2, 0.8))]


def test_what_an_unfetched_photo_could_still_overtake_is_not_settled() -> None:
    near, far = [Hit(1, 0.9), Hit(2, 0.8)], [Hit(3, 0.5), Hit(4, 0.4)]

    assert settled([near, far], 2) == [Hit(1, 0.9), Hit(2, 0.8)]


def test_everything_is_settled_when_no_vector_has_more_photos() -> None:
    assert settled([[Hit(1, 0.9)], [Hit(2, -0.4)]], 2) == [Hit(1, 0.9), Hit(2, -0.4)]


@given(scores=st.lists(SCORES, min_size=1, max_size=4), fetched=st.integers(1, 10))
def test_settled_hits_are_the_first_of_all_hits_however_few_are_fetched(
    scores: list[list[float]], fetched: int
) -> None:
    everything = [merge(Hit(photo_id, score) for photo_id, score in enumerate(row)) for row in scores]
    complete = merge(hit for row in everything for hit in row)

    found = settled([row[:fetched] for row in everything], fetched)

    assert [hit.score for hit in found] == [hit.score for hit in complete[: len(found)]]


@pytest.mark.parametrize(("cosine", "shown"), [(1.0000001, 1.0), (0.51234567, 0.5123), (0.0, 0.0), (-0.3, 0.0)])
def test_a_cosine_is_shown_as_a_score_from_0_to_1(cosine: float, shown: float) -> None:
    assert shown_score(cosine, None) == shown


@given(grid=st.lists(st.integers(-5000, 5000), min_size=2, max_size=8, unique=True))
def test_scores_of_a_score_map_keep_the_order_of_the_cosines_and_tie_none(grid: list[int]) -> None:
    score_map = ScoreMap((-1.0, 0.2, 0.5, 1.0), (0.0, 0.012, 0.015, 1.0))
    shown = [shown_score(step / 5000, score_map) for step in sorted(grid)]
    assert shown == sorted(set(shown))
