"""Inverted lists (IVF) of product-quantised codes (PQ), which select candidates to compare with a query.

Each vector has a code in the list with the nearest centre: 4 bits for every two components (for every one, if the
vector size is odd). A search reads the codes in the lists nearest to the query, which take a sixteenth of the vectors'
memory, and rescores the best candidates with their vectors. So scores are exact, but some neighbours may be missed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import faiss
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from db.vectors.base import Vector
    from db.vectors.faiss.coded_columns import Mask, Slots
    from db.vectors.faiss.selections import Selection

    Gather = Callable[[Slots], NDArray[np.float32]]

ANN_RECALL = 0.995
"""Share of the true neighbours that the probed lists must contain, over the sample of queries."""

_MIN_LISTS, _MAX_LISTS = 256, 4096
"""FAISS recommends 4 to 16 times the square root of the number of vectors (wiki, "Guidelines to choose an index").
Beyond 4,096, comparing a query with every list's centre costs more than shorter lists save."""

_GROWTH = 4
"""Lists are retrained when the number of vectors has grown by this factor, which doubles the number of lists."""

_MIN_PER_LIST, _MAX_PER_LIST = 39, 64
"""Training vectors per list. FAISS's k-means needs at least 39 and uses up to 256. At 100,000 vectors and 1,024 lists,
39, 64 and 256 gave the same recall at every number of probes, in 4.0, 6.8 and 9.8 s."""

_FIXED_TRAININGS = (39, 256)
"""Vectors per list at which a fixed number of lists is trained and retrained."""

_QUERIES, _NEIGHBOURS, _SEED = 200, 10, 20_17
_QUERY_SHARE = 50
"""At most one vector in 50 is used as a query."""

_CODE_BITS = 4
"""FAISS scans 4-bit codes with table lookups in registers (wiki, "Fast accumulation of PQ and AQ codes")."""

_NO_SLOT, _BEYOND_SLOTS = -1, 2**62
"""The id of padding in FAISS's results and of outdated codes, and an id above every slot."""

_BLOCK = 16_384
"""Vectors copied at a time: 16 MiB at 256 dimensions. Copying a million at once would take 1 GiB."""


@dataclass(frozen=True, slots=True)
class IvfSettings:
    """Configuration of an IVF index.

    Attributes:
        lists: number of inverted lists (FAISS's nlist); None to choose by the number of vectors (`lists_for`).
        probes: lists searched without a filter (FAISS's nprobe); None for the smallest sufficient number, measured
            after each training.
    """

    lists: int | None = None
    probes: int | None = None

    def is_enough(self, count: int) -> bool:
        """Say whether `count` vectors are enough to train the lists."""
        return count >= (self.lists or _MIN_LISTS) * _MIN_PER_LIST

    def is_training_due(self, count: int, *, trained_on: int) -> bool:
        """Say whether to train the lists with `count` vectors, after a training with `trained_on` (0 for none)."""
        if self.lists is None:
            return self.is_enough(count) and count >= _GROWTH * trained_on
        return any(trained_on < self.lists * per_list <= count for per_list in _FIXED_TRAININGS)


@dataclass(frozen=True, slots=True)
class ListLayout:
    """Trained lists: their number, the number probed without a filter, and the number of vectors trained on."""

    count: int
    probes: int
    trained_on: int


def lists_for(vectors: int) -> int:
    """Return the power of two nearest to 4 sqrt(n), from 256 to 4096, with at least 39 vectors per list."""
    nearest = round(math.log2(4 * math.sqrt(max(1, vectors))))
    trainable = math.floor(math.log2(max(1.0, vectors / _MIN_PER_LIST)))
    return min(_MAX_LISTS, max(_MIN_LISTS, 1 << min(nearest, trainable)))


class InvertedLists:
    """Trained lists with the codes of vectors. Callers must keep writes exclusive; searches may run in parallel."""

    def __init__(self, index: Any, layout: ListLayout) -> None:
        self.index, self.layout = index, layout

    @property
    def code_count(self) -> int:
        """Number of codes, including outdated ones."""
        count: int = self.index.ntotal
        return count

    def add(self, slots: Slots, vectors: NDArray[np.float32]) -> None:
        """Add codes of the new vectors of `slots`, shape (n, d)."""
        self.index.add_with_ids(vectors, slots)

    def invalidate(self, slots: Slots, vectors: NDArray[np.float32]) -> None:
        """Invalidate the codes of the old vectors of `slots`, shape (n, d).

        Otherwise they would take the place of true candidates. They keep their place in the list and lose their slot:
        FAISS 1.15 corrupts other codes if codes are added after some were removed. (A code on the border of two lists
        may not be found in its list because of rounding. It stays valid and wastes one candidate.)
        """
        for number, slot in zip(self.index.quantizer.assign(vectors, 1)[:, 0].tolist(), slots.tolist(), strict=True):
            code_slots = _slots_of_codes(self.index, number)
            code_slots[code_slots == slot] = _NO_SLOT

    def candidates(
        self, query: Vector, limit: int, among: Selection | None, *, probes: int
    ) -> tuple[Slots, NDArray[np.float32]]:
        """Return up to `limit` slots with the best codes in the nearest lists, and their approximate scores.

        Args:
            query: the query vector, shape (d,).
            limit: maximum number of slots.
            among: the slots that may be returned; None for all.
            probes: number of lists to search.
        """
        selector = faiss.IDSelectorRange(0, _BEYOND_SLOTS) if among is None else selector_of(among)
        parameters = faiss.SearchParametersIVF(nprobe=probes, sel=selector)  # type: ignore[call-arg]
        (scores,), (found,) = self.index.search(query[np.newaxis], limit, params=parameters)
        is_slot = found != _NO_SLOT
        slots, firsts = np.unique(found[is_slot], return_index=True)
        return slots, scores[is_slot][firsts]


def train(gather: Gather, live: Mask, settings: IvfSettings, *, vector_size: int) -> InvertedLists:
    """Train lists, and return them with the codes of all slots' vectors.

    Training and measuring use only the slots in `live`, shape (slots,). Up to 200 of them, drawn with a fixed seed,
    are excluded from training and serve as queries to measure how many probes are needed.

    Args:
        gather: returns copies of the vectors of slots, shape (n, d).
        live: mask of the slots that have a photo.
        settings: the configuration.
        vector_size: d.
    """
    rows = np.flatnonzero(live)
    count = settings.lists or lists_for(len(rows))
    drawn = np.random.default_rng(_SEED).permutation(rows)
    query_count = min(_QUERIES, math.ceil(len(rows) / _QUERY_SHARE)) if settings.probes is None else 0
    queries, others = np.split(drawn, [query_count])
    index = _trained(gather(np.sort(others[: count * _MAX_PER_LIST])), count, vector_size)
    for block in _blocks(len(live)):
        index.add_with_ids(gather(block), block)
    probes = settings.probes or _probes(index, gather, live=live, queries=queries)
    return InvertedLists(index, ListLayout(count, probes, trained_on=len(rows)))


def _trained(sample: NDArray[np.float32], count: int, vector_size: int) -> Any:
    centres = faiss.IndexFlatIP(vector_size)
    parts = vector_size // 2 if vector_size % 2 == 0 else vector_size
    index = faiss.IndexIVFPQFastScan(centres, vector_size, count, parts, _CODE_BITS, faiss.METRIC_INNER_PRODUCT)
    # Without the queries there may be a few vectors less than FAISS expects: this silences its warning.
    index.cp.min_points_per_centroid = index.pq.cp.min_points_per_centroid = 1
    index.train(sample)
    return index


def _probes(index: Any, gather: Gather, *, live: Mask, queries: Slots) -> int:
    """Return the smallest number of probes that finds 99.5 % of the queries' true neighbours.

    A search with p probes can find exactly the neighbours in the p nearest lists. So no search is needed: the result
    is a quantile of the ranks of the neighbours' lists in each query's order of lists.
    """
    vectors = gather(queries)
    neighbours = _true_neighbours(vectors, gather, live, queries)
    order = index.quantizer.search(vectors, index.nlist)[1]
    ranks = np.argsort(order, axis=1)  # rank of each list, by list number
    needed = np.sort(np.take_along_axis(ranks, _lists_by_slot(index)[neighbours], axis=1), axis=None)
    return int(needed[math.ceil(ANN_RECALL * len(needed)) - 1]) + 1


def _lists_by_slot(index: Any) -> NDArray[np.int64]:
    """Return the list number of each slot's code; every slot must have one."""
    lists = np.empty(index.ntotal, dtype=np.int64)
    for number in range(index.nlist):
        lists[_slots_of_codes(index, number)] = number
    return lists


def _slots_of_codes(index: Any, number: int) -> Slots:
    """Return the slots of a list's codes, as a writable view."""
    size = index.invlists.list_size(number)
    slots: Slots = faiss.rev_swig_ptr(index.invlists.get_ids(number), size) if size else np.empty(0, dtype=np.int64)
    return slots


def _true_neighbours(vectors: NDArray[np.float32], gather: Gather, live: Mask, queries: Slots) -> NDArray[np.int64]:
    scores, slots = [], []
    for block in _blocks(len(live)):
        live_slots = block[live[block]]
        limit = min(len(live_slots), _NEIGHBOURS + 1)
        if limit:
            found, rows = faiss.knn(vectors, gather(live_slots), limit, metric=faiss.METRIC_INNER_PRODUCT)
            is_query = live_slots[rows] == queries[:, np.newaxis]
            scores.append(np.where(is_query, -np.inf, found))
            slots.append(live_slots[rows])
    best = np.argsort(-np.hstack(scores), axis=1)[:, :_NEIGHBOURS]
    return np.take_along_axis(np.hstack(slots), best, axis=1)


def _blocks(slot_count: int) -> Iterator[Slots]:
    return (np.arange(start, min(start + _BLOCK, slot_count)) for start in range(0, slot_count, _BLOCK))


def selector_of(among: Selection) -> faiss.IDSelector:
    """Return the FAISS selector of the slots in `among`."""
    # FAISS's stubs have the C++ signature only; in Python it takes an array, and keeps it alive.
    return faiss.IDSelectorBitmap(among.bitmap)  # type: ignore[call-arg, arg-type]
