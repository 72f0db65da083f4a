"""Figures of merit, as functions of arrays. All are shares in [0, 1]."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

NOBODY = -1
"""The row that fills up a query's neighbours when the gallery has fewer than k."""

_QUERIES_AT_ONCE = 256
"""Bounds the score matrix: 256 queries against 100,000 photos are 100 MB."""


def nearest(
    vectors: NDArray[np.float32], queries: NDArray[np.int64], k: int, *, contents: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return the rows of the `k` vectors nearest to each query, best first, int64 (queries, k), padded with NOBODY.

    Args:
        vectors: the gallery, (n, d), unit length.
        queries: rows of `vectors`.
        contents: (n,), the label of a photo's bytes. A query is not compared with photos of its own content, itself
            included: finding an identical file is no achievement.
    """
    found = np.full((len(queries), k), NOBODY, dtype=np.int64)
    for start in range(0, len(queries), _QUERIES_AT_ONCE):
        rows = queries[start : start + _QUERIES_AT_ONCE]
        scores = vectors[rows] @ vectors.T
        scores[contents[rows][:, None] == contents[None, :]] = -np.inf
        best = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        reachable = np.isfinite(np.take_along_axis(scores, best, axis=1))
        found[start : start + len(rows), : best.shape[1]] = np.where(reachable, best, NOBODY)
    return found


def agreement(
    neighbours: NDArray[np.int64], queries: NDArray[np.int64], *, labels: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Return, for each neighbour, whether its label is the query's: bool, shaped as `neighbours`."""
    agreeing: NDArray[np.bool_] = np.equal(labels[neighbours], labels[queries][:, None])
    agreeing[neighbours == NOBODY] = False
    return agreeing


def recall_at_k(agreeing: NDArray[np.bool_], k: int) -> float:
    """Return the share of queries with at least one agreeing neighbour among the first `k`."""
    return float(agreeing[:, :k].any(axis=1).mean())


def precision_at_k(agreeing: NDArray[np.bool_], k: int) -> float:
    """Return the mean share of agreeing neighbours among the first `k`; a missing neighbour does not agree."""
    return float(agreeing[:, :k].sum(axis=1).mean() / k)


def accuracy(predicted: NDArray[np.int64], actual: NDArray[np.int64]) -> float:
    """Return the share of predictions that are right."""
    return float((predicted == actual).mean())


def macro_f1(predicted: NDArray[np.int64], actual: NDArray[np.int64]) -> float:
    """Return the unweighted mean, over the classes that occur in either array, of F1 = 2 TP / (2 TP + FP + FN)."""
    classes = np.union1d(predicted, actual)[:, None]
    is_predicted, is_actual = predicted[None, :] == classes, actual[None, :] == classes
    return float(
        (2 * (is_predicted & is_actual).sum(axis=1) / (is_predicted.sum(axis=1) + is_actual.sum(axis=1))).mean()
    )
