"""Probabilities and scores that mean what they say: temperature, thresholds, the score map."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.bundle.calibration import (
    NEVER_CONFIDENT,
    Calibration,
    calibrate,
    confident_from,
    confident_from_by_category,
    fit_temperature,
    softmax,
    uncalibrated,
)
from ml.bundle.score_map import ScoreMap, fit_score_map, retrieved_pairs
from ml.metrics import expected_calibration_error, reliability


def logits_of(temperature: float, *, count: int = 20_000) -> tuple[np.ndarray, np.ndarray]:
    """Logits that are right at this temperature: each photo's category is drawn from its softmax."""
    rng = np.random.default_rng(0)
    logits = rng.normal(scale=2.0, size=(count, 5))
    probabilities = softmax(logits)
    actual = (probabilities.cumsum(axis=1) < rng.random((count, 1))).sum(axis=1)
    return (logits * temperature).astype(np.float32), actual


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_the_temperature_that_was_put_in_is_found(temperature: float) -> None:
    assert fit_temperature(*logits_of(temperature)) == pytest.approx(temperature, rel=0.03)


def test_the_temperature_takes_the_calibration_error_away() -> None:
    logits, actual = logits_of(3.0)
    errors = []
    for divisor in (1.0, fit_temperature(logits, actual)):
        probabilities = softmax(logits / divisor)
        right = probabilities.argmax(axis=1) == actual
        errors.append(expected_calibration_error(reliability(probabilities.max(axis=1), right)))
    assert errors[0] > 0.1
    assert errors[1] < 0.02


def test_a_temperature_without_photos_is_refused() -> None:
    with pytest.raises(ValueError, match="validation"):
        fit_temperature(np.empty((0, 3), np.float32), np.empty(0, np.int64))


def test_probabilities_can_be_taken_back_to_temperature_1() -> None:
    logits, _ = logits_of(1.0, count=50)
    served = softmax(logits / 2.5).astype(np.float32)
    np.testing.assert_allclose(uncalibrated(served, 2.5), softmax(logits), atol=1e-5)


def two_categories(tops: np.ndarray) -> np.ndarray:
    """Probabilities of which the first category has these, at least a half."""
    return np.stack([tops, 1 - tops], axis=1).astype(np.float32)


def test_the_threshold_is_the_least_from_which_nine_in_ten_are_right() -> None:
    tops = np.linspace(0.99, 0.51, 49)
    actual = np.where(np.arange(49) < 36, 0, 1)  # down to the 40th, 36 are right: nine in ten
    assert confident_from(two_categories(tops), actual) == np.float32(tops[39])


def test_equal_probabilities_are_above_the_threshold_together_or_not_at_all() -> None:
    tops = np.array([0.9] * 30 + [0.8] * 30)
    actual = np.array([0] * 33 + [1] * 27)  # at 0.8, three are right and then 27 are not
    assert confident_from(two_categories(tops), actual) == np.float32(0.9)


def test_a_threshold_that_rests_on_few_photos_is_never_reached() -> None:
    assert confident_from(two_categories(np.full(19, 0.9)), np.zeros(19, np.int64)) == NEVER_CONFIDENT
    assert confident_from(two_categories(np.full(20, 0.9)), np.zeros(20, np.int64)) == np.float32(0.9)


def test_a_network_that_is_always_wrong_is_never_confident() -> None:
    assert confident_from(two_categories(np.full(50, 0.9)), np.ones(50, np.int64)) == NEVER_CONFIDENT


def test_categories_have_thresholds_of_their_own_or_none() -> None:
    probabilities = np.concatenate([two_categories(np.full(30, 0.8)), two_categories(np.full(30, 0.2))])
    actual = np.array([0] * 60)  # the second category, given 30 times, is never right
    found = confident_from_by_category(probabilities, actual, categories=("lamps", "phones"))
    assert found == {"lamps": pytest.approx(0.8)}


def logistic_pairs(count: int = 20_000) -> tuple[np.ndarray, np.ndarray]:
    """Cosines, mostly low, and whether the pair is the same item, by a known curve."""
    rng = np.random.default_rng(0)
    cosines = rng.beta(3, 3, count)
    return cosines, rng.random(count) < curve(cosines)


def curve(cosines: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-15 * (cosines - 0.7)))


def test_the_score_map_finds_the_curve_that_pairs_were_drawn_from() -> None:
    score_map = fit_score_map(*logistic_pairs())
    assert score_map is not None
    where = np.linspace(0.2, 0.85, 30)
    assert np.abs(score_map(where) - curve(where)).max() < 0.05


def test_the_same_picture_scores_1_and_nothing_scores_beyond() -> None:
    score_map = fit_score_map(*logistic_pairs())
    assert score_map is not None
    assert score_map([1.0, 1.0000001, -1.0, -1.1]).tolist() == [1.0, 1.0, 0.0, 0.0]


def test_too_few_pairs_of_one_item_make_no_map() -> None:
    cosines, same = np.linspace(0, 1, 1000), np.zeros(1000, dtype=bool)
    assert fit_score_map(cosines, same) is None
    assert fit_score_map(cosines, np.arange(1000) >= 961) is None
    assert fit_score_map(cosines, np.arange(1000) >= 960) is not None
    assert fit_score_map(cosines, ~same) is None


@given(
    pairs=st.lists(st.tuples(st.floats(-1, 1), st.booleans()), min_size=1, max_size=60),
    one=st.floats(-1, 1),
    more=st.floats(0.0002, 2),
)
def test_a_fitted_map_never_ties_and_never_reorders_at_six_decimals(
    pairs: list[tuple[float, bool]], one: float, more: float
) -> None:
    cosines, same = (np.array(column) for column in zip(*(pairs * 50), strict=True))
    score_map = fit_score_map(cosines, same)
    if score_map is not None and one + more <= 1:
        low, high = score_map([one, one + more])
        assert round(low, 6) < round(high, 6)


def test_a_map_that_falls_or_stands_still_is_refused() -> None:
    with pytest.raises(ValueError, match="probabilities must ascend"):
        ScoreMap((-1.0, 0.0, 1.0), (0.0, 0.0, 1.0))
    with pytest.raises(ValueError, match="cosines must ascend"):
        ScoreMap((0.0, 1.0), (0.0, 1.0))


def test_pairs_are_of_neighbours_with_copies_merged_and_the_photo_itself_left_out() -> None:
    radians = np.deg2rad([0, 0, 10, 60, 90])
    vectors = np.stack([np.cos(radians), np.sin(radians)], axis=1).astype(np.float32)
    cosines, same = retrieved_pairs(
        vectors, np.array([0]), items=np.array([1, 1, 1, 2, 3]), contents=np.array([5, 5, 6, 7, 8]), k=2
    )
    assert cosines == pytest.approx(np.cos(np.deg2rad([10, 60])))
    assert same.tolist() == [True, False]


def test_a_calibration_comes_back_from_json_as_it_was() -> None:
    rng = np.random.default_rng(0)
    logits, actual = logits_of(2.0, count=200)
    items = np.repeat(np.arange(100), 2)
    vectors = np.repeat(rng.normal(size=(100, 8)), 2, axis=0) + 0.5 * rng.normal(size=(200, 8))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    made = calibrate(
        logits,
        actual,
        categories=("a", "b", "c", "d", "e"),
        vectors=vectors,
        queries=np.arange(200),
        items=items,
        contents=np.arange(200),
    )
    assert made.photos == 200
    assert made.score_map is not None
    assert msgspec.json.decode(msgspec.json.encode(made), type=Calibration) == made
