"""Between the truth and the indexes: followers, drift, generations."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import delete
from sqlmodel import col

from db.models import GenerationState, Photo
from db.rows import embeddings, generations, listings
from db.vectors.base import Filter
from services.errors import Conflict, IndexUnavailable, ModelMissing
from services.indexing.agreement import SHAPES, measure_agreement
from services.indexing.consistency import Drift, drift, repair
from services.indexing.generations import build_and_promote
from services.indexing.live import LiveIndexes
from services.indexing.stores import FaissStore, QdrantEdgeStore, QdrantServerStore
from tests.contract.engines import server_client
from tests.databases import LIGHT_STACKS, STACKS, empty_qdrant, new_database
from tests.truth import (
    DRILL,
    LAMP,
    MODEL,
    add_listings,
    add_photos,
    embed,
    new_embedding,
    register_model,
    stored_photo,
    unit_vector,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from db.session import Database
    from services.indexing.live import IndexStore

ENGINES = ("faiss", "qdrant")


@pytest.fixture(params=LIGHT_STACKS)
def stack(request: pytest.FixtureRequest) -> tuple[str, str]:
    kinds: tuple[str, str] = request.param
    return kinds


@pytest.fixture
def database(stack: tuple[str, str], tmp_path: Path) -> Iterator[Database]:
    with new_database(stack[0], tmp_path) as database:
        yield database


@pytest.fixture
def stores(stack: tuple[str, str], database: Database, tmp_path: Path) -> Iterator[list[IndexStore]]:
    faiss = FaissStore(database, tmp_path / "faiss", threads=1)
    with empty_qdrant(stack[1]) as url:
        if not url:
            yield [faiss, QdrantEdgeStore(database, tmp_path / "qdrant")]
            return
        with closing(server_client()) as client:
            yield [faiss, QdrantServerStore(database, client)]


@pytest.fixture
def live(database: Database, stores: list[IndexStore]) -> Iterator[LiveIndexes]:
    indexes = LiveIndexes(database, stores)
    yield indexes
    indexes.close()


@pytest.fixture
def lamps(database: Database) -> list[int]:
    """Ids of two embedded photos of one listing."""
    add_listings(database, LAMP)
    stored = [stored_photo(), stored_photo(external_id="p2")]
    ids = add_photos(database, *stored)
    embed(database, *(new_embedding(i, photo, seed=i) for i, photo in zip(ids, stored, strict=True)))
    return ids


def held(live: LiveIndexes, engine: str) -> list[int]:
    live.refresh()
    return live.current().index(engine).photo_ids().tolist()


def held_by_each(live: LiveIndexes) -> list[list[int]]:
    return [held(live, engine) for engine in ENGINES]


def test_without_a_generation_there_is_no_index_to_search(database: Database, live: LiveIndexes) -> None:
    with pytest.raises(ModelMissing, match="lookalike train"):
        live.current()


def test_a_new_generation_holds_what_the_truth_holds(
    database: Database, stores: list[IndexStore], live: LiveIndexes, lamps: list[int]
) -> None:
    build_and_promote(database, stores, MODEL)
    assert held_by_each(live) == [lamps] * 2


@pytest.mark.parametrize("stack", STACKS, indirect=True)
def test_photos_embedded_later_follow(database: Database, stores: list[IndexStore], live: LiveIndexes) -> None:
    register_model(database)
    build_and_promote(database, stores, MODEL)
    assert held_by_each(live) == [[]] * 2
    add_listings(database, DRILL)
    (photo_id,) = add_photos(database, stored_photo("drill"))
    embed(database, new_embedding(photo_id, stored_photo("drill")))
    assert held_by_each(live) == [[photo_id]] * 2


def test_a_deleted_listing_leaves_the_index(
    database: Database, stores: list[IndexStore], live: LiveIndexes, lamps: list[int]
) -> None:
    build_and_promote(database, stores, MODEL)
    assert held_by_each(live) == [lamps] * 2
    with database.write() as session:
        listings.delete_listing(session, "lamp")
    assert held_by_each(live) == [[]] * 2


def test_a_changed_category_changes_what_a_filter_finds(
    database: Database, stores: list[IndexStore], live: LiveIndexes, lamps: list[int]
) -> None:
    build_and_promote(database, stores, MODEL)
    add_listings(database, replace(LAMP, category="Other Goods"))
    live.refresh()
    for engine in ENGINES:
        index = live.current().index(engine)
        assert index.search(unit_vector(0), 5, Filter(categories=frozenset({"Home & Garden"}))) == []
        assert len(index.search(unit_vector(0), 5, Filter(categories=frozenset({"Other Goods"})))) == 2


def test_applying_the_feed_again_from_the_start_changes_nothing(
    database: Database, stores: list[IndexStore], live: LiveIndexes, lamps: list[int]
) -> None:
    build_and_promote(database, stores, MODEL)
    before = held_by_each(live)
    for engine in ENGINES:
        live.current().opened[engine].cursor.write(0)
        assert live.refresh() > 0
    assert held_by_each(live) == before == [lamps] * 2


def test_an_index_goes_on_where_it_stopped_after_a_restart(
    database: Database, stores: list[IndexStore], live: LiveIndexes, lamps: list[int]
) -> None:
    build_and_promote(database, stores, MODEL)
    live.refresh()
    live.persist()
    live.close()
    add_listings(database, DRILL)
    (photo_id,) = add_photos(database, stored_photo("drill"))
    embed(database, new_embedding(photo_id, stored_photo("drill")))
    again = LiveIndexes(database, stores)
    assert held_by_each(again) == [[*lamps, photo_id]] * 2
    again.close()


def test_drift_names_what_is_missing_and_extra_and_repair_mends_exactly_that(
    database: Database, stores: list[IndexStore], live: LiveIndexes, lamps: list[int]
) -> None:
    build_and_promote(database, stores, MODEL)
    live.refresh()
    (missing, kept), extra = lamps, 999
    with database.read() as session:
        (point,) = embeddings.points(session, [kept], model_version=MODEL)
    for engine in ENGINES:
        index = live.current().index(engine)
        index.delete([missing])
        index.upsert([replace(point, photo_id=extra)])
        found = drift(database, index, model_version=MODEL)
        assert (found.missing, found.extra, found.is_empty) == ((missing,), (extra,), False)
        repair(live.follower(live.current().opened[engine]), found)
        assert drift(database, index, model_version=MODEL).is_empty
        assert index.photo_ids().tolist() == lamps


def test_repair_asks_the_truth_again_of_what_has_changed_since_it_was_compared(
    database: Database, stores: list[IndexStore], live: LiveIndexes, lamps: list[int]
) -> None:
    build_and_promote(database, stores, MODEL)
    live.refresh()
    arrived, gone = lamps
    with database.write() as session:
        session.execute(delete(Photo).where(col(Photo.id) == gone))
    for engine in ENGINES:
        outdated = Drift(engine, 2, 2, missing=(gone,), extra=(arrived,))
        repair(live.follower(live.current().opened[engine]), outdated)
        assert live.current().index(engine).photo_ids().tolist() == [arrived]


@pytest.mark.parametrize("stack", STACKS, indirect=True)
def test_drift_names_what_is_held_as_it_once_was_and_repair_mends_it(
    database: Database, stores: list[IndexStore], live: LiveIndexes, lamps: list[int]
) -> None:
    build_and_promote(database, stores, MODEL)
    live.refresh()
    with database.read() as session:
        first, second = embeddings.points(session, lamps, model_version=MODEL)
    stale = (
        replace(first, vector=second.vector),
        replace(first, payload=replace(first.payload, price=0.5)),
        replace(first, payload=replace(first.payload, category="Phones")),
    )
    for engine, point in product(ENGINES, stale):
        index = live.current().index(engine)
        index.upsert([point])
        found = drift(database, index, model_version=MODEL)
        assert (found.missing, found.extra, found.different) == ((), (), (first.photo_id,))
        repair(live.follower(live.current().opened[engine]), found)
        assert drift(database, index, model_version=MODEL).is_empty


@pytest.mark.parametrize("stack", STACKS, indirect=True)
def test_indexes_that_hold_the_same_points_answer_alike(
    database: Database, stores: list[IndexStore], live: LiveIndexes, lamps: list[int]
) -> None:
    build_and_promote(database, stores, MODEL)
    indexes = live.current().index("faiss"), live.current().index("qdrant")
    found = measure_agreement(database, indexes, model_version=MODEL, queries=500)
    assert [(one.shape, one.queries, one.agreeing) for one in found] == [(shape, 2, 2) for shape in SHAPES]


def test_an_index_that_holds_another_vector_disagrees(
    database: Database, stores: list[IndexStore], live: LiveIndexes, lamps: list[int]
) -> None:
    build_and_promote(database, stores, MODEL)
    faiss, qdrant = live.current().index("faiss"), live.current().index("qdrant")
    with database.read() as session:
        (point,) = embeddings.points(session, lamps[:1], model_version=MODEL)
    qdrant.upsert([replace(point, vector=-point.vector)])
    by_shape = {one.shape: one for one in measure_agreement(database, (faiss, qdrant), model_version=MODEL, queries=1)}
    assert (by_shape["none"].queries, by_shape["none"].agreeing) == (1, 0)
    assert by_shape["other listings"].agreeing == 1


def test_a_serving_process_adopts_a_promoted_generation_and_the_one_before_is_kept(
    database: Database, stores: list[IndexStore], live: LiveIndexes, lamps: list[int]
) -> None:
    first = build_and_promote(database, stores, MODEL)
    assert live.current().generation.id == first.id
    second = build_and_promote(database, stores, MODEL)
    live.refresh()
    assert live.current().generation.id == second.id
    with database.read() as session:
        assert [one.state for one in generations.generations(session)] == [
            GenerationState.LIVE,
            GenerationState.PREVIOUS,
        ]


def test_outdated_generations_are_dropped_but_for_the_previous_one(
    database: Database, stores: list[IndexStore], tmp_path: Path, lamps: list[int]
) -> None:
    built = [build_and_promote(database, stores, MODEL) for _ in range(3)]
    kept = {one.collection for one in built[1:]}
    assert {folder.name for folder in (tmp_path / "faiss").iterdir()} == kept
    if isinstance(stores[1], QdrantEdgeStore):
        assert {path.name for path in (tmp_path / "qdrant").iterdir() if path.is_dir()} == kept
    else:
        with closing(server_client()) as client:
            assert {one.name for one in client.get_collections().collections if one.name.startswith("photos_g")} == kept


def test_a_build_that_fails_leaves_the_live_generation_and_is_dropped(
    database: Database, stores: list[IndexStore], live: LiveIndexes, lamps: list[int], tmp_path: Path
) -> None:
    class Losing(FaissStore):
        """A store whose index loses a photo right before it is verified."""

        def open(self, generation):  # type: ignore[no-untyped-def]
            opened = super().open(generation)
            opened.index.delete(lamps[:1])
            return opened

    first = build_and_promote(database, stores, MODEL)
    with pytest.raises(Conflict, match="lacks 1 photos"):
        build_and_promote(database, [Losing(database, tmp_path / "faiss", threads=1)], MODEL)
    assert live.current().generation.id == first.id
    with database.read() as session:
        assert generations.generations(session)[0].state == GenerationState.FAILED
    assert not (tmp_path / "faiss" / "photos_g2").exists()


def test_an_index_that_another_process_holds_is_named_and_the_other_serves(
    database: Database,
    stores: list[IndexStore],
    live: LiveIndexes,
    lamps: list[int],
    caplog: pytest.LogCaptureFixture,
) -> None:
    if not isinstance(stores[1], QdrantEdgeStore):
        pytest.skip("a server's collection may be open in many processes")
    build_and_promote(database, stores, MODEL)
    other = LiveIndexes(database, stores)
    other.refresh()
    with caplog.at_level("INFO", "services.indexing.live"):
        live.refresh()
        live.refresh()
    (told,) = (record for record in caplog.records if record.name == "services.indexing.live")
    assert (told.levelname, "which keeps it up to date" in told.message) == ("INFO", True)
    assert held(live, "faiss") == lamps
    with pytest.raises(IndexUnavailable, match="qdrant"):
        live.current().index("qdrant")
    other.close()
    assert held(live, "qdrant") == lamps


def test_a_damaged_faiss_snapshot_is_rebuilt_from_the_truth(
    database: Database, stores: list[IndexStore], live: LiveIndexes, lamps: list[int], tmp_path: Path
) -> None:
    build_and_promote(database, stores, MODEL)
    for file in (tmp_path / "faiss").rglob("*.faiss"):
        file.write_bytes(b"damaged")
    assert held(live, "faiss") == lamps
