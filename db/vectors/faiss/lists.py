"""Inverted lists (IVF) of short codes (PQ): which vectors are worth comparing with a query.

A vector is in the list whose centre is nearest to it, as a code of 4 bits for each two of its numbers (for each one,
where they cannot be halved). A search reads the codes in the lists nearest to the query, a sixteenth of what the
vectors take, and those that seem nearest are compared by their vectors: what lists lead to is never wrong, but may
lack some.
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
"""Share of the true neighbours that are in the lists probed, for the queries that the probes are measured with."""

_FEWEST_LISTS, _MOST_LISTS = 256, 4096
"""FAISS's own advice is 4 to 16 times the square root of the number of vectors (its wiki, "Guidelines to choose
an index"); beyond 4,096 comparing a query with every list's centre costs more than shorter lists save."""

_GROWTH = 4
"""Lists are trained again when there are so many times more vectors: their number doubles then."""

_LEAST_PER_LIST, _MOST_PER_LIST = 39, 64
"""Vectors per list that lists are trained on. FAISS's k-means wants 39 at least, and would take up to 256: at 100,000
vectors and 1,024 lists 39, 64 and 256 came to the same recall at every number of probes, in 4.0, 6.8 and 9.8 s."""

_GIVEN_TRAININGS = (39, 256)
"""Vectors per list at which lists whose number is given are trained."""

_QUERIES, _NEIGHBOURS, _SEED = 200, 10, 20_17
_QUERY_SHARE = 50
"""One of so many vectors is a query, where there are few."""

_CODE_BITS = 4
"""FAISS reads codes of 4 bits by table lookups within registers (its wiki, "Fast accumulation of PQ and AQ codes")."""

_NO_SLOT, _BEYOND_SLOTS = -1, 2**62
"""What FAISS pads its answers with, and codes that count no more have; and what is above every slot."""

_BLOCK = 16_384
"""Vectors copied at a time: 16 MiB at 256 dimensions, where all of a million would be 1 GiB."""


@dataclass(frozen=True, slots=True)
class IvfSettings:
    """How an IVF index shall be laid out.

    Attributes:
        lists: number of inverted lists (FAISS's nlist); None for as many as suit the number of vectors, `lists_for`.
        probes: lists searched without a filter (FAISS's nprobe); None for as few as are enough, measured after each
            training.
    """

    lists: int | None = None
    probes: int | None = None

    def is_enough(self, count: int) -> bool:
        """Whether lists can be trained with `count` vectors."""
        return count >= (self.lists or _FEWEST_LISTS) * _LEAST_PER_LIST

    def is_training_due(self, count: int, *, trained_on: int) -> bool:
        """Whether lists should be trained (again) with `count` vectors, when they were with `trained_on` last."""
        if self.lists is None:
            return self.is_enough(count) and count >= _GROWTH * trained_on
        return any(trained_on < self.lists * per_list <= count for per_list in _GIVEN_TRAININGS)


@dataclass(frozen=True, slots=True)
class ListLayout:
    """Lists as they are: how many, how many of them a search without a filter probes, and of how many vectors."""

    count: int
    probes: int
    trained_on: int


def lists_for(vectors: int) -> int:
    """Return the power of two nearest to 4 sqrt(n), from 256 to 4096, with at least 39 vectors for each list."""
    nearest = round(math.log2(4 * math.sqrt(max(1, vectors))))
    trainable = math.floor(math.log2(max(1.0, vectors / _LEAST_PER_LIST)))
    return min(_MOST_LISTS, max(_FEWEST_LISTS, 1 << min(nearest, trainable)))


class InvertedLists:
    """Trained lists with the codes of vectors. Callers see to it that a write is alone; searches may be parallel."""

    def __init__(self, index: Any, layout: ListLayout) -> None:
        self.index, self.layout = index, layout

    @property
    def code_count(self) -> int:
        """Codes, those that count no more included."""
        count: int = self.index.ntotal
        return count

    def add(self, slots: Slots, vectors: NDArray[np.float32]) -> None:
        """Add the codes of the vectors, shape (n, d), that `slots` have from now on."""
        self.index.add_with_ids(vectors, slots)

    def forget(self, slots: Slots, vectors: NDArray[np.float32]) -> None:
        """Let the codes of the vectors, shape (n, d), that `slots` had until now count no more.

        They stay, without a slot: FAISS 1.15 spoils others where codes are added after some were removed. Left as they
        are, they would lead to where nothing is any more, in place of what is near. (One between two lists may, by
        rounding, not be met where it was put: it stays as it is, and takes one candidate's place.)
        """
        for number, slot in zip(self.index.quantizer.assign(vectors, 1)[:, 0].tolist(), slots.tolist(), strict=True):
            of_codes = _slots_of_codes(self.index, number)
            of_codes[of_codes == slot] = _NO_SLOT

    def candidates(
        self, query: Vector, limit: int, among: Selection | None, *, probes: int
    ) -> tuple[Slots, NDArray[np.float32]]:
        """Return up to `limit` slots that seem nearest, of those in the `probes` nearest lists, and what they score.

        Args:
            among: which slots may be returned; None for all of them.
        """
        selector = faiss.IDSelectorRange(0, _BEYOND_SLOTS) if among is None else selector_of(among)
        parameters = faiss.SearchParametersIVF(nprobe=probes, sel=selector)  # type: ignore[call-arg]
        (scores,), (found,) = self.index.search(query[np.newaxis], limit, params=parameters)
        is_slot = found != _NO_SLOT
        slots, firsts = np.unique(found[is_slot], return_index=True)
        return slots, scores[is_slot][firsts]


def train(gather: Gather, live: Mask, settings: IvfSettings, *, vector_size: int) -> InvertedLists:
    """Return lists with the code of every slot's vector.

    Only slots in `live`, of shape (slots,), say where lists are and how many are probed. Up to 200 of them, drawn with
    a fixed seed, are kept out of the training: as queries, the probes are measured with them.

    Args:
        gather: returns copies of the vectors of slots, (n, d).
    """
    rows = np.flatnonzero(live)
    count = settings.lists or lists_for(len(rows))
    drawn = np.random.default_rng(_SEED).permutation(rows)
    query_count = min(_QUERIES, math.ceil(len(rows) / _QUERY_SHARE)) if settings.probes is None else 0
    queries, others = np.split(drawn, [query_count])
    index = _trained(gather(np.sort(others[: count * _MOST_PER_LIST])), count, vector_size)
    for block in _blocks(len(live)):
        index.add_with_ids(gather(block), block)
    probes = settings.probes or _probes(index, gather, live=live, queries=queries)
    return InvertedLists(index, ListLayout(count, probes, trained_on=len(rows)))


def _trained(sample: NDArray[np.float32], count: int, vector_size: int) -> Any:
    centres = faiss.IndexFlatIP(vector_size)
    parts = vector_size // 2 if vector_size % 2 == 0 else vector_size
    index = faiss.IndexIVFPQFastScan(centres, vector_size, count, parts, _CODE_BITS, faiss.METRIC_INNER_PRODUCT)
    # FAISS would warn on the terminal where the queries make it a few less.
    index.cp.min_points_per_centroid = index.pq.cp.min_points_per_centroid = 1
    index.train(sample)
    return index


def _probes(index: Any, gather: Gather, *, live: Mask, queries: Slots) -> int:
    """Return the smallest number of probes with which the queries' true neighbours are found, but for 0.5 % of them.

    A search that probes p lists can find those of the true neighbours that are in the p nearest ones, so no search is
    made: it is a quantile of the places that the neighbours' lists have in the order of the query's.
    """
    vectors = gather(queries)
    neighbours = _true_neighbours(vectors, gather, live, queries)
    order = index.quantizer.search(vectors, index.nlist)[1]
    places = np.argsort(order, axis=1)  # of each list, by number
    needed = np.sort(np.take_along_axis(places, _lists_by_slot(index)[neighbours], axis=1), axis=None)
    return int(needed[math.ceil(ANN_RECALL * len(needed)) - 1]) + 1


def _lists_by_slot(index: Any) -> NDArray[np.int64]:
    """Return the list that each slot's code is in, where each slot has one."""
    lists = np.empty(index.ntotal, dtype=np.int64)
    for number in range(index.nlist):
        lists[_slots_of_codes(index, number)] = number
    return lists


def _slots_of_codes(index: Any, number: int) -> Slots:
    """Return the slots that the codes in a list are of, as a view to be written to."""
    size = index.invlists.list_size(number)
    slots: Slots = faiss.rev_swig_ptr(index.invlists.get_ids(number), size) if size else np.empty(0, dtype=np.int64)
    return slots


def _true_neighbours(vectors: NDArray[np.float32], gather: Gather, live: Mask, queries: Slots) -> NDArray[np.int64]:
    scores, slots = [], []
    for block in _blocks(len(live)):
        there = block[live[block]]
        limit = min(len(there), _NEIGHBOURS + 1)
        if limit:
            found, rows = faiss.knn(vectors, gather(there), limit, metric=faiss.METRIC_INNER_PRODUCT)
            scores.append(np.where(there[rows] == queries[:, np.newaxis], -np.inf, found))  # without the query itself
            slots.append(there[rows])
    best = np.argsort(-np.hstack(scores), axis=1)[:, :_NEIGHBOURS]
    return np.take_along_axis(np.hstack(slots), best, axis=1)


def _blocks(slot_count: int) -> Iterator[Slots]:
    return (np.arange(start, min(start + _BLOCK, slot_count)) for start in range(0, slot_count, _BLOCK))


def selector_of(among: Selection) -> faiss.IDSelector:
    """Return what makes a search of FAISS keep to the slots in `among`."""
    # FAISS's stubs know only the signature in C++; in Python it takes an array, and keeps it alive.
    return faiss.IDSelectorBitmap(among.bitmap)  # type: ignore[call-arg, arg-type]
