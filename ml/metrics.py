"""Retrieval and classification metrics, as functions of arrays. Each is a share in [0, 1].

Shapes: q queries, g gallery vectors, d components, n predictions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

NO_NEIGHBOUR = -1
"""Pads a query's neighbours when the gallery has fewer than k."""

CALIBRATION_BINS = 15
"""As in Guo et al. 2017 (arXiv:1706.04599), section 2, but of equal count instead of equal width: with few predictions
in a bin, chance alone makes a gap (Nixon et al. 2019, arXiv:1904.01685)."""

_DRAWS = 200

_QUERIES_AT_ONCE = 256
"""Bounds the score matrix: 256 queries against 100,000 photos take 100 MB."""


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """The predictions whose probability is in (low, high].

    Attributes:
        confidence: mean probability; 0 in an empty bin.
        share_right: share of correct predictions; 0 in an empty bin.
    """

    low: float
    high: float
    count: int
    confidence: float
    share_right: float


def nearest(
    queries: NDArray[np.float32], gallery: NDArray[np.float32], k: int, *, exclude: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return the rows of the `k` gallery vectors with the largest inner products, best first: int64 (q, k).

    Ties are in ascending row order; NO_NEIGHBOUR pads.

    Args:
        queries: (q, d).
        gallery: (g, d).
        exclude: (q,), the gallery row that each query is not compared with: the query itself.
    """
    neighbours = np.full((len(queries), k), NO_NEIGHBOUR, dtype=np.int64)
    for start in range(0, len(queries), _QUERIES_AT_ONCE):
        rows = slice(start, start + _QUERIES_AT_ONCE)
        best = full_ranking(queries[rows], gallery, exclude=exclude[rows])[:, :k]
        neighbours[rows, : best.shape[1]] = np.where(best == exclude[rows, None], NO_NEIGHBOUR, best)
    return neighbours


def full_ranking(
    queries: NDArray[np.float32], gallery: NDArray[np.float32], *, exclude: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Rank all gallery rows as `nearest` does, with the excluded row last: int64 (q, g)."""
    scores = queries @ gallery.T
    scores[np.arange(len(queries)), exclude] = -np.inf
    return np.argsort(-scores, axis=1, kind="stable")


def recall_at_k(relevant: NDArray[np.bool_], k: int) -> float:
    """Return the share of queries with at least one relevant neighbour among the first `k`."""
    return float(relevant[:, :k].any(axis=1).mean())


def precision_at_k(relevant: NDArray[np.bool_], k: int) -> float:
    """Return the mean share of relevant neighbours among the first `k`; a missing neighbour is not relevant."""
    return float(relevant[:, :k].sum(axis=1).mean() / k)


def average_precision(relevant: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the average precision of each query: (q,).

    Its mean over the queries is the mean average precision (Manning et al. 2008, "Introduction to Information
    Retrieval", section 8.4).

    Args:
        relevant: (q, g), over the whole ranking, best first, with at least one relevant neighbour in each row.
    """
    precision = np.cumsum(relevant, axis=1) / np.arange(1, relevant.shape[1] + 1)
    return np.asarray((precision * relevant).sum(axis=1) / relevant.sum(axis=1))


def accuracy(predicted: NDArray[np.int64], actual: NDArray[np.int64]) -> float:
    """Return the share of correct predictions."""
    return float((predicted == actual).mean())


def macro_f1(
    predicted: NDArray[np.int64], actual: NDArray[np.int64], weights: NDArray[np.float64] | None = None
) -> float:
    """Return the unweighted mean, over the classes that occur in either array, of F1 = 2 TP / (2 TP + FP + FN).

    Args:
        weights: (n,), how often each prediction counts; 1 by default.
    """
    weights = np.ones(len(actual)) if weights is None else weights
    classes, codes = np.unique(np.concatenate([predicted, actual]), return_inverse=True)
    predicted_codes, actual_codes = np.split(codes, [len(predicted)])
    correct = np.where(predicted_codes == actual_codes, weights, 0.0)
    both = np.bincount(predicted_codes, weights, len(classes)) + np.bincount(actual_codes, weights, len(classes))
    occurs = both > 0
    return float((2 * np.bincount(actual_codes, correct, len(classes))[occurs] / both[occurs]).mean())


def confusion_matrix(predicted: NDArray[np.int64], actual: NDArray[np.int64], classes: int) -> NDArray[np.int64]:
    """Count the photos by actual class (rows) and predicted class (columns); classes are 0 to `classes` - 1."""
    return np.bincount(actual * classes + predicted, minlength=classes * classes).reshape(classes, classes)


def reliability(
    confidence: NDArray[Any], correct: NDArray[np.bool_], *, bins: int = CALIBRATION_BINS
) -> tuple[ReliabilityBin, ...]:
    """Return the reliability diagram: the predictions (n,) in up to `bins` bins of equal count, by probability.

    Equal probabilities share a bin.
    """
    edges, bin_of = _equal_mass(confidence, bins)
    counts = np.bincount(bin_of, minlength=len(edges))
    divisors = np.maximum(counts, 1)
    means = np.bincount(bin_of, confidence, len(edges)) / divisors, np.bincount(bin_of, correct, len(edges)) / divisors
    columns = (np.append(0.0, edges[:-1]), edges, counts, *means)
    return tuple(ReliabilityBin(*row) for row in zip(*(column.tolist() for column in columns), strict=True))


def _equal_mass(confidence: NDArray[Any], bins: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the upper edges of the bins, ascending, and the bin of each prediction."""
    wide = np.asarray(confidence, dtype=np.float64)
    edges = np.unique(np.quantile(wide, np.arange(1, bins + 1) / bins, method="inverted_cdf"))
    return edges, np.searchsorted(edges, wide)


def expected_calibration_error(bins: tuple[ReliabilityBin, ...]) -> float:
    """Return the mean gap between a bin's confidence and its accuracy, weighted by the bins' predictions.

    Guo et al. 2017 (arXiv:1706.04599), equation 3.
    """
    total = sum(one.count for one in bins)
    return sum(one.count * abs(one.confidence - one.share_right) for one in bins) / total


def calibration_floor(confidence: NDArray[Any], *, bins: int = CALIBRATION_BINS) -> float:
    """Return the expected calibration error that perfectly calibrated predictions (n,) have on average: not 0.

    By drawing outcomes from the probabilities 200 times; Roelofs et al. 2022, arXiv:2012.08668, section 3.
    """
    edges, bin_of = _equal_mass(confidence, bins)
    expected = np.bincount(bin_of, confidence, len(edges))
    draws = np.random.default_rng(0).random((_DRAWS, len(bin_of))) < np.asarray(confidence)
    gaps = [np.abs(expected - np.bincount(bin_of, drawn, len(edges))).sum() for drawn in draws]
    return float(np.mean(gaps) / len(bin_of))


def auroc(scores: NDArray[Any], foreign_scores: NDArray[Any]) -> float:
    """Return the probability that a foreign photo has the higher OOD score of the two; ties count as half.

    Args:
        scores: (n,), of photos in distribution.
        foreign_scores: (m,).
    """
    ordered = np.sort(scores)
    below = np.searchsorted(ordered, foreign_scores, "left") + np.searchsorted(ordered, foreign_scores, "right")
    return float(below.mean() / (2 * len(ordered)))


def false_positive_rate_at_95(scores: NDArray[Any], foreign_scores: NDArray[Any]) -> float:
    """Return the share of foreign photos that pass where 95 % of the photos in distribution pass (FPR95)."""
    return float((foreign_scores <= np.quantile(scores, 0.95, method="inverted_cdf")).mean())
