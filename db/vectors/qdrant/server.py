"""A collection on a Qdrant server as a `VectorIndex`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from more_itertools import chunked
from qdrant_client import models

from db.vectors.base import NO_FILTER, IndexDescription
from db.vectors.checks import check_filter, checked_batch, checked_query
from db.vectors.qdrant.attribute_fields import AttributeIndexes
from db.vectors.qdrant.facet_counts import count_facet
from db.vectors.qdrant.read_back import RECORDS_PER_PAGE, held_points
from db.vectors.qdrant.schema import UPSERT_BATCH, VECTOR_NAME, payload_fields, photo_id
from db.vectors.qdrant.server_collections import ANSWER_TIMEOUT_S, drop_collection, ensure_collection, server_errors
from db.vectors.qdrant.server_search import batch_search, server_filter

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from qdrant_client import QdrantClient

    from db.vectors.base import Filter, HeldPoints, Hit, PhotoIds, Point, Vector
    from db.vectors.facets import Facet
    from db.vectors.qdrant.attribute_fields import Kind

_PAGE = 10_000


class QdrantServerIndex:
    """A `VectorIndex` on a Qdrant server. Completed writes are applied, and survive a restart of the server.

    Args:
        client: a client with a URL and a timeout, which limits every call (the server, 1.16, refuses a timeout in the
            write itself). The caller closes it.
        collection: name of the collection, which is created with its payload indexes if necessary.
        vector_size: number of components of each vector.

    Raises:
        ConnectionError: the server cannot be reached.
        OSError: the server refuses, or the collection holds vectors of another size.
    """

    def __init__(self, client: QdrantClient, collection: str, vector_size: int) -> None:
        self._client, self._collection, self._vector_size = client, collection, vector_size
        ensure_collection(client, collection, vector_size)

    def search(
        self, vector: Vector, k: int, where: Filter = NO_FILTER, *, exact: bool = False, acorn: bool = True
    ) -> list[Hit]:
        """See `VectorIndex`."""
        return self.search_each([vector], k, where, exact=exact, acorn=acorn)[0]

    def search_each(
        self, vectors: Sequence[Vector], k: int, where: Filter = NO_FILTER, *, exact: bool = False, acorn: bool = True
    ) -> list[list[Hit]]:
        """See `VectorIndex`."""
        queries = [checked_query(vector, self._vector_size, k=k, where=where).tolist() for vector in vectors]
        with server_errors(self._client):
            return batch_search(self._client, self._collection, queries, where=where, exact=exact, acorn=acorn).best(k)

    def upsert(self, points: Sequence[Point]) -> None:
        """See `VectorIndex`."""
        latest, vectors = checked_batch(points, self._vector_size)
        with server_errors(self._client):
            self._attribute_indexes().add((point.payload for point in latest), self._create_index)
        for batch in chunked(zip(latest, vectors, strict=True), UPSERT_BATCH):
            structs = [
                models.PointStruct(
                    id=point.photo_id,
                    vector={VECTOR_NAME: vector.tolist()},
                    payload={**payload_fields(point.payload)},
                )
                for point, vector in batch
            ]
            with server_errors(self._client):
                self._client.upsert(self._collection, structs, wait=True)

    def delete(self, photo_ids: Sequence[int]) -> None:
        """See `VectorIndex`."""
        if photo_ids:
            with server_errors(self._client):
                self._client.delete(self._collection, [*photo_ids], wait=True)

    def count(self, where: Filter = NO_FILTER) -> int:
        """See `VectorIndex`."""
        check_filter(where)
        with server_errors(self._client):
            found = self._client.count(
                self._collection, count_filter=server_filter(where), exact=True, timeout=ANSWER_TIMEOUT_S
            )
        return found.count

    def facet(self, name: str, where: Filter = NO_FILTER) -> Facet:
        """See `VectorIndex`."""
        check_filter(where)
        rendered = server_filter(where)

        def count_values(field: str, limit: int) -> dict[str, int]:
            answer = self._client.facet(
                self._collection, field, facet_filter=rendered, limit=limit, exact=True, timeout=ANSWER_TIMEOUT_S
            )
            return {str(hit.value): hit.count for hit in answer.hits}

        with server_errors(self._client):
            return count_facet(
                name,
                where,
                self._attribute_indexes(),
                count_values=count_values,
                payloads=lambda field: (one.payload or {} for one in self._records([field], rendered)),
            )

    def attribute_names(self) -> list[str]:
        """See `VectorIndex`. Names without an index are left out; see `MAX_INDEXED`."""
        with server_errors(self._client):
            return self._attribute_indexes().names()

    def photo_ids(self) -> PhotoIds:
        """See `VectorIndex`."""
        return np.array(sorted(photo_id(record.id) for record in self._records(with_payload=False)), dtype=np.int64)

    def held(self, photo_ids: Sequence[int] | None = None) -> HeldPoints:
        """See `VectorIndex`."""
        if photo_ids is None:
            return held_points(self._records(with_payload=True, with_vectors=True), self._vector_size)
        with server_errors(self._client):
            found = self._client.retrieve(self._collection, [*photo_ids], with_payload=True, with_vectors=True)
        return held_points(found, self._vector_size)

    def _records(
        self, with_payload: bool | list[str], where: models.Filter | None = None, *, with_vectors: bool = False
    ) -> Iterator[models.Record]:
        offset: models.ExtendedPointId | None = None
        with server_errors(self._client):
            while True:
                page, offset = self._client.scroll(
                    self._collection,
                    scroll_filter=where,
                    limit=RECORDS_PER_PAGE if with_vectors else _PAGE,
                    offset=offset,
                    with_payload=with_payload,
                    with_vectors=with_vectors,
                )
                yield from page
                if offset is None:
                    return

    def describe(self) -> IndexDescription:
        """See `VectorIndex`. `indexed_vectors` are in the graph; all others are compared one by one."""
        with server_errors(self._client):
            indexed = self._client.get_collection(self._collection).indexed_vectors_count or 0
        return IndexDescription(
            engine="qdrant",
            kind="hnsw" if indexed else "exact",
            collection=self._collection,
            vector_size=self._vector_size,
            count=self.count(),
            parameters={"runs_in": "server", "indexed_vectors": indexed},
        )

    def _attribute_indexes(self) -> AttributeIndexes:
        """Read the indexes each time: the process that writes and those that search are several."""
        return AttributeIndexes(self._client.get_collection(self._collection).payload_schema)

    def _create_index(self, field: str, kind: Kind) -> None:
        self._client.create_payload_index(self._collection, field, models.PayloadSchemaType(kind), wait=True)

    def close(self) -> None:
        """Do nothing: the caller closes the client, and completed writes are durable."""

    def promote(self, alias: str) -> None:
        """Point `alias` at this collection, atomically even if it pointed at another."""
        create = models.CreateAlias(collection_name=self._collection, alias_name=alias)
        with server_errors(self._client):
            self._client.update_collection_aliases(
                [
                    models.DeleteAliasOperation(delete_alias=models.DeleteAlias(alias_name=alias)),
                    models.CreateAliasOperation(create_alias=create),
                ],
            )

    def drop(self) -> None:
        """Delete the collection with all its aliases. Other calls fail afterwards."""
        drop_collection(self._client, self._collection)
