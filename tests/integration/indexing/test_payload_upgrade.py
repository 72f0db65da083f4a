"""Collections of an older payload version are filled again when they are opened."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from sqlmodel import select

from db.models import FeedCursor
from db.rows import embeddings
from db.vectors.base import Filter, Payload
from db.vectors.keys import location_keys
from db.vectors.qdrant import edge_shard, server_collections
from services.indexing.consistency import drift
from services.indexing.generations import build_and_promote, clean_up, previous_generation, promote_again
from services.indexing.live import LiveIndexes
from services.indexing.stores import QdrantServerStore
from tests.contract.engines import server_client
from tests.databases import STACKS
from tests.integration.indexing.engines import ENGINES
from tests.truth import LAMP, MODEL, add_listings, unit_vector
from tests.worlds import Killed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from db.models import Listing
    from db.session import Database
    from db.vectors.base import Point
    from services.indexing.live import IndexStore


SOLD_BY_ANN = Filter(sellers=frozenset({"ann"}), category_path="home & garden / lamps", currency="GBP")
OLD_FIELDS = {"listing_id", "category", "locations", "price"}


@pytest.fixture
def lamps(database: Database, lamps: list[int]) -> list[int]:
    """Ids of two embedded photos of one listing, which Ann sells."""
    add_listings(database, replace(LAMP, seller="ann"))
    return lamps


@pytest.fixture
def old_collections(database: Database, stores: list[IndexStore], lamps: list[int]) -> None:
    """A live generation as the version before these fields built it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("db.vectors.faiss.snapshots.FORMAT", 2)
        patch.setattr("db.rows.feed.PAYLOAD_VERSION", 1)
        patch.setattr(embeddings, "payload_of", _old_payload)
        for module in (edge_shard, server_collections):
            patch.setattr(module, "_INDEXED", {name: module._INDEXED[name] for name in OLD_FIELDS})
        build_and_promote(database, stores, MODEL)


def _old_payload(listing: Listing) -> Payload:
    price = None if listing.price is None else float(listing.price)
    return Payload(listing.id, listing.category, price, location_keys(listing.location))


def sold_by_ann(database: Database, stores: Sequence[IndexStore], engine: str) -> list[int]:
    """Return the photos that a process that starts now finds."""
    live = LiveIndexes(database, stores)
    try:
        index = live.current().index(engine)
        hits = index.search(unit_vector(1), 10, SOLD_BY_ANN)
        assert index.count(SOLD_BY_ANN) == len(hits)
        assert drift(database, index, model_version=MODEL).is_empty
        return sorted(hit.photo_id for hit in hits)
    finally:
        live.close()


@pytest.mark.usefixtures("old_collections")
@pytest.mark.parametrize("stack", STACKS, indirect=True)
def test_a_collection_of_an_older_payload_version_supports_new_filters(
    database: Database, stores: list[IndexStore], lamps: list[int]
) -> None:
    for engine in ENGINES:
        assert sold_by_ann(database, stores, engine) == lamps


@pytest.mark.usefixtures("old_collections")
@pytest.mark.parametrize("engine", ENGINES)
def test_an_interrupted_refill_of_an_old_collection_is_repeated(
    database: Database, stores: list[IndexStore], lamps: list[int], monkeypatch: pytest.MonkeyPatch, engine: str
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(embeddings, "all_points", _first_point_then_death)
        with pytest.raises(Killed):
            sold_by_ann(database, stores, engine)

    assert sold_by_ann(database, stores, engine) == lamps


def test_an_interrupted_refill_of_a_lost_collection_is_repeated(
    database: Database, stores: list[IndexStore], lamps: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    generation = build_and_promote(database, stores, MODEL)
    for store in stores:
        store.drop(generation)
    with monkeypatch.context() as patch:
        patch.setattr(embeddings, "all_points", _first_point_then_death)
        for store in stores:
            with pytest.raises(Killed):
                store.open(generation)

    for engine in ENGINES:
        assert sold_by_ann(database, stores, engine) == lamps


def _first_point_then_death(session: object, *, model_version: str) -> Iterator[list[Point]]:
    yield embeddings.points(session, [1], model_version=model_version)  # type: ignore[arg-type]
    raise Killed


@pytest.mark.usefixtures("old_collections")
def test_an_old_collection_is_refilled_once_and_leaves_nothing_behind(
    database: Database, stores: list[IndexStore], tmp_path: Path
) -> None:
    sold_by_ann(database, stores, "qdrant")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(embeddings, "all_points", None)  # not asked for again
        live = LiveIndexes(database, stores)
        for engine in ENGINES:
            live.current().index(engine)
        live.close()
    clean_up(database, stores)

    with database.read() as session:
        positions = session.exec(select(FeedCursor.collection)).all()
    assert sorted(positions) == ["faiss:photos_g1", "qdrant:photos_g1"]
    for folder in (tmp_path / "faiss", tmp_path / "qdrant"):
        if folder.exists():
            assert [path.name for path in folder.iterdir()] == ["photos_g1"]


@pytest.mark.usefixtures("old_collections")
def test_an_old_collection_gets_its_missing_payload_indexes(
    database: Database, stores: list[IndexStore], tmp_path: Path
) -> None:
    sold_by_ann(database, stores, "qdrant")

    if isinstance(stores[1], QdrantServerStore):
        with closing(server_client()) as client:
            indexed = client.get_collection("photos_g1").payload_schema.keys()
    else:
        with closing(edge_shard.open_shard(tmp_path / "qdrant" / "photos_g1", len(unit_vector(0)))) as shard:
            indexed = shard.info().payload_schema.keys()
    assert indexed == edge_shard._INDEXED.keys() == server_collections._INDEXED.keys()


def test_a_previous_generation_of_an_older_version_is_refilled_before_its_promotion(
    database: Database, stores: list[IndexStore], lamps: list[int], old_collections: None
) -> None:
    build_and_promote(database, stores, MODEL)
    promote_again(database, stores, previous_generation(database))

    for engine in ENGINES:
        assert sold_by_ann(database, stores, engine) == lamps
