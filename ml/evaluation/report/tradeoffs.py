"""Measures the recall of smaller vectors and coarser storage."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from ml.evaluation.report.figures import Tradeoff
from ml.evaluation.retrieval import search_all
from ml.metrics import recall_at_k

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from ml.evaluation.retrieval import Gallery

    RoundTrip = Callable[[NDArray[np.float32]], NDArray[np.float32]]
    """Returns vectors as they come back from storage."""

COMPONENTS = (256, 128, 64)


def float32(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    return vectors


def float16(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return unit vectors after storage in float16."""
    return unit(vectors.astype(np.float16).astype(np.float32))


def int8(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return unit vectors after storage in int8: scaled so that the largest component is 127, and rounded.

    The scale is not stored: it does not affect a cosine.
    """
    return unit(np.round(vectors * (127 / np.abs(vectors).max(axis=1, keepdims=True))))


STORAGES: Mapping[str, tuple[RoundTrip, int]] = {"float32": (float32, 4), "float16": (float16, 2), "int8": (int8, 1)}
"""Each storage type with its bytes per component."""


def onto_principal_directions(
    vectors: NDArray[np.float32], fit_on: NDArray[np.int64], components: int
) -> NDArray[np.float32]:
    """Project vectors (n, d) onto the `components` directions that preserve most of their length; scale to unit length.

    Simply keeping the leading components would not do: training gives their order no meaning. The directions are the
    right singular vectors of the rows `fit_on`, without centring, because a cosine is relative to the origin.
    """
    if components >= vectors.shape[1]:
        return vectors
    _, directions = np.linalg.eigh(vectors[fit_on].T @ vectors[fit_on])  # ascending eigenvalues
    return unit(vectors @ directions[:, ::-1][:, :components])


def unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scale rows to unit length; a row of zeros stays zero."""
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12), dtype=np.float32)


def tradeoffs(
    vectors_of: Mapping[str, NDArray[np.float32]],
    gallery: Gallery,
    *,
    queries: NDArray[np.int64],
    fit_on: NDArray[np.int64],
    rates: Mapping[str, float],
) -> tuple[Tradeoff, ...]:
    """Measure the serving precision in all sizes and storage types, and the others at full size in float16.

    Args:
        vectors_of: float32 (n, d), unit length, by precision; the first precision serves.
        queries: rows to search with.
        fit_on: rows that the principal directions are fitted to; no queries among them.
        rates: photos per second, by precision.
    """
    served, *others = vectors_of
    full = vectors_of[served].shape[1]
    sizes = [full, *(size for size in COMPONENTS if size < min(full, len(fit_on)))]
    rows = [
        (served, size, storage, onto_principal_directions(vectors_of[served], fit_on, size))
        for size in sizes
        for storage in STORAGES
    ]
    rows += [(precision, full, "float16", vectors_of[precision]) for precision in others]
    measured = []
    for precision, size, storage, vectors in rows:
        store, width = STORAGES[storage]
        matches = search_all(gallery, store(vectors), queries).same_listing
        recalls = recall_at_k(matches, 1), recall_at_k(matches, 10)
        measured.append(Tradeoff(precision, size, storage, size * width, *recalls, rates.get(precision), best=False))
    return pareto(measured)


def pareto(rows: Sequence[Tradeoff]) -> tuple[Tradeoff, ...]:
    """Mark the rows on the Pareto front: no other row is at least as good in everything and better in one figure."""
    return tuple(msgspec.structs.replace(row, best=not _is_beaten(row, rows)) for row in rows)


def _is_beaten(row: Tradeoff, rows: Sequence[Tradeoff]) -> bool:
    def quality(one: Tradeoff) -> NDArray[np.float64]:
        return np.array([one.recall_at_1, -one.bytes_per_vector, one.photos_per_second or 0.0])

    return any((quality(other) >= quality(row)).all() and (quality(other) > quality(row)).any() for other in rows)
