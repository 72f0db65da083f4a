"""Vectors by slot in one FAISS index: flat, or lists (IVF) once there are enough vectors to train them.

FAISS's ids are the slots. Nothing is ever removed from FAISS: a slot is overwritten in place, and the selection of a
search leaves free ones out. That keeps ids unique (`add_with_ids` of an id that is there keeps both) and one copy of
the vectors, for both kinds.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import faiss
import numpy as np

from db.vectors.faiss_lists import train

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from db.vectors.base import Vector
    from db.vectors.coded_columns import Mask, Slots
    from db.vectors.faiss_lists import IvfSettings, Lists
    from db.vectors.selections import Selection

_FEW = 4096
"""A selection up to this size is copied out and compared whole, whatever the kind. Probing less than half of the lists
is faster from there on: of 100,000 vectors, 0.5 against 0.9 ms for 4,000 slots, 2.3 against 1.0 ms for 8,000. Where
more would be probed, and in exact search, up to `selections.FEW` are copied."""

_SEARCH_THREADS = 1
"""Searches run in parallel with each other. With more threads for each of them, on busy cores, FAISS waited for its own
threads longer than it searched: 12 ms and not 1 ms for 2,000 of 20,000 vectors on 2 cores."""


class SlotVectors:
    """The vectors of slots 0, 1, ... in order. Callers see to it that a write is alone; searches may be parallel.

    Args:
        ivf: how lists shall be; None for a flat index.
        lists: how they are; None where none are trained (yet).
    """

    def __init__(self, index: Any, *, threads: int, ivf: IvfSettings | None, lists: Lists | None = None) -> None:
        self.index, self.lists = index, lists
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
        self, query: Vector, limit: int, *, among: Selection | None, exact: bool
    ) -> tuple[Slots, NDArray[np.float64]]:
        """Return the slots of the `limit` best vectors in any order, and their inner products with `query`.

        Args:
            among: which slots may be returned; None for all of them.
            exact: compare with every vector, also where lists are trained.
        """
        _use_threads(_SEARCH_THREADS)
        count = self.index.ntotal if among is None else among.count
        limit = min(limit, count)
        if limit == 0:
            return np.zeros(0, dtype=np.int64), np.zeros(0)
        probes = self._probes(count, exact=exact)
        if among is not None and among.slots is not None and (count <= _FEW or 2 * probes >= self._list_count):
            slots = self._nearest_of_few(query, limit, among.slots)
        else:
            slots = self._nearest_of_many(query, limit, among, probes=probes)
        if len(slots) < limit:  # the probed lists hold too few
            slots = self._nearest_of_many(query, limit, among, probes=self._list_count)
        return slots, self._scores(query, slots)

    def is_training_due(self, count: int) -> bool:
        """Whether lists should be trained (again) now that there are `count` vectors."""
        trained_on = 0 if self.lists is None else self.lists.trained_on
        return self._ivf is not None and self._ivf.is_training_due(count, trained_on=trained_on)

    def trained(self, live: Mask) -> SlotVectors:
        """Return a copy whose lists are trained on the slots in `live`. This object may be searched meanwhile."""
        assert self._ivf is not None, "only an IVF index is trained"
        _use_threads(self._threads)
        index, lists = train(self._gather, live, self._ivf, vector_size=self.index.d)
        return SlotVectors(index, threads=self._threads, ivf=self._ivf, lists=lists)

    def _overwrite(self, slots: Slots, vectors: NDArray[np.float32]) -> None:
        if self.lists is not None:
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

    def _nearest_of_many(self, query: Vector, limit: int, among: Selection | None, *, probes: int) -> Slots:
        options: dict[str, Any] = {} if among is None else {"sel": _selector(among)}
        if self.lists is not None:
            options["nprobe"] = probes
        parameters = faiss.SearchParameters(**options) if self.lists is None else faiss.SearchParametersIVF(**options)
        _, found = self.index.search(query[np.newaxis], limit, params=parameters)
        slots: Slots = found[0]
        return slots[slots >= 0]  # FAISS pads with -1

    @property
    def _list_count(self) -> int:
        return 1 if self.lists is None else self.lists.count

    def _probes(self, count: int, *, exact: bool) -> int:
        """Return the lists to search for what is among `count` vectors: s times as many where one in s passes.

        The probed lists hold that many fewer points that pass. On 100,000 embeddings in 1,024 lists, 91 probes found
        99.5 % of the true neighbours; under a category of a fifth of them it took 396, under one of a twentieth 632.
        """
        if exact or self.lists is None:
            return self._list_count
        held: int = self.index.ntotal
        return min(self._list_count, math.ceil(self.lists.probes * held / count))

    def _scores(self, query: Vector, slots: Slots) -> NDArray[np.float64]:
        # In float64 and row by row, so that equal vectors have equal scores whichever kernel found them.
        products: NDArray[np.float64] = np.multiply(self._gather(slots), query, dtype=np.float64)
        scores: NDArray[np.float64] = products.sum(axis=1)
        return scores


def _selector(among: Selection) -> Any:
    # FAISS's stubs know only the signature in C++; in Python it takes an array, and keeps it alive.
    return faiss.IDSelectorBitmap(among.bitmap)  # type: ignore[call-arg, arg-type]


def _use_threads(count: int) -> None:
    # OpenMP keeps this number per calling thread: set once at the start, it would not hold in a pool's threads.
    faiss.omp_set_num_threads(count)
