"""Vectors by slot in a flat FAISS index, and lists (IVF) of what is worth comparing, once there are enough of them.

FAISS's ids are the slots. Nothing is ever removed from FAISS: a slot is overwritten in place, and the selection of a
search leaves free ones out. That keeps ids unique (`add_with_ids` of an id that is there keeps both) and one copy of
the vectors, for both kinds.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import faiss
import numpy as np

from db.vectors.faiss.lists import selector_of, train

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

    from db.vectors.base import Vector
    from db.vectors.faiss.coded_columns import Mask, Slots
    from db.vectors.faiss.lists import InvertedLists, IvfSettings, ListLayout
    from db.vectors.faiss.selections import Selection

_FEW = 4096
"""A selection up to this size is copied out and compared whole, whatever the kind; in exact search, and where lists
would have to be probed by the half, up to `selections.FEW`."""

_PER_HIT, _FEWEST_CANDIDATES = 8, 512
"""Candidates for each hit that is wanted, and at least. Of 1,000,000 drawn embeddings, in the lists that hold 0.9955 of
the ten nearest, 128 candidates have 0.979, 256 have 0.991, and 512 or 1,024 have 0.995 of them; they take 0.9, 1.0, 1.2
and 1.4 ms."""

_MORE, _MOST_CANDIDATES = 4, 8192
"""So many times as many candidates are looked at where codes cannot tell the nearest ones, as among photos that are
nearly the same; up to so many."""

_ERRORS = 2.0
"""Codes tell them where the last candidate's code is so many times their error below the last hit. Under 400 searches
among 1,000,000 drawn embeddings it was 2.6 times and more."""

_WORTH_LISTS = 3
"""With less than so many times as many vectors as candidates, all of them are compared."""

_MOST_CODES = 2
"""For each slot: with more, lists are trained again, to be rid of the codes that count no more."""

_SEARCH_THREADS = 1
"""Searches run in parallel with each other. With more threads for each of them, on busy cores, FAISS waited for its own
threads longer than it searched: 12 ms and not 1 ms for 2,000 of 20,000 vectors on 2 cores."""


class SlotVectors:
    """The vectors of slots 0, 1, ... in order. Callers see to it that a write is alone; searches may be parallel.

    Args:
        flat: the vectors, a `faiss.IndexFlatIP`.
        ivf: how lists shall be; None for none.
        lists: what is worth comparing; None where no lists are trained (yet).
    """

    def __init__(self, flat: Any, *, threads: int, ivf: IvfSettings | None, lists: InvertedLists | None = None) -> None:
        self.flat, self.lists = flat, lists
        self._threads, self._ivf = threads, ivf

    @classmethod
    def empty(cls, vector_size: int, *, threads: int, ivf: IvfSettings | None) -> SlotVectors:
        """Return no vectors."""
        return cls(faiss.IndexFlatIP(vector_size), threads=threads, ivf=ivf)

    def put(self, slots: Slots, vectors: NDArray[np.float32]) -> None:
        """Set the vectors of `slots`; those not there yet must ascend from the present number of slots."""
        _use_threads(self._threads)
        is_new = slots >= self.flat.ntotal
        if not is_new.all():
            self._replace(slots[~is_new], vectors[~is_new])
        if is_new.any():
            self.flat.add(vectors[is_new])
            self._list(slots[is_new], vectors[is_new])

    def nearest(
        self, query: Vector, limit: int, *, among: Selection | None, exact: bool
    ) -> tuple[Slots, NDArray[np.float64]]:
        """Return the slots of the `limit` best vectors in any order, and their inner products with `query`.

        Args:
            among: which slots may be returned; None for all of them.
            exact: compare with every vector, also where lists are trained.
        """
        _use_threads(_SEARCH_THREADS)
        count = self.flat.ntotal if among is None else among.count
        limit = min(limit, count)
        if limit == 0:
            return np.zeros(0, dtype=np.int64), np.zeros(0)
        slots = None if exact or self.lists is None else self._nearest_by_lists(self.lists, query, limit, among, count)
        if slots is None and among is not None and among.slots is not None:
            slots = self._nearest_of(among.slots, query, limit)
        if slots is None:
            slots = self._nearest_of_all(query, limit, among)
        return slots, self._scores(query, slots)

    def is_training_due(self, count: int) -> bool:
        """Whether lists should be trained (again), or let go of, now that there are `count` vectors."""
        if self._ivf is None:
            return False
        if self.lists is None:
            return self._ivf.is_training_due(count, trained_on=0)
        is_worn = self.lists.code_count > _MOST_CODES * self.flat.ntotal
        return is_worn or self._ivf.is_training_due(count, trained_on=self.lists.layout.trained_on)

    def trained(self, live: Mask) -> SlotVectors:
        """Return the same vectors with lists trained on the slots in `live`. This object may be searched meanwhile.

        Where too few are left to train lists with, there are none: all are compared, which takes 1 ms for 10,000.
        """
        assert self._ivf is not None, "only an IVF index is trained"
        _use_threads(self._threads)
        lists = None
        if self._ivf.is_enough(int(np.count_nonzero(live))):
            lists = train(self._gather, live, self._ivf, vector_size=self.flat.d)
        return SlotVectors(self.flat, threads=self._threads, ivf=self._ivf, lists=lists)

    def _nearest_by_lists(
        self, lists: InvertedLists, query: Vector, limit: int, among: Selection | None, count: int
    ) -> Slots | None:
        """Return the slots of the `limit` best vectors of those that lists lead to; None where lists are no help."""
        probes = self._probes(lists.layout, count)
        if among is not None and among.slots is not None and (count <= _FEW or 2 * probes >= lists.layout.count):
            return None
        wanted = max(_FEWEST_CANDIDATES, _PER_HIT * limit)
        while _WORTH_LISTS * wanted < count:
            slots, by_code = lists.candidates(query, wanted, among, probes=probes)
            if len(slots) < limit:  # the probed lists hold too few
                return None
            scores = self._gather(slots) @ query
            best = np.argpartition(-scores, limit - 1)[:limit]
            error = float(np.sqrt(np.mean(np.square(by_code - scores))))
            is_told = by_code.min() + _ERRORS * error <= scores[best].min()
            if is_told or len(slots) < wanted or wanted >= _MOST_CANDIDATES:
                return slots[best]
            wanted *= _MORE
        return None

    def _probes(self, layout: ListLayout, count: int) -> int:
        """Return the lists to search for what is among `count` vectors: s times as many where one in s passes.

        The probed lists hold that many fewer points that pass. On 100,000 embeddings in 1,024 lists, 91 probes found
        99.5 % of the true neighbours; under a category of a fifth of them it took 396, under one of a twentieth 632.
        """
        held: int = self.flat.ntotal
        return min(layout.count, math.ceil(layout.probes * held / count))

    def _nearest_of(self, slots: Slots, query: Vector, limit: int) -> Slots:
        _, rows = faiss.knn(query[np.newaxis], self._gather(slots), limit, metric=faiss.METRIC_INNER_PRODUCT)
        nearest: Slots = slots[rows[0]]
        return nearest

    def _nearest_of_all(self, query: Vector, limit: int, among: Selection | None) -> Slots:
        parameters = None if among is None else faiss.SearchParameters(sel=selector_of(among))  # type: ignore[call-arg]
        _, found = self.flat.search(query[np.newaxis], limit, params=parameters)
        slots: Slots = found[0]
        return slots[slots >= 0]  # FAISS pads with -1

    def _gather(self, slots: Slots) -> NDArray[np.float32]:
        vectors: NDArray[np.float32] = self.flat.reconstruct_batch(slots)
        return vectors

    def _replace(self, slots: Slots, vectors: NDArray[np.float32]) -> None:
        before = self._gather(slots)
        moves = (before != vectors).any(axis=1)  # most writes change a listing, and leave its photos as they are
        slots, vectors = slots[moves], vectors[moves]
        if not len(slots):
            return
        stored = faiss.rev_swig_ptr(self.flat.get_xb(), self.flat.ntotal * self.flat.d)
        stored.reshape(-1, self.flat.d)[slots] = vectors
        if self.lists is not None:
            self.lists.forget(slots, before[moves])
        self._list(slots, vectors)

    def _list(self, slots: Slots, vectors: NDArray[np.float32]) -> None:
        if self.lists is not None:
            self.lists.add(slots, vectors)

    def _scores(self, query: Vector, slots: Slots) -> NDArray[np.float64]:
        # In float64 and row by row, so that equal vectors have equal scores whichever kernel found them.
        products: NDArray[np.float64] = np.multiply(self._gather(slots), query, dtype=np.float64)
        scores: NDArray[np.float64] = products.sum(axis=1)
        return scores


def _use_threads(count: int) -> None:
    # OpenMP keeps this number per calling thread: set once at the start, it would not hold in a pool's threads.
    faiss.omp_set_num_threads(count)
