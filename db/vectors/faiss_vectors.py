"""Vectors by slot in one FAISS index: flat, or lists (IVF) once there are enough vectors to train them.

FAISS's ids are the slots. Nothing is ever removed from FAISS: a slot is overwritten in place, and the mask of a search
leaves free ones out. That keeps ids unique (`add_with_ids` of an id that is there keeps both) and one copy of the
vectors, for both kinds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import faiss
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from db.vectors.base import Vector
    from db.vectors.coded_columns import Mask, Slots

_FEW = 4096
"""A selection up to this size is copied out and compared whole: about a millisecond, and exact whatever the kind."""

_SEARCH_THREADS = 1
"""Searches run in parallel with each other. With more threads for each of them, on busy cores, FAISS waited for its own
threads longer than it searched: 12 ms and not 1 ms for 2,000 of 20,000 vectors on 2 cores."""

_TRAININGS = (39, 256)
"""Vectors per list at which lists are trained: the fewest and the most that FAISS's k-means uses
(`ClusteringParameters.min_points_per_centroid`, `max_points_per_centroid`)."""


@dataclass(frozen=True, slots=True)
class IvfSettings:
    """How an IVF index is laid out.

    Attributes:
        lists: number of inverted lists (FAISS's nlist).
        probes: lists searched without a filter (FAISS's nprobe); a filter that keeps one point in s multiplies it
            by s, because the probed lists hold that many fewer points that pass.
    """

    lists: int = 256
    probes: int = 16


class SlotVectors:
    """The vectors of slots 0, 1, ... in order. Callers see to it that a write is alone; searches may be parallel."""

    def __init__(self, index: Any, *, threads: int, ivf: IvfSettings | None, trained_on: int = 0) -> None:
        self.index, self.trained_on = index, trained_on
        self._threads, self._ivf = threads, ivf

    @classmethod
    def empty(cls, vector_size: int, *, threads: int, ivf: IvfSettings | None) -> SlotVectors:
        """Return a flat index without vectors."""
        return cls(faiss.IndexFlatIP(vector_size), threads=threads, ivf=ivf)

    def put(self, slots: Slots, vectors: NDArray[np.float32]) -> None:
        """Set the vectors of `slots`; those not there yet must ascend from the present number of slots."""
        _use_threads(self._threads)
        is_new = slots >= self.index.ntotal
        if not is_new.all():
            self._overwrite(slots[~is_new], vectors[~is_new])
        if is_new.any():
            self.index.add(vectors[is_new])

    def nearest(
        self, query: Vector, limit: int, *, among: Mask | None, exact: bool
    ) -> tuple[Slots, NDArray[np.float64]]:
        """Return the slots of the `limit` best vectors in any order, and their inner products with `query`.

        Args:
            among: which slots may be returned; None for all of them.
            exact: compare with every vector, also where lists are trained.
        """
        _use_threads(_SEARCH_THREADS)
        count = self.index.ntotal if among is None else int(np.count_nonzero(among))
        limit = min(limit, count)
        if limit == 0:
            return np.zeros(0, dtype=np.int64), np.zeros(0)
        if among is not None and count <= _FEW:
            slots = self._nearest_of_few(query, limit, np.flatnonzero(among))
        else:
            slots = self._nearest_of_many(query, limit, self._parameters(among, count, exact=exact))
        if len(slots) < limit:  # the probed lists hold too few
            slots = self._nearest_of_many(query, limit, self._parameters(among, count, exact=True))
        return slots, self._scores(query, slots)

    def is_training_due(self, count: int) -> bool:
        """Whether lists should be trained (again) now that there are `count` vectors."""
        if self._ivf is None:
            return False
        return any(self.trained_on < self._ivf.lists * per_list <= count for per_list in _TRAININGS)

    def trained(self, live: Mask) -> SlotVectors:
        """Return a copy whose lists are trained on the slots in `live`. This object may be searched meanwhile."""
        assert self._ivf is not None, "only an IVF index is trained"
        _use_threads(self._threads)
        size = self.index.d
        index = faiss.IndexIVFFlat(faiss.IndexFlatIP(size), size, self._ivf.lists, faiss.METRIC_INNER_PRODUCT)
        sample = self._gather(np.flatnonzero(live))
        index.train(sample)
        index.set_direct_map_type(faiss.DirectMap.Array)  # type: ignore[attr-defined]  # finds a slot's vector
        index.add(self._gather(np.arange(self.index.ntotal)))
        return SlotVectors(index, threads=self._threads, ivf=self._ivf, trained_on=len(sample))

    def _overwrite(self, slots: Slots, vectors: NDArray[np.float32]) -> None:
        if self.trained_on:
            self.index.update_vectors(slots, np.ascontiguousarray(vectors))
            return
        stored = faiss.rev_swig_ptr(self.index.get_xb(), self.index.ntotal * self.index.d)
        stored.reshape(-1, self.index.d)[slots] = vectors

    def _gather(self, slots: Slots) -> NDArray[np.float32]:
        vectors: NDArray[np.float32] = self.index.reconstruct_batch(slots)
        return vectors

    def _nearest_of_few(self, query: Vector, limit: int, slots: Slots) -> Slots:
        _, rows = faiss.knn(query[np.newaxis], self._gather(slots), limit, metric=faiss.METRIC_INNER_PRODUCT)
        nearest: Slots = slots[rows[0]]
        return nearest

    def _nearest_of_many(self, query: Vector, limit: int, parameters: Any) -> Slots:
        _, found = self.index.search(query[np.newaxis], limit, params=parameters)
        slots: Slots = found[0]
        return slots[slots >= 0]  # FAISS pads with -1

    def _parameters(self, among: Mask | None, count: int, *, exact: bool) -> Any:
        options: dict[str, Any] = {} if among is None else {"sel": _selector(among)}
        if self._ivf is None or not self.trained_on:
            return faiss.SearchParameters(**options)
        wanted = self._ivf.lists if exact else math.ceil(self._ivf.probes * self.index.ntotal / count)
        options["nprobe"] = min(self._ivf.lists, wanted)
        return faiss.SearchParametersIVF(**options)

    def _scores(self, query: Vector, slots: Slots) -> NDArray[np.float64]:
        # In float64 and row by row, so that equal vectors have equal scores whichever kernel found them.
        products: NDArray[np.float64] = np.multiply(self._gather(slots), query, dtype=np.float64)
        scores: NDArray[np.float64] = products.sum(axis=1)
        return scores


def _selector(among: Mask) -> Any:
    # FAISS's stubs know only the signature in C++; in Python it takes an array, and keeps it alive.
    return faiss.IDSelectorBitmap(np.packbits(among, bitorder="little"))  # type: ignore[call-arg, arg-type]


def _use_threads(count: int) -> None:
    # OpenMP keeps this number per calling thread: set once at the start, it would not hold in a pool's threads.
    faiss.omp_set_num_threads(count)
