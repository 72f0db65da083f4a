"""What smaller vectors and coarser storage cost in recall."""

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

    Stored = Callable[[NDArray[np.float32]], NDArray[np.float32]]

COMPONENTS = (256, 128, 64)


def float32(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the vectors."""
    return vectors


def float16(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return unit vectors as they come back from float16."""
    return unit(vectors.astype(np.float16).astype(np.float32))


def int8(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return unit vectors as they come back from int8: the largest component of each becomes 127, and all are rounded.

    The factor need not be stored: a cosine does not see it.
    """
    return unit(np.round(vectors * (127 / np.abs(vectors).max(axis=1, keepdims=True))))


STORAGES: Mapping[str, tuple[Stored, int]] = {"float32": (float32, 4), "float16": (float16, 2), "int8": (int8, 1)}
"""Each storage with the bytes that a component takes."""


def principal(vectors: NDArray[np.float32], learnt_from: NDArray[np.int64], components: int) -> NDArray[np.float32]:
    """Return the vectors (n, d) in the `components` directions that keep most of their length, brought to unit length.

    The leading components themselves mean nothing in particular after training. The directions are the right singular
    vectors of the rows `learnt_from`, not centred, since a cosine is taken about the origin.
    """
    if components >= vectors.shape[1]:
        return vectors
    _, directions = np.linalg.eigh(vectors[learnt_from].T @ vectors[learnt_from])  # ascending eigenvalues
    return unit(vectors @ directions[:, ::-1][:, :components])


def unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Bring rows to unit length; a row of zeros stays one."""
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12), dtype=np.float32)


def tradeoffs(
    vectors_of: Mapping[str, NDArray[np.float32]],
    gallery: Gallery,
    *,
    queries: NDArray[np.int64],
    learnt_from: NDArray[np.int64],
    rates: Mapping[str, float],
) -> tuple[Tradeoff, ...]:
    """Measure the vectors of each precision at full size in float16, as stored, and the first's in all sizes.

    Args:
        vectors_of: float32 (n, d), unit length, by precision; the first is the one that serves.
        queries: rows to search by.
        learnt_from: rows that directions are learnt from; none of the queries among them.
        rates: photos per second, by precision.
    """
    served, *others = vectors_of
    full = vectors_of[served].shape[1]
    sizes = [full, *(size for size in COMPONENTS if size < min(full, len(learnt_from)))]
    rows = [
        (served, size, storage, principal(vectors_of[served], learnt_from, size))
        for size in sizes
        for storage in STORAGES
    ]
    rows += [(precision, full, "float16", vectors_of[precision]) for precision in others]
    measured = []
    for precision, size, storage, vectors in rows:
        restore, width = STORAGES[storage]
        found = search_all(gallery, restore(vectors), queries).same_listing
        recalls = recall_at_k(found, 1), recall_at_k(found, 10)
        measured.append(Tradeoff(precision, size, storage, size * width, *recalls, rates.get(precision), best=False))
    return pareto(measured)


def pareto(rows: Sequence[Tradeoff]) -> tuple[Tradeoff, ...]:
    """Return the rows, marking those that no other beats: is at least as good as in everything, and better in one."""
    return tuple(msgspec.structs.replace(row, best=not _beaten(row, rows)) for row in rows)


def _beaten(row: Tradeoff, rows: Sequence[Tradeoff]) -> bool:

    def worth(one: Tradeoff) -> NDArray[np.float64]:
        return np.array([one.recall_at_1, -one.bytes_per_vector, one.photos_per_second or 0.0])

    return any((worth(other) >= worth(row)).all() and (worth(other) > worth(row)).any() for other in rows)
