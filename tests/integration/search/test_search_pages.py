"""Paging by cursors: no listing twice and none missing, whatever changes meanwhile."""

from __future__ import annotations

import os
import random
import threading
from collections import Counter
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from litestar.testing import TestClient
from sqlalchemy import event

from db.rows import listings, photos
from db.rows.photos import PhotoSet, StoredPhoto
from services.errors import BadQuery, Conflict
from services.indexing.generations import build_and_promote
from services.search.app import create_app
from services.search.query.frozen_results import MAX_DEPTH
from services.search.service import SearchService
from services.settings import Engine
from services.wire import SearchFields
from tests.angles import add, add_all, angle, listing, world
from tests.integration.search.result_pages import listing_ids
from tests.truth import MODEL, SIZE, embed, register_model

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from services.resources import Resources

ENGINES = (Engine.FAISS, Engine.QDRANT)
WALKS = int(os.environ.get("LOOKALIKE_TEST_WALKS", "60"))
EVERY = [f"n{number:02}" for number in range(30)]


def thirty(resources: Resources) -> SearchService:
    """Thirty listings at 1, 2, ... 30 degrees from the query listing; every third has a second photo."""
    add_all(
        resources,
        [
            (listing("query"), [angle(0)]),
            *(
                (listing(name), [angle(1 + number)] + [angle(60 + number)] * (number % 3 == 0))
                for number, name in enumerate(EVERY)
            ),
        ],
    )
    resources.live.refresh()
    return SearchService(resources)


@pytest.fixture
def resources(tmp_path: Path) -> Iterator[Resources]:
    with world(tmp_path / "data") as opened:
        yield opened


@pytest.fixture
def service(resources: Resources) -> SearchService:
    return thirty(resources)


@pytest.fixture(scope="module")
def unchanged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SearchService]:
    """A service for tests that change nothing."""
    with world(tmp_path_factory.mktemp("pages") / "data") as opened:
        yield thirty(opened)


def walk(service: SearchService, k: int = 7, **fields: object) -> list[str]:
    """Return the listings of all pages."""
    answer = service.by_listing("query", SearchFields(k=k, **fields))  # type: ignore[arg-type]
    shown = [one.photo.listing.id for one in answer.results]
    while answer.cursor:
        answer = service.next_page(answer.cursor, SearchFields(k=k))
        shown += [one.photo.listing.id for one in answer.results]
    return shown


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("k", [1, 7, 10, 30, 100])
def test_pages_of_any_size_show_the_same_results_as_a_single_page(
    unchanged: SearchService, k: int, engine: Engine
) -> None:
    assert walk(unchanged, k, engine=engine) == EVERY


def test_the_last_page_has_no_cursor_even_when_it_is_full(unchanged: SearchService) -> None:
    answer = unchanged.by_listing("query", SearchFields(k=15))
    assert answer.cursor
    assert unchanged.next_page(answer.cursor, SearchFields(k=15)).cursor is None


@pytest.mark.parametrize("fields", [{"diversity": 0.5}, {"recency_weight": 0.5}, {"price_weight": 0.5}], ids=str)
def test_pages_of_reordered_results_show_each_listing_once(unchanged: SearchService, fields: dict[str, object]) -> None:
    assert sorted(walk(unchanged, **fields)) == EVERY


def test_later_pages_keep_the_filter(service: SearchService, resources: Resources) -> None:
    boat = listing("boat", category="Boats", category_path=("Boats",))
    add_all(resources, [(replace(boat, listing_id=f"boat-{n}"), [angle(5 + n)]) for n in range(10)])
    resources.live.refresh()
    assert walk(service, 3, category=["Boats"]) == [f"boat-{number}" for number in range(10)]


def test_pages_skip_deleted_listings_and_repeat_none_when_listings_are_added(
    service: SearchService, resources: Resources
) -> None:
    first = service.by_listing("query", SearchFields(k=10))
    assert first.cursor
    with resources.database.write() as session:
        listings.delete_listing(session, "n12")
    add(resources, listing("new and near"), [angle(0.5)])
    resources.live.refresh()
    second = service.next_page(first.cursor, SearchFields(k=10))
    assert second.cursor
    with resources.database.write() as session:
        listings.delete_listing(session, "n25")
    add(resources, listing("newer"), [angle(20.5)])
    resources.live.refresh()
    third = service.next_page(second.cursor, SearchFields(k=10))

    shown = [one.photo.listing.id for page in (first, second, third) for one in page.results]

    assert len(shown) == len(set(shown))
    assert set(shown) >= set(EVERY) - {"n12", "n25"}
    assert third.cursor is None


def test_a_listing_does_not_reappear_with_another_photo_when_its_shown_photo_is_deleted(
    service: SearchService, resources: Resources
) -> None:
    first = service.by_listing("query", SearchFields(k=10))
    assert first.cursor
    assert first.results[0].photo.listing.id == "n00"
    with resources.database.write() as session:
        (_, shown) = photos.photos_of(session, ["n00"])
        kept = StoredPhoto("n00", shown.external_id, shown.source, shown.sha256, "JPEG", 0, 0, 0)
        assert photos.register_photos(session, [PhotoSet("n00", [kept])]) == [{"unchanged": 1, "removed": 1}]
    resources.live.refresh()
    rest = service.next_page(first.cursor, SearchFields(k=100))
    assert "n00" not in {one.photo.listing.id for one in rest.results}


@pytest.mark.parametrize("walks", [5, pytest.param(WALKS, marks=pytest.mark.slow)])
def test_pages_read_during_writes_show_every_remaining_listing_once(tmp_path: Path, walks: int) -> None:
    rng = random.Random(7)
    vectors = np.random.default_rng(7).normal(size=(60, SIZE))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    with world(tmp_path) as resources:
        lasting = {f"lasting-{number}" for number in range(1, 40)}
        names = ["query", *sorted(lasting)]
        add_all(resources, [(listing(name), [vector]) for name, vector in zip(names, vectors, strict=False)])
        resources.live.refresh()
        service = SearchService(resources)
        with writing(resources, vectors[40:]) as written:
            turn = 0
            while turn < walks or not (written["added"] and written["deleted"]):
                shown = random_walk(service, rng)
                assert len(shown) == len(set(shown)), turn
                assert lasting <= set(shown), turn
                turn += 1


def random_walk(service: SearchService, rng: random.Random) -> list[str]:
    """Return the listings of all pages, with random page sizes."""
    fields = SearchFields(k=rng.randint(1, 15), diversity=rng.choice([0, 0, 0.4]), engine=rng.choice(ENGINES))
    answer = service.by_listing("query", fields)
    shown = [one.photo.listing.id for one in answer.results]
    while answer.cursor:
        answer = service.next_page(answer.cursor, SearchFields(k=rng.randint(1, 15)))
        shown += [one.photo.listing.id for one in answer.results]
    return shown


@contextmanager
def writing(resources: Resources, vectors: NDArray[np.float32]) -> Iterator[Counter[str]]:
    """Add and delete listings, and refresh the indexes, while the block runs; yield the counts of both."""
    done, rng, stopping = Counter[str](), random.Random(8), threading.Event()

    def write() -> None:
        while not stopping.is_set():
            name = f"passing-{rng.randint(0, 9)}"
            with resources.database.write() as session:
                gone = listings.delete_listing(session, name)
            if not gone:
                add(resources, listing(name), [vectors[rng.randrange(len(vectors))]])
            resources.live.refresh()
            done["deleted" if gone else "added"] += 1

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield done
    finally:
        stopping.set()
        thread.join()


def test_paging_ends_after_five_hundred_listings(tmp_path: Path) -> None:
    with world(tmp_path) as resources:
        names = ["query", *(f"n{number}" for number in range(MAX_DEPTH + 20))]
        add_all(resources, [(listing(name), [angle(number / 10)]) for number, name in enumerate(names)])
        resources.live.refresh()
        assert len(walk(SearchService(resources), 100)) == MAX_DEPTH


def test_rejects_other_fields_beside_a_cursor(unchanged: SearchService) -> None:
    cursor = unchanged.by_listing("query", SearchFields(k=5)).cursor
    assert cursor
    for other in ({"price_max": 5.0}, {"diversity": 0.2}, {"crop": "0,0,1,1"}):
        with pytest.raises(BadQuery, match="send only `k` with it"):
            unchanged.next_page(cursor, SearchFields(k=5, **other))  # type: ignore[arg-type]


def test_a_new_model_ends_paging_at_any_page(service: SearchService, resources: Resources) -> None:
    begun = service.by_listing("query", SearchFields(k=5)).cursor
    assert begun
    frozen = service.next_page(begun, SearchFields(k=5)).cursor
    assert frozen
    register_model(resources.database, "model-b")
    embed(resources.database, model_version="model-b")
    build_and_promote(resources.database, resources.stores, "model-b")
    resources.live.refresh()
    for cursor in (begun, frozen):
        with pytest.raises(Conflict, match="model has changed"):
            service.next_page(cursor, SearchFields(k=5))


def test_a_rebuilt_index_of_the_same_model_does_not_end_paging(service: SearchService, resources: Resources) -> None:
    begun = service.by_listing("query", SearchFields(k=5)).cursor
    assert begun
    build_and_promote(resources.database, resources.stores, MODEL)
    resources.live.refresh()
    following = service.next_page(begun, SearchFields(k=5))
    assert listing_ids(following) == [f"n{number:02}" for number in range(5, 10)]


@pytest.mark.parametrize(("deleted", "queries"), [(0, 1), (1, 2), (20, 2)])
def test_a_page_reads_its_rows_in_one_query_and_in_one_more_after_deletions(
    service: SearchService, resources: Resources, deleted: int, queries: int
) -> None:
    cursor = service.by_listing("query", SearchFields(k=1)).cursor
    assert cursor
    cursor = service.next_page(cursor, SearchFields(k=1)).cursor
    assert cursor
    with resources.database.write() as session:
        for name in EVERY[2 : 2 + deleted]:
            listings.delete_listing(session, name)
    selects = list[str]()
    event.listen(resources.database.engine, "before_cursor_execute", lambda *call: selects.append(call[2]))
    assert listing_ids(service.next_page(cursor, SearchFields(k=1))) == [EVERY[2 + deleted]]
    assert len([statement for statement in selects if "FROM photo" in statement]) == queries


def test_cursors_work_by_get_and_by_post(resources: Resources, service: SearchService) -> None:
    with TestClient(create_app(resources), raise_server_exceptions=False) as client:
        first = client.get("/v1/listings/query/similar", params={"k": 4}).json()
        by_get = client.get("/v1/listings/query/similar", params={"k": 3, "cursor": first["cursor"]}).json()
        by_post = client.post("/v1/search", json={"k": 3, "cursor": first["cursor"]}).json()
        both = client.post("/v1/search", json={"listing_id": "query", "cursor": first["cursor"]})
        damaged = client.post("/v1/search", json={"cursor": first["cursor"][:-3]})
    assert [one["listing_id"] for one in by_get["results"]] == ["n04", "n05", "n06"]
    assert by_get["results"] == by_post["results"]
    assert both.status_code == 400
    assert (damaged.status_code, damaged.json()["field"]) == (400, "cursor")
