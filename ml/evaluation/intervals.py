"""Confidence intervals by a bootstrap over groups of photos."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import msgspec
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Statistic = Callable[[NDArray[np.float64]], float]
    """Maps the weight of each photo, (n,), to a figure."""

_RESAMPLES = 1000
_PERCENTILES = (2.5, 97.5)
_SEED = 0


WELL_MEASURED = 100
"""Listings that measure a share to within 10 points."""


def points_of_error(listings: int) -> int:
    """Return to how many percentage points, 1 to 100, so many listings measure a share of any size.

    Half the 95 % interval of a share of 0.5, by the normal approximation. Where all listings are right, a bootstrap
    gives an interval without width.
    """
    return min(100, max(1, round(98 / math.sqrt(max(listings, 1)))))


class Estimate(msgspec.Struct, frozen=True):
    """A figure and its 95 % confidence interval."""

    value: float
    low: float
    high: float


def bootstrap(statistic: Statistic, groups: NDArray[np.int64]) -> Estimate:
    """Return the figure over all photos, and the interval between percentiles 2.5 and 97.5 of its resamples.

    The percentile bootstrap (Efron and Tibshirani 1993, "An Introduction to the Bootstrap", chapter 13). It resamples
    groups, not photos: the two photos of a listing tend to succeed or fail together, so they are not independent
    evidence. The seed is fixed, so equal arguments give equal intervals, and all figures of a set of photos share
    their resamples.

    Args:
        groups: (n,), the group of each photo, coded from 0.
    """
    rng, count = np.random.default_rng(_SEED), int(groups.max()) + 1
    figures = [
        statistic(rng.multinomial(count, np.full(count, 1 / count))[groups].astype(np.float64))
        for _ in range(_RESAMPLES)
    ]
    low, high = np.percentile(figures, _PERCENTILES)
    return Estimate(statistic(np.ones(len(groups))), float(low), float(high))


def mean_of(values: NDArray[np.float64] | NDArray[np.bool_]) -> Statistic:
    """Return the statistic for the mean of values (n,)."""
    floats = values.astype(np.float64)
    return lambda weights: float(weights @ floats / max(weights.sum(), 1.0))


def ratio_of(
    numerator: NDArray[np.float64] | NDArray[np.bool_], denominator: NDArray[np.float64] | NDArray[np.bool_]
) -> Statistic:
    """Return the statistic for the ratio of the means of two arrays (n,); 0 / 0 is 1."""
    upper, lower = numerator.astype(np.float64), denominator.astype(np.float64)

    def ratio(weights: NDArray[np.float64]) -> float:
        above, below = float(weights @ upper), float(weights @ lower)
        if below > 0:
            return above / below
        return float("inf") if above > 0 else 1.0

    return ratio
