"""Maps the cosine of two vectors to the probability that the photos show the same item."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from ml.metrics import NO_NEIGHBOUR, nearest

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

FITTED_NEIGHBOURS = 10
"""Neighbours of each validation photo that the score map is fitted on: the first page of results."""

_MIN_SLOPE = 0.01
"""Minimum slope of a score map, so that different cosines get different scores. Costs at most 0.02 of probability."""

_MIN_GAP = 1e-6
"""Minimum distance between the cosines of two knots."""

_SAME_PER_KNOT, _MAX_KNOTS = 20, 50
MIN_SAME = 2 * _SAME_PER_KNOT
"""Minimum pairs of one item to fit a score map to."""


class ScoreMap(msgspec.Struct, frozen=True):
    """Maps the cosine of a query and a result to the probability that both show the same item.

    Piecewise linear through the knots, with a slope of at least 0.01 everywhere. So results keep the order of their
    cosines, and cosines that differ by 0.0002 or more differ in the sixth decimal of their probabilities.

    Attributes:
        cosines: of the knots, strictly ascending, from -1 to 1.
        probabilities: of the knots, strictly ascending, from 0 to 1.
    """

    cosines: tuple[float, ...]
    probabilities: tuple[float, ...]

    def __post_init__(self) -> None:
        """Raise ValueError unless the knots define a strictly increasing map of [-1, 1] onto [0, 1]."""
        for name, knots, ends in (("cosines", self.cosines, (-1, 1)), ("probabilities", self.probabilities, (0, 1))):
            if len(knots) < 2 or (knots[0], knots[-1]) != ends or not (np.diff(knots) > 0).all():
                raise ValueError(f"{name} must strictly ascend from {ends[0]} to {ends[1]}, not {knots}")
        if len(self.cosines) != len(self.probabilities):
            counts = f"{len(self.cosines)} cosines and {len(self.probabilities)} probabilities"
            raise ValueError(f"{counts}: both must have one value per knot")

    def __call__(self, cosines: ArrayLike) -> NDArray[np.float64]:
        """Return the probabilities of cosines of any shape; cosines that rounding put outside [-1, 1] are clipped."""
        return np.interp(np.asarray(cosines, dtype=np.float64), self.cosines, self.probabilities)


def retrieved_pairs(
    vectors: NDArray[np.float32],
    queries: NDArray[np.int64],
    *,
    items: NDArray[np.int64],
    contents: NDArray[np.int64],
    k: int = FITTED_NEIGHBOURS,
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return the cosine of each query with each of its `k` nearest, and whether both show the same item: both (pairs,).

    Equal photos are searched as one, and no photo is its own neighbour. For the arguments see `calibrate`.
    """
    _, firsts, entry_of = np.unique(contents, return_index=True, return_inverse=True)
    neighbours = nearest(vectors[queries], vectors[firsts], k, exclude=entry_of[queries])
    query, rank = np.nonzero(neighbours != NO_NEIGHBOUR)
    left, right = queries[query], firsts[neighbours[query, rank]]
    similarities = np.einsum("pd,pd->p", vectors[left], vectors[right], dtype=np.float64)
    return similarities, np.equal(items[left], items[right])


def fit_score_map(similarities: NDArray[np.float64], same_item: NDArray[np.bool_]) -> ScoreMap | None:
    """Fit a score map to pairs (n,); None if fewer than 40 pairs, or all pairs, show the same item.

    The probability holds for the first ten results of a photo like the validation photos, when the gallery contains the
    other photos of its item, if any. It is too high if fewer queries have a match.

    The pairs are sorted by cosine into up to 50 bins with equally many pairs of one item; these are few and mostly
    at high cosines, where bins of equal size would be coarse. The knots are the increasing sequence closest to the
    bins' shares. Lines between knots give no ties, unlike the steps of isotonic regression. To keep the minimum slope,
    a line of that slope is subtracted before the isotonic regression and added afterwards. Cosine 1, the same picture,
    has probability 1 by definition.
    """
    from scipy.optimize import isotonic_regression

    same = int(same_item.sum())
    if same < MIN_SAME or same == len(same_item):
        return None
    order = np.argsort(similarities, kind="stable")
    bin_of = (np.cumsum(same_item[order]) - same_item[order]) * min(same // _SAME_PER_KNOT, _MAX_KNOTS) // same
    bins = np.split(order, np.flatnonzero(np.diff(bin_of)) + 1)
    centres = np.array([similarities[rows].mean() for rows in bins])
    shares = np.array([same_item[rows].mean() for rows in bins])
    line = _MIN_SLOPE * (centres + 1)
    above_line: Any = isotonic_regression(shares - line, weights=[len(rows) for rows in bins]).x
    # Between the lines of minimum slope through (-1, 0) and through (1, 1).
    heights = np.clip(above_line, 0.0, 1 - 2 * _MIN_SLOPE) + line
    # Bins with one cosine, as of many equal photos, share a knot, as do bins at the ends, where knots are fixed.
    inner = np.flatnonzero((np.diff(centres, prepend=-1.0) > _MIN_GAP) & (centres < 1 - _MIN_GAP))
    return ScoreMap((-1.0, *centres[inner].tolist(), 1.0), (0.0, *heights[inner].tolist(), 1.0))
