"""What is special about a Qdrant server: aliases, and collections created or dropped by other processes."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from qdrant_client import models

from db.vectors.base import Filter
from db.vectors.qdrant.server import QdrantServerIndex
from db.vectors.qdrant.server_collections import drop_collection
from tests.contract.catalogue import VECTOR_SIZE, make_catalogue
from tests.contract.engines import NEEDS_SERVER, server_client

if TYPE_CHECKING:
    from collections.abc import Iterator

    from qdrant_client import QdrantClient

    from tests.contract.catalogue import Catalogue

pytestmark = NEEDS_SERVER


@pytest.fixture
def client() -> Iterator[QdrantClient]:
    """A client of the real server."""
    client = server_client()
    yield client
    client.close()


@pytest.fixture
def names(client: QdrantClient) -> Iterator[list[str]]:
    """Three names for collections, which are gone afterwards."""
    names = [f"test_{uuid4().hex}" for _ in range(3)]
    yield names
    for name in names:
        drop_collection(client, name)


def indexed_fields(client: QdrantClient, collection: str) -> dict[str, str]:
    """Return the payload indexes, by field."""
    schema = client.get_collection(collection).payload_schema
    return {field: index.data_type.value for field, index in schema.items()}


KEYWORDS = ("listing_id", "category", "locations", "category_paths", "currency", "region", "seller", "sold")
ALL_FIELDS = dict.fromkeys(KEYWORDS, "keyword") | {"price": "float", "listed_at": "integer"}


def test_several_vectors_are_searched_in_one_request(
    client: QdrantClient, names: list[str], catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = QdrantServerIndex(client, names[0], VECTOR_SIZE)
    index.upsert(catalogue.points)
    asked = []
    ask = client.http.search_api.query_batch_points
    monkeypatch.setattr(
        client.http.search_api,
        "query_batch_points",
        lambda *given, **named: asked.append(named) or ask(*given, **named),
    )

    found = index.search_each(catalogue.queries, 10, Filter(excluded_listing_ids=frozenset({"listing-1"})))

    assert [len(hits) for hits in found] == [10] * len(catalogue.queries)
    assert len(asked) == 1


def test_a_new_collection_has_a_named_vector_and_every_payload_index(client: QdrantClient, names: list[str]) -> None:
    QdrantServerIndex(client, names[0], VECTOR_SIZE)

    vectors = client.get_collection(names[0]).config.params.vectors
    assert isinstance(vectors, dict)
    assert vectors["photo"].distance == models.Distance.DOT
    assert indexed_fields(client, names[0]) == ALL_FIELDS


def test_missing_payload_indexes_are_created(client: QdrantClient, names: list[str]) -> None:
    QdrantServerIndex(client, names[0], VECTOR_SIZE)
    client.delete_payload_index(names[0], "price")

    QdrantServerIndex(client, names[0], VECTOR_SIZE)

    assert indexed_fields(client, names[0]) == ALL_FIELDS


def test_a_collection_without_quantised_codes_gets_them(client: QdrantClient, names: list[str]) -> None:
    QdrantServerIndex(client, names[0], VECTOR_SIZE)
    client.update_collection(names[0], quantization_config=models.Disabled.DISABLED)
    assert client.get_collection(names[0]).config.quantization_config is None

    QdrantServerIndex(client, names[0], VECTOR_SIZE)

    assert client.get_collection(names[0]).config.quantization_config is not None


def test_candidates_found_by_codes_are_rescored_by_vectors(client: QdrantClient, names: list[str]) -> None:
    catalogue = make_catalogue(3000)
    index = QdrantServerIndex(client, names[0], VECTOR_SIZE)
    index.upsert(catalogue.points)
    have_a_graph(client, names[0], len(catalogue.points))

    for query in catalogue.queries:
        scores = {point.photo_id: float(point.vector @ query) for point in catalogue.points}
        found = index.search(query, 10)
        assert [hit.score for hit in found] == pytest.approx([scores[hit.photo_id] for hit in found], abs=1e-5)
        assert [hit.score for hit in found] == pytest.approx(sorted(scores.values(), reverse=True)[:10], abs=1e-5)


def have_a_graph(client: QdrantClient, collection: str, count: int) -> None:
    """Have the server build a graph of `count` codes, few as they are, and return when it is there."""
    client.update_collection(
        collection,
        optimizers_config=models.OptimizersConfigDiff(indexing_threshold=10),
        hnsw_config=models.HnswConfigDiff(full_scan_threshold=10),
    )
    for _ in range(600):
        held = client.get_collection(collection)
        if held.status == models.CollectionStatus.GREEN and held.indexed_vectors_count == count:
            return
        time.sleep(0.1)
    pytest.fail("the server built no graph in a minute")


def test_a_reopened_collection_keeps_its_points(client: QdrantClient, names: list[str], catalogue: Catalogue) -> None:
    QdrantServerIndex(client, names[0], VECTOR_SIZE).upsert(catalogue.points[:30])

    assert QdrantServerIndex(client, names[0], VECTOR_SIZE).count() == 30


def test_the_same_collection_can_be_created_in_parallel(client: QdrantClient, names: list[str]) -> None:
    with ThreadPoolExecutor(4) as pool:
        indexes = list(pool.map(lambda _: QdrantServerIndex(client, names[0], VECTOR_SIZE), range(4)))

    assert [index.count() for index in indexes] == [0] * 4
    assert indexed_fields(client, names[0]) == ALL_FIELDS


def test_a_collection_of_another_vector_size_is_refused(client: QdrantClient, names: list[str]) -> None:
    QdrantServerIndex(client, names[0], VECTOR_SIZE)

    with pytest.raises(OSError, match=rf"{names[0]} holds vectors of size {VECTOR_SIZE}.*size 32 is needed"):
        QdrantServerIndex(client, names[0], 32)


def test_promoting_moves_the_alias(client: QdrantClient, names: list[str], catalogue: Catalogue) -> None:
    old, new, alias = (*(QdrantServerIndex(client, name, VECTOR_SIZE) for name in names[:2]), names[2])
    old.upsert(catalogue.points[:1])
    new.upsert(catalogue.points[:2])

    old.promote(alias)
    assert client.count(alias).count == 1
    new.promote(alias)
    assert client.count(alias).count == 2
    new.promote(alias)

    assert [found.alias_name for found in client.get_collection_aliases(names[1]).aliases] == [alias]
    assert client.get_collection_aliases(names[0]).aliases == []


def test_an_alias_always_exists_while_it_moves(client: QdrantClient, names: list[str], catalogue: Catalogue) -> None:
    indexes = [QdrantServerIndex(client, name, VECTOR_SIZE) for name in names[:2]]
    for index in indexes:
        index.upsert(catalogue.points[:5])
    indexes[0].promote(names[2])

    def move() -> None:
        for turn in range(40):
            indexes[turn % 2].promote(names[2])

    with ThreadPoolExecutor(2) as pool:
        moving = pool.submit(move)
        counts = [client.count(names[2]).count for _ in range(100)]
        moving.result()

    assert counts == [5] * 100


def test_a_dropped_collection_is_gone_with_its_alias(client: QdrantClient, names: list[str]) -> None:
    index = QdrantServerIndex(client, names[0], VECTOR_SIZE)
    index.promote(names[2])

    index.drop()

    assert not client.collection_exists(names[0])
    assert names[2] not in [alias.alias_name for alias in client.get_aliases().aliases]


def test_dropping_a_missing_collection_is_allowed(client: QdrantClient, names: list[str]) -> None:
    drop_collection(client, names[0])

    assert not client.collection_exists(names[0])


def test_searching_a_dropped_collection_is_an_os_error(
    client: QdrantClient, names: list[str], catalogue: Catalogue
) -> None:
    index = QdrantServerIndex(client, names[0], VECTOR_SIZE)
    client.delete_collection(names[0])

    with pytest.raises(OSError, match="refused the request with status 404"):
        index.search(catalogue.queries[0], 1)
