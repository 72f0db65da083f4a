"""Indexes with inverted lists, and their recall, for tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from db.vectors.base import Payload, Point
from db.vectors.faiss.index import FaissIndex
from db.vectors.faiss.lists import IvfSettings
from tests.contract.catalogue import unit

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from db.vectors.base import Vector


FEW_PROBES = IvfSettings(lists=16, probes=1)


def ivf_index(points: Sequence[Point], ivf: IvfSettings = FEW_PROBES) -> FaissIndex:
    """An index of the points, written in batches of 500."""
    index = FaissIndex(16, kind="ivf", ivf=ivf)
    for start in range(0, len(points), 500):
        index.upsert(points[start : start + 500])
    return index


def ivf_in_one(points: Sequence[Point], ivf: IvfSettings) -> FaissIndex:
    """An index of the points, written at once."""
    index = FaissIndex(16, kind="ivf", ivf=ivf)
    index.upsert(points)
    return index


def trained_on(index: FaissIndex) -> int:
    """Return the number of vectors that the lists were trained on."""
    count: int = index.describe().parameters["trained_on"]
    return count


def points_of(vectors: NDArray[np.float64], *, first_id: int = 0) -> list[Point]:
    """Points with these vectors, shape (n, d), at unit length, and ids one after the other."""
    payload = Payload("listing", "Lamps", None, ())
    return [Point(photo_id, vector, payload) for photo_id, vector in enumerate(unit(vectors), first_id)]


def recall(index: FaissIndex, queries: Sequence[Vector]) -> float:
    """Return ann recall@10 against the same index's exact search; a hit as near as the tenth counts as one."""
    found = 0
    for query in queries:
        horizon = index.search(query, 10, exact=True)[-1].score - 1e-6
        found += sum(hit.score >= horizon for hit in index.search(query, 10))
    return found / (10 * len(queries))
