"""Figures of merit, as functions of arrays. All are shares in [0, 1]."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

NOBODY = -1
"""The row that fills up a query's neighbours when the gallery has fewer than k."""

CALIBRATION_BINS = 15
"""Of equal width, as in Guo et al. 2017 (arXiv:1706.04599), section 2."""

_QUERIES_AT_ONCE = 256
"""Bounds the score matrix: 256 queries against 100,000 photos are 100 MB."""


@dataclass(frozen=True, slots=True)
class Bin:
    """The predictions whose probability is in (low, high].

    Attributes:
        confidence: their mean probability; 0 in an empty bin.
        share_right: how many of them are right; 0 in an empty bin.
    """

    low: float
    high: float
    count: int
    confidence: float
    share_right: float


def nearest(
    queries: NDArray[np.float32], gallery: NDArray[np.float32], k: int, *, without: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return the rows of the `k` gallery vectors with the largest inner products, best first: int64 (q, k).

    Rows of equal products come in ascending order; NOBODY pads.

    Args:
        queries: (q, d).
        gallery: (g, d).
        without: (q,), for each query the one row of the gallery that it is not compared with: itself.
    """
    found = np.full((len(queries), k), NOBODY, dtype=np.int64)
    for start in range(0, len(queries), _QUERIES_AT_ONCE):
        rows = slice(start, start + _QUERIES_AT_ONCE)
        best = full_ranking(queries[rows], gallery, without=without[rows])[:, :k]
        found[rows, : best.shape[1]] = np.where(best == without[rows, None], NOBODY, best)
    return found


def full_ranking(
    queries: NDArray[np.float32], gallery: NDArray[np.float32], *, without: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return all gallery rows in the order that `nearest` gives, int64 (q, g); the one left out comes last."""
    scores = queries @ gallery.T
    scores[np.arange(len(queries)), without] = -np.inf
    return np.argsort(-scores, axis=1, kind="stable")


def recall_at_k(agreeing: NDArray[np.bool_], k: int) -> float:
    """Return the share of queries with at least one agreeing neighbour among the first `k`."""
    return float(agreeing[:, :k].any(axis=1).mean())


def precision_at_k(agreeing: NDArray[np.bool_], k: int) -> float:
    """Return the mean share of agreeing neighbours among the first `k`; a missing neighbour does not agree."""
    return float(agreeing[:, :k].sum(axis=1).mean() / k)


def average_precision(agreeing: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return each query's mean, over its agreeing neighbours, of the precision down to that neighbour: (q,).

    Args:
        agreeing: (q, g), over the whole ranking, best first, with at least one agreeing neighbour in each row. Their
            mean over the queries is the mean average precision (Manning et al. 2008, "Introduction to Information
            Retrieval", section 8.4).
    """
    precision = np.cumsum(agreeing, axis=1) / np.arange(1, agreeing.shape[1] + 1)
    return np.asarray((precision * agreeing).sum(axis=1) / agreeing.sum(axis=1))


def accuracy(predicted: NDArray[np.int64], actual: NDArray[np.int64]) -> float:
    """Return the share of predictions that are right."""
    return float((predicted == actual).mean())


def macro_f1(
    predicted: NDArray[np.int64], actual: NDArray[np.int64], weights: NDArray[np.float64] | None = None
) -> float:
    """Return the unweighted mean, over the classes that occur in either array, of F1 = 2 TP / (2 TP + FP + FN).

    Args:
        weights: (n,), how often each prediction counts; once each by default.
    """
    weights = np.ones(len(actual)) if weights is None else weights
    classes, coded = np.unique(np.concatenate([predicted, actual]), return_inverse=True)
    coded_predicted, coded_actual = np.split(coded, [len(predicted)])
    hits = np.where(coded_predicted == coded_actual, weights, 0.0)
    both = np.bincount(coded_predicted, weights, len(classes)) + np.bincount(coded_actual, weights, len(classes))
    occurring = both > 0
    return float((2 * np.bincount(coded_actual, hits, len(classes))[occurring] / both[occurring]).mean())


def confusion_matrix(predicted: NDArray[np.int64], actual: NDArray[np.int64], classes: int) -> NDArray[np.int64]:
    """Return how many photos of each class, 0 to `classes` - 1, (rows) were given each class (columns)."""
    return np.bincount(actual * classes + predicted, minlength=classes * classes).reshape(classes, classes)


def reliability(confidence: NDArray[Any], right: NDArray[np.bool_], *, bins: int = CALIBRATION_BINS) -> tuple[Bin, ...]:
    """Return the reliability diagram: predictions (n,) in bins of equal width by their probability, ascending."""
    edges = np.linspace(0, 1, bins + 1)
    bin_of = np.clip(np.ceil(np.asarray(confidence, dtype=np.float64) * bins).astype(np.int64) - 1, 0, bins - 1)
    counts = np.bincount(bin_of, minlength=bins)
    some = np.maximum(counts, 1)
    sums = np.bincount(bin_of, confidence, bins) / some, np.bincount(bin_of, right, bins) / some
    columns = (edges[:-1], edges[1:], counts, *sums)
    return tuple(Bin(*row) for row in zip(*(column.tolist() for column in columns), strict=True))


def expected_calibration_error(bins: tuple[Bin, ...]) -> float:
    """Return the mean over the predictions of how far their bin's confidence is from its share of right ones.

    Guo et al. 2017 (arXiv:1706.04599), equation 3.
    """
    total = sum(one.count for one in bins)
    return sum(one.count * abs(one.confidence - one.share_right) for one in bins) / total
