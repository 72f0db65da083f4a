"""Merging hits into candidates, and ranking candidates."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.rows.payloads import ListingFields
from db.rows.search_rows import PhotoWithListing
from db.vectors.base import Hit
from ml.bundle.score_map import ScoreMap
from services.search.query.parsing import RankingOptions
from services.search.results.ranking import (
    Reference,
    diverse_order,
    factors,
    likely_categories,
    order_by_best_score,
    rank_candidates,
)
from services.search.results.scores import displayed_scores
from services.search.retrieval.candidates import Candidate, best_per_listing, merge, settled

NOW = datetime(2025, 6, 1, tzinfo=UTC)
HERE = Reference(price=100.0, currency="GBP", place="Delph, Manchester", now=NOW)


def listing(
    name: str = "lamp", *, price: float | None = 100.0, place: str = "Delph, Manchester", age_days: float = 0
) -> ListingFields:
    listed_at = NOW - timedelta(days=age_days)
    money = None if price is None else Decimal(str(price))
    return ListingFields(
        id=name,
        category="Lamps",
        category_path=["Lamps"],
        price=money,
        currency="GBP",
        location=place,
        region="",
        seller="",
        listed_at=listed_at,
        created_at=NOW,
        other_categories=[],
        sold=False,
        attributes={},
        title="A lamp",
        url="",
    )


def photo(photo_id: int, name: str = "lamp", **of_listing: object) -> PhotoWithListing:
    return PhotoWithListing(photo_id, "0" * 64, listing(name, **of_listing))  # type: ignore[arg-type]


SCORES = st.lists(st.integers(-100, 100).map(lambda score: score / 100), min_size=1, max_size=30)


def test_merge_keeps_the_best_score_of_a_photo() -> None:
    assert merge([Hit(1, 0.2), Hit(2, 0.5), Hit(1, 0.7)]) == [Hit(1, 0.7), Hit(2, 0.5)]


def test_merge_orders_equal_scores_by_photo_id() -> None:
    assert [hit.photo_id for hit in merge([Hit(9, 0.5), Hit(3, 0.5), Hit(5, 0.5)])] == [3, 5, 9]


def test_represents_each_listing_by_its_best_photo_in_the_order_of_the_hits() -> None:
    hits = [Hit(1, 0.9), Hit(2, 0.8), Hit(3, 0.7), Hit(4, 0.6)]
    photos = {n: photo(n, listing) for n, listing in ((1, "lamp"), (2, "lamp"), (3, "drill"), (4, "lamp"))}

    assert best_per_listing(hits, photos) == [Candidate(photos[1], 0.9), Candidate(photos[3], 0.7)]


def test_drops_hits_whose_photo_is_gone() -> None:
    photos = {2: photo(2, "drill")}
    assert best_per_listing([Hit(1, 0.9), Hit(2, 0.8)], photos) == [Candidate(photos[2], 0.8)]


def test_drops_hits_that_an_unfetched_photo_could_precede() -> None:
    near, far = [Hit(1, 0.9), Hit(2, 0.8)], [Hit(3, 0.5), Hit(4, 0.4)]

    assert settled([near, far], 2) == [Hit(1, 0.9), Hit(2, 0.8)]


def test_keeps_all_hits_when_no_vector_has_more_photos() -> None:
    assert settled([[Hit(1, 0.9)], [Hit(2, -0.4)]], 2) == [Hit(1, 0.9), Hit(2, -0.4)]


@given(scores=st.lists(SCORES, min_size=1, max_size=4), fetched=st.integers(1, 10))
def test_settled_hits_are_the_first_of_all_hits(scores: list[list[float]], fetched: int) -> None:
    everything = [merge(Hit(photo_id, score) for photo_id, score in enumerate(row)) for row in scores]
    complete = merge(hit for row in everything for hit in row)

    found = settled([row[:fetched] for row in everything], fetched)

    assert [hit.score for hit in found] == [hit.score for hit in complete[: len(found)]]


@pytest.mark.parametrize(("cosine", "shown"), [(1.0000001, 1.0), (0.51234567, 0.5123), (0.0, 0.0), (-0.3, 0.0)])
def test_displays_a_cosine_as_a_score_from_0_to_1(cosine: float, shown: float) -> None:
    assert displayed_scores([cosine], None) == [shown]


@given(grid=st.lists(st.integers(-5000, 5000), min_size=2, max_size=8, unique=True))
def test_a_score_map_keeps_the_order_of_different_cosines_without_ties(grid: list[int]) -> None:
    score_map = ScoreMap((-1.0, 0.2, 0.5, 1.0), (0.0, 0.012, 0.015, 1.0))
    shown = displayed_scores([step / 5000 for step in sorted(grid)], score_map)
    assert shown == sorted(set(shown))


@pytest.mark.parametrize(
    ("price", "factor"), [(100.0, 1.0), (50.0, 0.5), (200.0, 0.5), (25.0, 0.25), (0.0, 0.0), (None, 0.0)]
)
def test_half_or_twice_the_price_is_half_as_near(price: float | None, factor: float) -> None:
    assert factors(listing(price=price), HERE, RankingOptions(price_weight=1)) == {
        "price": pytest.approx(factor, abs=1e-4)
    }


@pytest.mark.parametrize(
    ("place", "factor"),
    [("delph, MANCHESTER", 1.0), ("Oldham, Manchester", 1 / 3), ("Leeds", 0.0), ("", 0.0)],
)
def test_place_nearness_is_the_share_of_common_parts(place: str, factor: float) -> None:
    assert factors(listing(place=place), HERE, RankingOptions(place_weight=1))["place"] == pytest.approx(
        factor, abs=1e-4
    )


@pytest.mark.parametrize(("age_days", "factor"), [(0, 1.0), (30, 0.5), (60, 0.25), (-5, 1.0)])
def test_recency_halves_every_thirty_days(age_days: float, factor: float) -> None:
    found = factors(listing(age_days=age_days), HERE, RankingOptions(recency_weight=1))
    assert found["recency"] == pytest.approx(factor, abs=1e-3)


def test_a_weight_limits_how_far_a_score_can_fall() -> None:
    assert factors(listing(price=None), HERE, RankingOptions(price_weight=0.3)) == {"price": 0.7}


def test_has_no_factor_without_a_weight() -> None:
    assert factors(listing(), HERE, RankingOptions()) == {}


def test_the_score_is_the_similarity_times_the_factors() -> None:
    (result,) = rank_candidates(
        [Candidate(photo(1, price=50.0), 0.8)], RankingOptions(price_weight=1), reference=HERE, score_map=None
    )
    assert (result.similarity, result.score) == (0.8, pytest.approx(0.4))


def test_a_near_price_outranks_a_slightly_higher_similarity() -> None:
    candidates = [Candidate(photo(1, "dear", price=900.0), 0.9), Candidate(photo(2, "fair", price=100.0), 0.8)]
    plain = rank_candidates(candidates, RankingOptions(), reference=HERE, score_map=None)
    weighed = rank_candidates(candidates, RankingOptions(price_weight=0.5), reference=HERE, score_map=None)
    assert [one.photo.id for one in plain] == [1, 2]
    assert [one.photo.id for one in weighed] == [2, 1]


def test_min_score_applies_to_similarity_whatever_the_price() -> None:
    candidates = [Candidate(photo(1), 0.9), Candidate(photo(2), 0.4)]
    found = rank_candidates(candidates, RankingOptions(min_score=0.5, price_weight=1), reference=HERE, score_map=None)
    assert [one.photo.id for one in found] == [1]


def unit(*degrees: float) -> np.ndarray:
    angles = np.radians(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


RELEVANCE = np.array([0.9, 0.89, 0.88, 0.5])
TWINS_FIRST = unit(0, 1, 2, 80)


def test_zero_diversity_keeps_the_order_of_relevance() -> None:
    assert diverse_order(RELEVANCE, TWINS_FIRST, 0.0) == [0, 1, 2, 3]


def test_diversity_ranks_near_duplicates_after_different_listings() -> None:
    assert diverse_order(RELEVANCE, TWINS_FIRST, 0.5)[:2] == [0, 3]


@given(st.integers(0, 20), st.floats(0, 1))
def test_diversity_keeps_every_row_once(count: int, diversity: float) -> None:
    rng = np.random.default_rng(count)
    vectors = rng.normal(size=(count, 8))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    assert sorted(diverse_order(rng.random(count), vectors, diversity)) == list(range(count))


def test_best_score_ranks_candidates_nearer_to_a_disliked_vector_last() -> None:
    candidates = [Candidate(photo(n), cosine) for n, cosine in ((1, 0.9), (2, 0.8), (3, 0.7), (4, 0.1))]
    disliked = unit(90)
    vectors = unit(10, 80, 70, 180)
    assert [one.photo.id for one in order_by_best_score(candidates, vectors, disliked)] == [1, 4, 3, 2]


@pytest.mark.parametrize(
    ("probabilities", "likely"),
    [
        ([("a", 0.95), ("b", 0.05)], ("a",)),
        ([("b", 0.3), ("a", 0.65)], ("a", "b")),
        ([("a", 0.4), ("b", 0.3), ("c", 0.1), ("d", 0.1)], None),
        ([], None),
    ],
)
def test_returns_the_fewest_likely_categories_or_none_when_the_model_is_unsure(
    probabilities: list[tuple[str, float]], likely: tuple[str, ...] | None
) -> None:
    assert likely_categories(probabilities) == likely
