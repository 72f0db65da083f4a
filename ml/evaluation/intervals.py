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
_Z = 1.96
"""Standard deviations of half a 95 % interval."""


WELL_MEASURED = 100
"""Listings that measure a share to within 10 points."""


def points_of_error(listings: int) -> int:
    """Return to how many percentage points, 1 to 100, so many listings measure a share of any size.

    Half the 95 % interval of a share of 0.5, by the normal approximation.
    """
    return min(100, max(1, round(98 / math.sqrt(max(listings, 1)))))


def chance_difference(shares: tuple[float, float], counts: tuple[int, int]) -> float:
    """Return half the 95 % interval of the difference of two shares, each measured on listings of its own.

    By Agresti and Caffo 2000 ("Simple and effective confidence intervals for proportions and differences of
    proportions"): one success and one failure are added to each, so that few listings that all succeed prove little.
    """
    variance = 0.0
    for share, count in zip(shares, counts, strict=True):
        adjusted = (share * count + 1) / (count + 2)
        variance += adjusted * (1 - adjusted) / (count + 2)
    return _Z * math.sqrt(variance)


class Estimate(msgspec.Struct, frozen=True):
    """A figure and its 95 % confidence interval."""

    value: float
    low: float
    high: float


def bootstrap(statistic: Statistic, groups: NDArray[np.int64], *, is_share: bool = True) -> Estimate:
    """Return the figure over all photos, and the interval between percentiles 2.5 and 97.5 of its resamples.

    The percentile bootstrap (Efron and Tibshirani 1993, "An Introduction to the Bootstrap", chapter 13). It resamples
    groups, not photos: the two photos of a listing tend to succeed or fail together, so they are not independent
    evidence. The seed is fixed, so equal arguments give equal intervals, and all figures of a set of photos share
    their resamples.

    Where all groups succeed or all fail, resamples do not differ. A share then has the exact interval of that many
    successes (Clopper and Pearson 1934).

    Args:
        groups: (n,), the group of each photo, coded from 0.
        is_share: whether the figure is in [0, 1], and 0 or 1 only if all groups fail or succeed.
    """
    rng, count = np.random.default_rng(_SEED), int(groups.max()) + 1
    figures = [
        statistic(rng.multinomial(count, np.full(count, 1 / count))[groups].astype(np.float64))
        for _ in range(_RESAMPLES)
    ]
    value, (low, high) = statistic(np.ones(len(groups))), np.percentile(figures, _PERCENTILES)
    if is_share and value in (0.0, 1.0):
        sure = (_PERCENTILES[0] / 100) ** (1 / count)
        low, high = (sure, 1.0) if value else (0.0, 1 - sure)
    return Estimate(value, float(low), float(high))


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
