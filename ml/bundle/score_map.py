"""From the cosine of two vectors to the probability that the two photos show the same item."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from ml.metrics import NO_NEIGHBOUR, nearest

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

FITTED_NEIGHBOURS = 10
"""Neighbours of each validation photo that the score map learns from: the first page of results."""

_SLOPE = 0.01
"""The least slope of a score map, so that no two cosines that differ get the same score; it costs at most 0.02."""

_APART = 1e-6
"""How far the cosines of two knots are apart at least."""

_SAME_PER_KNOT, _MOST_KNOTS = 20, 50
_FEWEST_SAME = 2 * _SAME_PER_KNOT


class ScoreMap(msgspec.Struct, frozen=True):
    """From the cosine of a query and a result to the probability that the two show the same item.

    Piecewise linear through the knots. It rises everywhere by at least 0.01 per unit of cosine: cosines that differ by
    0.0002 or more differ in the sixth decimal of their probabilities, and results keep the order of their cosines.

    Attributes:
        cosines: strictly ascending, from -1 to 1.
        probabilities: strictly ascending, from 0 to 1.
    """

    cosines: tuple[float, ...]
    probabilities: tuple[float, ...]

    def __post_init__(self) -> None:
        """Raise ValueError for knots that do not make a strictly rising map of [-1, 1] onto [0, 1]."""
        for name, knots, ends in (("cosines", self.cosines, (-1, 1)), ("probabilities", self.probabilities, (0, 1))):
            if len(knots) < 2 or (knots[0], knots[-1]) != ends or not (np.diff(knots) > 0).all():
                raise ValueError(f"{name} must ascend from {ends[0]} to {ends[1]}, not {knots}")
        if len(self.cosines) != len(self.probabilities):
            raise ValueError(f"{len(self.cosines)} cosines cannot have {len(self.probabilities)} probabilities")

    def __call__(self, cosines: ArrayLike) -> NDArray[np.float64]:
        """Return the probabilities of cosines of any shape; what rounding put outside [-1, 1] counts as its end."""
        return np.interp(np.asarray(cosines, dtype=np.float64), self.cosines, self.probabilities)


def retrieved_pairs(
    vectors: NDArray[np.float32],
    queries: NDArray[np.int64],
    *,
    items: NDArray[np.int64],
    contents: NDArray[np.int64],
    k: int = FITTED_NEIGHBOURS,
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return the cosine of each query and each of its `k` nearest, and whether they are the same item: both (pairs,).

    A photo that is there several times over counts once, and none is its own neighbour. For the arguments see
    `calibrate`.
    """
    _, firsts, entry_of = np.unique(contents, return_index=True, return_inverse=True)
    neighbours = nearest(vectors[queries], vectors[firsts], k, exclude=entry_of[queries])
    query, rank = np.nonzero(neighbours != NO_NEIGHBOUR)
    asked, found = queries[query], firsts[neighbours[query, rank]]
    similarities = np.einsum("pd,pd->p", vectors[asked], vectors[found], dtype=np.float64)
    return similarities, np.equal(items[asked], items[found])


def fit_score_map(similarities: NDArray[np.float64], same_item: NDArray[np.bool_]) -> ScoreMap | None:
    """Return the map that fits the pairs (n,) best; None where fewer than 40 of them, or all, are the same item.

    The probability is that of a result among the first ten for a photo like those of validation, whose item's other
    photos, if it has any, are among what is searched. Where fewer queries have a match, it is too high.

    The pairs are put into up to 50 bins by cosine, with as many of the same item in each: these are few, and mostly
    near the top, where bins of equal size would be coarse. The knots are the rising sequence nearest to the bins'
    shares; lines between them, unlike the steps of isotonic regression, give no ties. Isotonic regression of the shares
    less a line of the least slope, which is then added again, keeps every piece at least that steep. Cosine 1, the same
    picture, is probability 1 by decree.
    """
    from scipy.optimize import isotonic_regression

    same = int(same_item.sum())
    if same < _FEWEST_SAME or same == len(same_item):
        return None
    order = np.argsort(similarities, kind="stable")
    bin_of = (np.cumsum(same_item[order]) - same_item[order]) * min(same // _SAME_PER_KNOT, _MOST_KNOTS) // same
    bins = np.split(order, np.flatnonzero(np.diff(bin_of)) + 1)
    centres = np.array([similarities[rows].mean() for rows in bins])
    shares = np.array([same_item[rows].mean() for rows in bins])
    line = _SLOPE * (centres + 1)
    above_line: Any = isotonic_regression(shares - line, weights=[len(rows) for rows in bins]).x
    # Never below the line through (-1, 0), nor above the one through (1, 1), of the least slope.
    heights = np.clip(above_line, 0.0, 1 - 2 * _SLOPE) + line
    # Bins of one cosine, as of many equal photos, are one knot; so are those at the ends, which stand already.
    inner = np.flatnonzero((np.diff(centres, prepend=-1.0) > _APART) & (centres < 1 - _APART))
    return ScoreMap((-1.0, *centres[inner].tolist(), 1.0), (0.0, *heights[inner].tolist(), 1.0))
