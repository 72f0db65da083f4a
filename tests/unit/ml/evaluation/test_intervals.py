"""Bootstrap confidence intervals."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest

from ml.evaluation.intervals import WELL_MEASURED, bootstrap, chance_difference, mean_of, points_of_error, ratio_of


def test_an_interval_contains_the_value_and_is_reproducible() -> None:
    values, groups = np.arange(40) % 3 == 0, np.repeat(np.arange(20), 2)
    estimate = bootstrap(mean_of(values), groups)
    assert estimate.value == values.mean()
    assert 0 < estimate.low < estimate.value < estimate.high < 1
    assert bootstrap(mean_of(values), groups) == estimate


def test_dependent_photos_give_wider_intervals() -> None:
    values = np.repeat(np.random.default_rng(0).random(200) < 0.5, 2)
    together = bootstrap(mean_of(values), np.repeat(np.arange(200), 2))
    apart = bootstrap(mean_of(values), np.arange(400))
    assert (together.high - together.low) / (apart.high - apart.low) == pytest.approx(2**0.5, rel=0.1)


def test_a_ratio_resamples_the_same_photos_for_both_values() -> None:
    values = np.random.default_rng(0).random(100)
    estimate = bootstrap(ratio_of(2 * values, values), np.arange(100), is_share=False)
    assert [estimate.value, estimate.low, estimate.high] == pytest.approx([2.0, 2.0, 2.0])


def test_few_listings_measure_a_share_to_within_many_points() -> None:
    assert [points_of_error(listings) for listings in (0, 1, 9, WELL_MEASURED, 850, 10**6)] == [98, 98, 33, 10, 3, 1]


@pytest.mark.parametrize("count", [1, 6, 30])
def test_a_share_without_failures_or_successes_has_the_exact_interval(count: int) -> None:
    exact = binomtest(count, count).proportion_ci(method="exact")
    groups = np.repeat(np.arange(count), 2)
    every = bootstrap(mean_of(np.ones(2 * count)), groups)
    none = bootstrap(mean_of(np.zeros(2 * count)), groups)
    assert (every.value, every.high, none.value, none.low) == (1.0, 1.0, 0.0, 0.0)
    assert (every.low, none.high) == pytest.approx((exact.low, 1 - exact.low))


def test_a_difference_is_beyond_chance_only_with_enough_listings() -> None:
    losses = [chance_difference((0.833, 1.0), (count, count)) < 1.0 - 0.833 for count in (6, 12, 100)]
    assert losses == [False, False, True]
