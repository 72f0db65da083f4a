"""A collection on a Qdrant server as a `VectorIndex`."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from more_itertools import chunked
from qdrant_client import models

from db.vectors.base import NO_FILTER, Hit, IndexDescription
from db.vectors.checks import check_filter, checked_batch, checked_query
from db.vectors.checksums import checksums
from db.vectors.exclusions import apart, fetch_others
from db.vectors.hit_order import best_hits
from db.vectors.qdrant.filters import AnyOf, Between, conditions
from db.vectors.qdrant.schema import BATCH, CHECKSUM, EF, LISTING_ID, VECTOR_NAME, held_points, payload_fields
from db.vectors.qdrant.server_collections import drop_collection, ensure_collection, server_errors

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from qdrant_client import QdrantClient

    from db.vectors.base import Filter, HeldPoints, PhotoIds, Point, Vector

_PAGE = 10_000

_OVERSAMPLING = 1.5
"""So many times as many as are wanted are found by their codes; their vectors choose among them."""


class QdrantServerIndex:
    """A `VectorIndex` that a Qdrant server holds. A write that returned is applied, and survives the server's restart.

    Args:
        client: a client of a server by URL, made with a timeout, which bounds every call (the server, 1.16, refuses
            a timeout in a write itself). It stays the caller's, who also closes it.
        collection: made, with its payload indexes, where it is missing.

    Raises:
        ConnectionError: the server cannot be reached, or refuses.
        OSError: the collection is there and holds vectors of another size.
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
        wide, excluded = apart(where)
        filtered_by = _rendered(wide)
        walked = models.AcornSearchParams(enable=acorn and filtered_by is not None)
        # Not asked to score anew, Qdrant (1.16) lets codes choose: 0.923 of the neighbours among 100,000, not 0.9998.
        by_code = models.QuantizationSearchParams(ignore=exact, rescore=True, oversampling=_OVERSAMPLING)
        parameters = models.SearchParams(exact=exact, hnsw_ef=EF, acorn=walked, quantization=by_code)

        answers: dict[int, list[list[models.ScoredPoint]]] = {}

        def fetch(number: int, limit: int) -> tuple[list[Hit], int]:
            if limit not in answers:  # for all of them: mostly no other limit is asked for
                requests = [
                    models.QueryRequest(
                        query=query,
                        using=VECTOR_NAME,
                        filter=filtered_by,
                        params=parameters,
                        limit=limit,
                        with_payload=[LISTING_ID] if excluded else False,
                    )
                    for query in queries
                ]
                # The client's own method for it copies every number of the vectors first.
                found = self._client.http.search_api.query_batch_points(
                    self._collection, query_request_batch=models.QueryRequestBatch(searches=requests)
                )
                assert found.result is not None, "the server answers each query, or refuses"
                answers[limit] = [answer.points for answer in found.result]
            points = answers[limit][number]
            return _others(points, excluded), len(points)

        def best(number: int) -> list[Hit]:
            return best_hits(lambda limit: fetch_others(partial(fetch, number), limit, excluded), k)

        with server_errors(self._client):
            return [best(number) for number in range(len(queries))]

    def upsert(self, points: Sequence[Point]) -> None:
        """See `VectorIndex`."""
        latest, vectors = checked_batch(points, self._vector_size)
        sums = checksums(latest, vectors).tolist()
        for batch in chunked(zip(latest, vectors, sums, strict=True), BATCH):
            structs = [
                models.PointStruct(
                    id=point.photo_id,
                    vector={VECTOR_NAME: vector.tolist()},
                    payload={**payload_fields(point.payload, checksum)},
                )
                for point, vector, checksum in batch
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
            return self._client.count(self._collection, count_filter=_rendered(where), exact=True).count

    def photo_ids(self) -> PhotoIds:
        """See `VectorIndex`."""
        return np.array(sorted(_photo_id(record.id) for record in self._records(with_payload=False)), dtype=np.int64)

    def held(self) -> HeldPoints:
        """See `VectorIndex`."""
        records = self._records(with_payload=[CHECKSUM])
        return held_points({_photo_id(record.id): (record.payload or {}).get(CHECKSUM) for record in records})

    def _records(self, with_payload: bool | list[str]) -> Iterator[models.Record]:
        offset: models.ExtendedPointId | None = None
        with server_errors(self._client):
            while True:
                page, offset = self._client.scroll(
                    self._collection, limit=_PAGE, offset=offset, with_payload=with_payload
                )
                yield from page
                if offset is None:
                    return

    def describe(self) -> IndexDescription:
        """See `VectorIndex`. `indexed_vectors` are those that the graph holds; the others are compared one by one."""
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

    def close(self) -> None:
        """Nothing to let go of: the client is the caller's, and every write was durable when it returned."""

    def promote(self, alias: str) -> None:
        """Point `alias` at this collection, in one step also where it pointed at another."""
        create = models.CreateAlias(collection_name=self._collection, alias_name=alias)
        with server_errors(self._client):
            self._client.update_collection_aliases(
                [
                    models.DeleteAliasOperation(delete_alias=models.DeleteAlias(alias_name=alias)),
                    models.CreateAliasOperation(create_alias=create),
                ],
            )

    def drop(self) -> None:
        """Delete the collection, and with it every alias on it. This object is of no use afterwards."""
        drop_collection(self._client, self._collection)


def _rendered(where: Filter) -> models.Filter | None:
    found = conditions(where)
    if found is None:
        return None
    return models.Filter(
        must=[_condition(condition) for condition in found.must],
        must_not=[_condition(condition) for condition in found.must_not],
    )


def _condition(condition: AnyOf | Between) -> models.FieldCondition:
    if isinstance(condition, AnyOf):
        return models.FieldCondition(key=condition.field, match=models.MatchAny(any=[*condition.values]))
    return models.FieldCondition(key=condition.field, range=models.Range(gte=condition.minimum, lte=condition.maximum))


def _others(points: Sequence[models.ScoredPoint], excluded: frozenset[str]) -> list[Hit]:
    """Return the hits of listings that are not excluded."""
    kept = [point for point in points if (point.payload or {}).get(LISTING_ID) not in excluded]
    return [Hit(_photo_id(point.id), point.score) for point in kept]


def _photo_id(point_id: models.ExtendedPointId) -> int:
    assert isinstance(point_id, int), "only photo ids are ever written"
    return point_id
