"""Qdrant's engine inside this process as a `VectorIndex`.

A search is exact until `optimise_edge` has built a graph, and stays exact for points that were added since. With the
graph, searches without `exact` are approximate. The engine (0.9) holds the GIL during every call, which also makes
calls from several threads safe.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import qdrant_edge as edge
from more_itertools import chunked

from db.vectors.base import NO_FILTER, Hit, IndexDescription
from db.vectors.checks import check_filter, checked_batch, checked_query
from db.vectors.exclusions import fetch_not_excluded, split_excluded
from db.vectors.folder_lock import hold_folder
from db.vectors.hit_order import best_hits
from db.vectors.qdrant.attribute_fields import AttributeIndexes
from db.vectors.qdrant.edge_shard import close_shard, create_index, engine_errors, open_shard
from db.vectors.qdrant.facet_counts import count_facet
from db.vectors.qdrant.filters import AnyOf, Between, conditions
from db.vectors.qdrant.read_back import RECORDS_PER_PAGE, held_points
from db.vectors.qdrant.schema import (
    HNSW_EF,
    LISTING_ID,
    UPSERT_BATCH,
    VECTOR_NAME,
    payload_fields,
    photo_id,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import portalocker

    from db.vectors.base import Filter, HeldPoints, PhotoIds, Point, Vector
    from db.vectors.facets import Facet

_PAGE = 10_000


class QdrantEdgeIndex:
    """A `VectorIndex` in a folder that only one process at a time can open. Completed writes survive a kill."""

    def __init__(self, folder: Path, collection: str, vector_size: int, *, lock: portalocker.Lock) -> None:
        self._folder, self._collection, self._vector_size = folder, collection, vector_size
        self._lock = lock
        self._shard = open_shard(folder, vector_size)
        self._attribute_indexes = AttributeIndexes(self._shard.info().payload_schema)
        self._is_closed = False

    @classmethod
    def open(cls, folder: Path, collection: str, vector_size: int) -> QdrantEdgeIndex:
        """Open the collection in `folder`, or create an empty one.

        Raises:
            IndexLocked: it is already open, in this or another process.
            OSError: its files are damaged, or hold vectors of another size.
        """
        lock = hold_folder(folder)
        try:
            return cls(folder, collection, vector_size, lock=lock)
        except BaseException:
            lock.release()
            raise

    def search(
        self, vector: Vector, k: int, where: Filter = NO_FILTER, *, exact: bool = False, acorn: bool = True
    ) -> list[Hit]:
        """See `VectorIndex`."""
        query = edge.Query.Nearest(
            checked_query(vector, self._vector_size, k=k, where=where).tolist(), using=VECTOR_NAME
        )
        remaining, excluded = split_excluded(where)
        edge_filter = _edge_filter(remaining)
        acorn_parameters = edge.AcornSearchParams(enable=acorn and edge_filter is not None)
        parameters = edge.SearchParams(exact=exact, hnsw_ef=HNSW_EF, acorn=acorn_parameters)

        def fetch(limit: int) -> tuple[list[Hit], int]:
            payload = [LISTING_ID] if excluded else False
            request = edge.QueryRequest(
                limit=limit, query=query, filter=edge_filter, params=parameters, with_payload=payload
            )
            found = self._shard.query(request)
            kept = [point for point in found if (point.payload or {}).get(LISTING_ID) not in excluded]
            return [Hit(photo_id(point.id), point.score) for point in kept], len(found)

        with engine_errors(self._folder):
            return best_hits(lambda limit: fetch_not_excluded(fetch, limit, excluded), k)

    def search_each(
        self, vectors: Sequence[Vector], k: int, where: Filter = NO_FILTER, *, exact: bool = False, acorn: bool = True
    ) -> list[list[Hit]]:
        """See `VectorIndex`."""
        return [self.search(vector, k, where, exact=exact, acorn=acorn) for vector in vectors]

    def upsert(self, points: Sequence[Point]) -> None:
        """See `VectorIndex`."""
        latest, vectors = checked_batch(points, self._vector_size)
        with engine_errors(self._folder):
            self._attribute_indexes.add(
                (point.payload for point in latest), lambda field, kind: create_index(self._shard, field, kind)
            )
        for batch in chunked(zip(latest, vectors, strict=True), UPSERT_BATCH):
            self._write(
                edge.UpdateOperation.upsert_points(
                    [
                        edge.Point(point.photo_id, {VECTOR_NAME: vector.tolist()}, payload_fields(point.payload))
                        for point, vector in batch
                    ]
                )
            )

    def delete(self, photo_ids: Sequence[int]) -> None:
        """See `VectorIndex`."""
        if photo_ids:
            self._write(edge.UpdateOperation.delete_points([*photo_ids]))

    def count(self, where: Filter = NO_FILTER) -> int:
        """See `VectorIndex`."""
        check_filter(where)
        with engine_errors(self._folder):
            return self._shard.count(edge.CountRequest(exact=True, filter=_edge_filter(where)))

    def facet(self, name: str, where: Filter = NO_FILTER) -> Facet:
        """See `VectorIndex`."""
        check_filter(where)
        edge_filter = _edge_filter(where)

        def count_values(field: str, limit: int) -> dict[str, int]:
            request = edge.FacetRequest(field, limit=limit, exact=True, filter=edge_filter)
            return {str(hit.value): hit.count for hit in self._shard.facet(request).hits}

        with engine_errors(self._folder):
            return count_facet(
                name,
                where,
                self._attribute_indexes,
                count_values=count_values,
                payloads=lambda field: (one.payload or {} for one in self._records([field], edge_filter)),
            )

    def attribute_names(self) -> list[str]:
        """See `VectorIndex`. Names without an index are left out; see `MAX_INDEXED`."""
        return self._attribute_indexes.names()

    def photo_ids(self) -> PhotoIds:
        """See `VectorIndex`."""
        return np.array(sorted(photo_id(record.id) for record in self._records(with_payload=False)), dtype=np.int64)

    def held(self, photo_ids: Sequence[int] | None = None) -> HeldPoints:
        """See `VectorIndex`."""
        if photo_ids is None:
            return held_points(self._records(with_payload=True, with_vector=True), self._vector_size)
        with engine_errors(self._folder):
            found = self._shard.retrieve([*photo_ids], with_payload=True, with_vector=True)
        return held_points(found, self._vector_size)

    def _records(
        self, with_payload: bool | list[str], where: edge.Filter | None = None, *, with_vector: bool = False
    ) -> Iterator[edge.Record]:
        offset: edge.PointId | None = None
        limit = RECORDS_PER_PAGE if with_vector else _PAGE
        with engine_errors(self._folder):
            while True:
                page, offset = self._shard.scroll(
                    edge.ScrollRequest(
                        offset=offset, limit=limit, filter=where, with_payload=with_payload, with_vector=with_vector
                    )
                )
                yield from page
                if offset is None:
                    return

    def describe(self) -> IndexDescription:
        """See `VectorIndex`. `indexed_vectors` are in the graph; all others are compared one by one."""
        with engine_errors(self._folder):
            indexed = self._shard.info().indexed_vectors_count
        return IndexDescription(
            engine="qdrant",
            kind="hnsw" if indexed else "exact",
            collection=self._collection,
            vector_size=self._vector_size,
            count=self.count(),
            parameters={"runs_in": "process", "indexed_vectors": indexed},
        )

    def close(self) -> None:
        """See `VectorIndex`. Afterwards the folder can be opened again, and every other call raises OSError."""
        if self._is_closed:
            return
        self._is_closed = True
        try:
            with engine_errors(self._folder):
                close_shard(self._shard, self._folder)
        finally:
            self._lock.release()

    def _write(self, operation: edge.UpdateOperation) -> None:
        with engine_errors(self._folder):
            self._shard.update(operation)
            self._shard.flush()


def _edge_filter(where: Filter) -> edge.Filter | None:
    required = conditions(where)
    if required is None:
        return None
    return edge.Filter(
        must=[_condition(condition) for condition in required.must],
        must_not=[_condition(condition) for condition in required.must_not],
    )


def _condition(condition: AnyOf | Between) -> edge.FieldCondition:
    if isinstance(condition, AnyOf):
        return edge.FieldCondition(condition.field, match=edge.MatchAny([*condition.values]))
    return edge.FieldCondition(condition.field, range=edge.RangeFloat(gte=condition.minimum, lte=condition.maximum))
