"""Confidence intervals of figures that are measured on photos which come in dependent groups."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Statistic = Callable[[NDArray[np.float64]], float]
    """From how often each photo counts, (n,), to a figure."""

RESAMPLES = 1000
_INTERVAL = (2.5, 97.5)
_SEED = 0


class Estimate(msgspec.Struct, frozen=True):
    """A figure with its 95 % interval."""

    value: float
    low: float
    high: float


def bootstrap(statistic: Statistic, groups: NDArray[np.int64], *, resamples: int = RESAMPLES) -> Estimate:
    """Return the figure over all photos, and the interval between percentiles 2.5 and 97.5 of its resamples.

    The percentile bootstrap (Efron and Tibshirani 1993, "An Introduction to the Bootstrap", chapter 13) over groups,
    not photos: the two photos of a listing succeed and fail together, and counted apart they would pass for twice the
    evidence. The seed is fixed: equal arguments give equal intervals, and figures on the same photos the same
    resamples.

    Args:
        groups: (n,), a code from 0 for the group of each photo.
    """
    rng, number = np.random.default_rng(_SEED), int(groups.max()) + 1
    figures = [
        statistic(rng.multinomial(number, np.full(number, 1 / number))[groups].astype(np.float64))
        for _ in range(resamples)
    ]
    low, high = np.percentile(figures, _INTERVAL)
    return Estimate(statistic(np.ones(len(groups))), float(low), float(high))


def mean_of(values: NDArray[np.float64] | NDArray[np.bool_]) -> Statistic:
    """Return the statistic that is the mean of values (n,)."""
    wide = values.astype(np.float64)
    return lambda weights: float(weights @ wide / max(weights.sum(), 1.0))


def ratio_of(
    numerator: NDArray[np.float64] | NDArray[np.bool_], denominator: NDArray[np.float64] | NDArray[np.bool_]
) -> Statistic:
    """Return the statistic that is the ratio of the means of two arrays (n,) on the same photos; 0 / 0 is 1."""
    above, below = numerator.astype(np.float64), denominator.astype(np.float64)

    def ratio(weights: NDArray[np.float64]) -> float:
        upper, lower = float(weights @ above), float(weights @ below)
        if lower > 0:
            return upper / lower
        return float("inf") if upper > 0 else 1.0

    return ratio
