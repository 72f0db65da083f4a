"""The score map: from cosines to probabilities of the same item."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.bundle.score_map import ScoreMap, fit_score_map, retrieved_pairs


def logistic_pairs(count: int = 20_000) -> tuple[np.ndarray, np.ndarray]:
    """Return cosines, mostly low, and whether each pair shows the same item, drawn from a known curve."""
    rng = np.random.default_rng(0)
    cosines = rng.beta(3, 3, count)
    return cosines, rng.random(count) < curve(cosines)


def curve(cosines: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-15 * (cosines - 0.7)))


def test_fits_the_curve_that_the_pairs_were_drawn_from() -> None:
    score_map = fit_score_map(*logistic_pairs())
    assert score_map is not None
    probes = np.linspace(0.2, 0.85, 30)
    assert np.abs(score_map(probes) - curve(probes)).max() < 0.05


def test_cosines_are_clipped_and_the_same_picture_scores_1() -> None:
    score_map = fit_score_map(*logistic_pairs())
    assert score_map is not None
    assert score_map([1.0, 1.0000001, -1.0, -1.1]).tolist() == [1.0, 1.0, 0.0, 0.0]


def test_too_few_pairs_of_one_item_give_no_map() -> None:
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


def test_rejects_a_map_that_is_not_strictly_increasing() -> None:
    with pytest.raises(ValueError, match="probabilities must strictly ascend"):
        ScoreMap((-1.0, 0.0, 1.0), (0.0, 0.0, 1.0))
    with pytest.raises(ValueError, match="cosines must strictly ascend"):
        ScoreMap((0.0, 1.0), (0.0, 1.0))


def test_pairs_merge_copies_and_exclude_the_query() -> None:
    radians = np.deg2rad([0, 0, 10, 60, 90])
    vectors = np.stack([np.cos(radians), np.sin(radians)], axis=1).astype(np.float32)
    cosines, same = retrieved_pairs(
        vectors, np.array([0]), items=np.array([1, 1, 1, 2, 3]), contents=np.array([5, 5, 6, 7, 8]), k=2
    )
    assert cosines == pytest.approx(np.cos(np.deg2rad([10, 60])))
    assert same.tolist() == [True, False]
