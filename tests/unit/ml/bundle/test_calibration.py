"""Calibration: the temperature and the confidence thresholds."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

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
from ml.metrics import expected_calibration_error, reliability


def logits_of(temperature: float, *, count: int = 20_000) -> tuple[np.ndarray, np.ndarray]:
    """Return logits that are calibrated at this temperature: each category is drawn from the softmax at 1."""
    rng = np.random.default_rng(0)
    logits = rng.normal(scale=2.0, size=(count, 5))
    probabilities = softmax(logits)
    actual = (probabilities.cumsum(axis=1) < rng.random((count, 1))).sum(axis=1)
    return (logits * temperature).astype(np.float32), actual


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_fits_the_temperature_of_the_logits(temperature: float) -> None:
    assert fit_temperature(*logits_of(temperature)) == pytest.approx(temperature, rel=0.03)


def test_dividing_by_the_temperature_removes_the_calibration_error() -> None:
    logits, actual = logits_of(3.0)
    errors = []
    for divisor in (1.0, fit_temperature(logits, actual)):
        probabilities = softmax(logits / divisor)
        correct = probabilities.argmax(axis=1) == actual
        errors.append(expected_calibration_error(reliability(probabilities.max(axis=1), correct)))
    assert errors[0] > 0.1
    assert errors[1] < 0.02


def test_rejects_fitting_a_temperature_without_photos() -> None:
    with pytest.raises(ValueError, match="validation"):
        fit_temperature(np.empty((0, 3), np.float32), np.empty(0, np.int64))


def test_uncalibrated_recovers_probabilities_at_temperature_1() -> None:
    logits, _ = logits_of(1.0, count=50)
    served = softmax(logits / 2.5).astype(np.float32)
    np.testing.assert_allclose(uncalibrated(served, 2.5), softmax(logits), atol=1e-5)


def two_categories(tops: np.ndarray) -> np.ndarray:
    """Return probabilities of two categories; `tops`, of the first, are at least 0.5."""
    return np.stack([tops, 1 - tops], axis=1).astype(np.float32)


def test_the_threshold_is_the_lowest_from_which_nine_in_ten_are_correct() -> None:
    tops = np.linspace(0.99, 0.51, 49)
    actual = np.where(np.arange(49) < 36, 0, 1)  # of the first 40, 36 are correct: nine in ten
    assert confident_from(two_categories(tops), actual) == np.float32(tops[39])


def test_equal_probabilities_pass_the_threshold_together() -> None:
    tops = np.array([0.9] * 30 + [0.8] * 30)
    actual = np.array([0] * 33 + [1] * 27)  # at 0.8, three are correct and 27 are not
    assert confident_from(two_categories(tops), actual) == np.float32(0.9)


def test_too_few_photos_give_no_threshold() -> None:
    assert confident_from(two_categories(np.full(19, 0.9)), np.zeros(19, np.int64)) == NEVER_CONFIDENT
    assert confident_from(two_categories(np.full(20, 0.9)), np.zeros(20, np.int64)) == np.float32(0.9)


def test_a_network_that_is_always_wrong_has_no_threshold() -> None:
    assert confident_from(two_categories(np.full(50, 0.9)), np.ones(50, np.int64)) == NEVER_CONFIDENT


def test_each_category_has_its_own_threshold_or_none() -> None:
    probabilities = np.concatenate([two_categories(np.full(30, 0.8)), two_categories(np.full(30, 0.2))])
    actual = np.array([0] * 60)  # the second category, predicted 30 times, is never correct
    thresholds = confident_from_by_category(probabilities, actual, categories=("lamps", "phones"))
    assert thresholds == {"lamps": pytest.approx(0.8)}


def test_a_calibration_survives_json() -> None:
    rng = np.random.default_rng(0)
    logits, actual = logits_of(2.0, count=200)
    items = np.repeat(np.arange(100), 2)
    vectors = np.repeat(rng.normal(size=(100, 8)), 2, axis=0) + 0.5 * rng.normal(size=(200, 8))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    calibration = calibrate(
        logits,
        actual,
        categories=("a", "b", "c", "d", "e"),
        vectors=vectors,
        queries=np.arange(200),
        items=items,
        contents=np.arange(200),
    )
    assert calibration.photos == 200
    assert calibration.score_map is not None
    assert msgspec.json.decode(msgspec.json.encode(calibration), type=Calibration) == calibration
