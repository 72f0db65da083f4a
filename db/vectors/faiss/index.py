"""FAISS as a `VectorIndex`: vectors and payloads in memory, durable by snapshots."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Literal

import faiss
import numpy as np

from db.vectors.base import NO_FILTER, HeldPoints, Hit, IndexDescription
from db.vectors.checks import check_filter, checked_batch, checked_query
from db.vectors.checksums import payload_checksums, vector_checksums
from db.vectors.exclusions import fetch_not_excluded, split_excluded
from db.vectors.faiss.lists import InvertedLists, IvfSettings, ListLayout
from db.vectors.faiss.payload_files import read_payloads, write_payloads
from db.vectors.faiss.payload_table import FREE, PayloadTable
from db.vectors.faiss.rwlock import ReadWriteLock
from db.vectors.faiss.selections import SelectionCache
from db.vectors.faiss.snapshots import Contents, SnapshotDamaged, read_snapshot, write_snapshot
from db.vectors.faiss.vectors import SlotVectors
from db.vectors.hit_order import best_hits

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from db.vectors.base import Filter, PhotoIds, Point, Vector
    from db.vectors.facets import Facet
    from db.vectors.faiss.coded_columns import Slots
    from db.vectors.faiss.selections import Selection

_VECTORS, _LISTS, _PAYLOADS = "vectors.faiss", "lists.faiss", "payloads.arrow"

_HASHED_AT_ONCE = 10_000
"""Vectors that are hashed under one hold of the lock: 30 ms, during which writes wait."""


class FaissIndex:
    """A `VectorIndex` in this process's memory.

    Searches run in parallel; a write is exclusive, because FAISS allows no write during searches, and a search must
    see consistent payloads and vectors. Copy-on-write would copy all vectors for each batch of writes, which costs far
    more than searches that wait a millisecond or two for the lock.

    Args:
        vector_size: number of components of each vector.
        kind: `exact` compares with every vector; `ivf` with those in the nearest lists, once there are enough
            vectors to train the lists (39 per list; 9,984 vectors unless `ivf` sets the number of lists).
        collection: the name in `describe`.
        threads: FAISS's threads for writes and training; a search always uses one.
        ivf: configuration of the lists, for kind `ivf` only.
    """

    def __init__(
        self,
        vector_size: int,
        *,
        kind: Literal["exact", "ivf"] = "exact",
        collection: str = "photos",
        threads: int = 1,
        ivf: IvfSettings | None = None,
    ) -> None:
        self._ivf = (ivf or IvfSettings()) if kind == "ivf" else None
        self._vector_size, self._collection, self._threads = vector_size, collection, threads
        self._vectors = SlotVectors.empty(vector_size, threads=threads, ivf=self._ivf)
        self._table = PayloadTable()
        self._selections = SelectionCache()
        self._lock = ReadWriteLock()
        self._writers = threading.Lock()  # held during training and snapshots too, while searches continue

    @classmethod
    def load(cls, folder: Path, *, threads: int = 1) -> tuple[FaissIndex, int]:
        """Load the current snapshot in `folder`, and return the index with its change-feed position.

        Raises:
            FileNotFoundError: there is no snapshot.
            SnapshotDamaged: the snapshot cannot be used.
        """
        return read_snapshot(
            folder, lambda snapshot, contents: (cls._read(snapshot, contents, threads), contents.cursor)
        )

    def save(self, folder: Path, *, cursor: int) -> None:
        """Write a snapshot that contains all change-feed events up to `cursor`. Searches continue meanwhile.

        Raises:
            OSError: it cannot be written; the earlier snapshot stays valid.
        """
        with self._writers:
            contents = Contents(
                kind=self._kind,
                collection=self._collection,
                vector_size=self._vector_size,
                count=len(self._table),
                cursor=cursor,
                parameters=self._parameters(),
            )
            files = {
                _VECTORS: lambda path: _write(self._vectors.flat, path),
                _PAYLOADS: lambda path: write_payloads(self._table, path),
            }
            if (lists := self._vectors.lists) is not None:
                files[_LISTS] = lambda path: _write(lists.index, path)
            write_snapshot(folder, contents, files)

    def search(
        self,
        vector: Vector,
        k: int,
        where: Filter = NO_FILTER,
        *,
        exact: bool = False,
        acorn: bool = True,  # noqa: ARG002  (there is no graph here)
    ) -> list[Hit]:
        """See `VectorIndex`."""
        query = checked_query(vector, self._vector_size, k=k, where=where)
        remaining, excluded = split_excluded(where)
        with self._lock.reading():
            among = self._selection(remaining)

            def fetch(limit: int) -> tuple[list[Hit], int]:
                slots, scores = self._vectors.nearest(query, limit, among=among, exact=exact)
                return self._hits(slots, scores, excluded), len(slots)

            return best_hits(lambda limit: fetch_not_excluded(fetch, limit, excluded), k)

    def search_each(
        self, vectors: Sequence[Vector], k: int, where: Filter = NO_FILTER, *, exact: bool = False, acorn: bool = True
    ) -> list[list[Hit]]:
        """See `VectorIndex`."""
        return [self.search(vector, k, where, exact=exact, acorn=acorn) for vector in vectors]

    def upsert(self, points: Sequence[Point]) -> None:
        """See `VectorIndex`. Durable with the next `save` only."""
        latest, vectors = checked_batch(points, self._vector_size)
        if not latest:
            return
        sums = payload_checksums(point.payload for point in latest)
        with self._writers:
            with self._lock.writing():
                self._selections.clear()
                self._vectors.put(self._table.put(latest, sums), vectors)
            self._train_if_due()

    def delete(self, photo_ids: Sequence[int]) -> None:
        """See `VectorIndex`. Durable with the next `save` only."""
        with self._writers, self._lock.writing():
            self._selections.clear()
            self._table.remove(photo_ids)

    def count(self, where: Filter = NO_FILTER) -> int:
        """See `VectorIndex`."""
        check_filter(where)
        remaining, excluded = split_excluded(where)
        if remaining == NO_FILTER and not excluded:
            return len(self._table)
        with self._lock.reading():
            selection = self._selections.get(remaining, self._table.mask)
            slots = self._table.columns.listings.slots_of(excluded, self._table.slot_count)
            return selection.count - int(np.count_nonzero(selection.has(slots)))

    def facet(self, name: str, where: Filter = NO_FILTER) -> Facet:
        """See `VectorIndex`."""
        check_filter(where)
        with self._lock.reading():
            remaining, excluded = split_excluded(where)
            mask = self._selections.get(remaining, self._table.mask).mask(self._table.slot_count)
            mask[self._table.columns.listings.slots_of(excluded, self._table.slot_count)] = False
            return self._table.columns.facet(name, mask, where)

    def attribute_names(self) -> list[str]:
        """See `VectorIndex`."""
        with self._lock.reading():
            return sorted(self._table.columns.attributes.names())

    def photo_ids(self) -> PhotoIds:
        """See `VectorIndex`."""
        with self._lock.reading():
            return self._table.photo_ids()

    def held(self, photo_ids: Sequence[int] | None = None) -> HeldPoints:
        """See `VectorIndex`."""
        with self._lock.reading():
            slots = self._table.slots_of(photo_ids)
        parts = [self._held_in(some) for some in np.array_split(slots, 1 + len(slots) // _HASHED_AT_ONCE)]
        ids, rows = np.unique(np.concatenate([part.photo_ids for part in parts]), return_index=True)
        taken = ids != FREE
        return HeldPoints(ids[taken], np.concatenate([part.checksums for part in parts])[rows[taken]])

    def describe(self) -> IndexDescription:
        """See `VectorIndex`."""
        return IndexDescription(
            engine="faiss",
            kind=self._kind,
            collection=self._collection,
            vector_size=self._vector_size,
            count=self.count(),
            parameters=self._parameters() | {"threads": self._threads},
        )

    def close(self) -> None:
        """Do nothing: the index is in memory, and only `save` makes it durable."""

    def _held_in(self, slots: Slots) -> HeldPoints:
        """Return the photos in these slots, in their order."""
        with self._lock.reading():
            sums = vector_checksums(self._vectors.at(slots)) ^ self._table.payload_checksums[slots]
            return HeldPoints(self._table.ids[slots], sums)

    @property
    def _kind(self) -> Literal["exact", "ivf"]:
        return "exact" if self._ivf is None else "ivf"

    def _parameters(self) -> dict[str, int]:
        if self._ivf is None:
            return {}
        lists = ListLayout(0, 0, 0) if self._vectors.lists is None else self._vectors.lists.layout
        configured = {"given_lists": self._ivf.lists or 0, "given_probes": self._ivf.probes or 0}  # 0 for none
        return {"lists": lists.count, "probes": lists.probes, "trained_on": lists.trained_on, **configured}

    def _selection(self, where: Filter) -> Selection | None:
        if where == NO_FILTER and not self._table.has_free_slots:
            return None
        return self._selections.get(where, self._table.mask)

    def _hits(self, slots: Slots, scores: NDArray[np.float64], excluded: frozenset[str]) -> list[Hit]:
        """Convert slots to hits, without excluded listings."""
        if excluded:
            kept = np.flatnonzero(~self._table.columns.listings.are_any_of(excluded, slots))
            slots, scores = slots[kept], scores[kept]
        photo_ids = self._table.photo_ids_in(slots)
        return [Hit(photo_id, score) for photo_id, score in zip(photo_ids, scores.tolist(), strict=True)]

    def _train_if_due(self) -> None:
        if not self._vectors.is_training_due(len(self._table)):
            return
        trained = self._vectors.trained(self._table.mask(NO_FILTER))
        with self._lock.writing():
            self._vectors = trained

    @classmethod
    def _read(cls, snapshot: Path, contents: Contents, threads: int) -> FaissIndex:
        index = cls(contents.vector_size, collection=contents.collection, threads=threads)
        try:
            index._ivf = _read_settings(contents)
            index._table = read_payloads(snapshot / _PAYLOADS)
            vectors = faiss.read_index(str(snapshot / _VECTORS))
            lists = _read_lists(snapshot, contents)
        except (RuntimeError, OSError, ValueError, KeyError) as error:
            raise SnapshotDamaged(snapshot, f"it cannot be loaded ({error})") from error
        if (len(index._table), index._table.slot_count) != (contents.count, vectors.ntotal):
            raise SnapshotDamaged(snapshot, "its payloads, vectors and manifest have different numbers of photos")
        index._vectors = SlotVectors(vectors, threads=threads, ivf=index._ivf, lists=lists)
        return index


def _read_settings(contents: Contents) -> IvfSettings | None:
    if contents.kind != "ivf":
        return None
    parameters = contents.parameters
    return IvfSettings(lists=parameters["given_lists"] or None, probes=parameters["given_probes"] or None)


def _read_lists(snapshot: Path, contents: Contents) -> InvertedLists | None:
    parameters = contents.parameters
    if not parameters.get("trained_on"):
        return None
    layout = ListLayout(parameters["lists"], parameters["probes"], parameters["trained_on"])
    return InvertedLists(faiss.read_index(str(snapshot / _LISTS)), layout)


def _write(index: faiss.Index, path: Path) -> None:
    try:
        faiss.write_index(index, str(path))
    except RuntimeError as error:
        raise OSError(f"{path}: FAISS cannot write the file ({error})") from error
