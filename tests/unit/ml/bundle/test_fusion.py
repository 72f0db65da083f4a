"""Joining what photos and words say."""

from __future__ import annotations

from typing import Literal
from unittest.mock import Mock

import numpy as np
import pytest

from ml.bundle.calibration import MIN_CONFIDENT, NEVER_CONFIDENT
from ml.bundle.fusion import Basis, FusionWeights, TextModel, fit_fusion, joined

RNG = np.random.default_rng(0)
ACTUAL = RNG.integers(0, 3, 400)


def guesses(distance: float, sharpness: float = 1.0) -> np.ndarray:
    """Log-probabilities (400, 3) from noisy sightings of the categories this many deviations apart; exact at 1."""
    seen = distance * np.eye(3)[ACTUAL] + RNG.normal(size=(400, 3))
    return joined(sharpness * distance * seen, None, FusionWeights(1, 0, 1, 0))


@pytest.mark.parametrize(
    ("photos", "words", "name"),
    [
        (1, "", "photo"),
        (3, "", "photos"),
        (0, "title", "title"),
        (0, "text", "text"),
        (2, "text", "photos and text"),
        (1, "title", "photo and title"),
        (0, "", "none"),
    ],
)
def test_names_what_is_known(photos: int, words: Literal["", "title", "text"], name: str) -> None:
    assert Basis.of(photos, words).name == name


@pytest.mark.parametrize(
    "fusion",
    [
        {"nonsense": FusionWeights(1, 1, 0.9, 40)},
        {"title": FusionWeights(0, -3, 0.9, 40)},
        {"title": FusionWeights(0, 1e308, 0.9, 40)},
        {"title": FusionWeights(0, 1, -1, 40)},
        {"title": FusionWeights(0, float("nan"), 0.9, 40)},
    ],
)
def test_weights_that_nobody_fitted_are_refused(fusion: dict[str, FusionWeights]) -> None:
    with pytest.raises(ValueError, match="fusion weights"):
        TextModel.of(Mock(), fusion)


def test_independent_sources_are_more_often_right_together() -> None:
    photos, words = guesses(1.0), guesses(1.5)
    weights = fit_fusion(photos, words, ACTUAL)
    assert weights is not None
    rights = [(found.argmax(axis=1) == ACTUAL).mean() for found in (photos, words, joined(photos, words, weights))]
    assert rights[2] > max(rights[:2]) + 0.03


def test_too_sure_a_source_is_trusted_less() -> None:
    calm, loud = (fit_fusion(None, guesses(1.5, sharpness), ACTUAL) for sharpness in (1.0, 3.0))
    assert calm is not None
    assert loud is not None
    assert (calm.words, loud.words * 3) == (pytest.approx(1.0, abs=0.2), pytest.approx(1.0, abs=0.2))
    assert (calm.photos, loud.photos) == (0.0, 0.0)


def test_fitted_weights_are_in_the_range_that_a_bundle_may_have() -> None:
    sure = joined(1000 * np.eye(3)[ACTUAL], None, FusionWeights(0.001, 0, 1, 0))
    weights = fit_fusion(sure, guesses(1.0), ACTUAL)
    assert weights is not None
    assert TextModel.of(Mock(), {"photo and title": weights}).fusion
    assert weights.photos == pytest.approx(5.0)


def test_the_threshold_is_that_of_nine_of_ten_right() -> None:
    sure = fit_fusion(None, guesses(3.0), ACTUAL)
    unsure = fit_fusion(None, guesses(0.3), ACTUAL)
    assert sure is not None
    assert unsure is not None
    assert sure.confident_from < 1 < NEVER_CONFIDENT == unsure.confident_from


def test_too_few_listings_give_no_weights() -> None:
    few = slice(MIN_CONFIDENT - 1)
    assert fit_fusion(guesses(1.0)[few], None, ACTUAL[few]) is None
