"""What a search answers, on real indexes with vectors that are known: the truth, both engines, no model."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np
import pytest
from litestar.testing import TestClient

from db import listings
from db.vectors.base import Filter
from services.errors import BadQuery, Conflict, IndexUnavailable, NotFound
from services.indexing.generations import build_and_promote
from services.search.app import create_app
from services.search.service import Query, SearchService
from services.settings import Engine
from tests.truth import LAMP, MODEL, SIZE, add_listings, add_photos, embed, new_embedding, register_model, stored_photo
from tests.worlds import resources_in

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from db.records import ListingRecord
    from db.vectors.base import Hit, Vector
    from services.resources import Resources
    from services.search.service import Answer

ENGINES = (Engine.FAISS, Engine.QDRANT)


def angle(degrees: float, axis: int = 1) -> Vector:
    """The vector this far from the first axis, towards another: cosines are those of the angles between."""
    vector = np.zeros(SIZE, dtype=np.float32)
    vector[0], vector[axis] = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return vector


def listing(listing_id: str, **fields: object) -> ListingRecord:
    return replace(LAMP, listing_id=listing_id, **fields)


def add(resources: Resources, record: ListingRecord, vectors: Sequence[Vector]) -> list[int]:
    """Put a listing with one photo per vector into the truth and return its photo ids."""
    name = record.listing_id
    stored = [stored_photo(name, f"{name}-{n}", content=f"{name}{n}".encode()) for n in range(len(vectors))]
    add_listings(resources.database, record)
    ids = add_photos(resources.database, *stored)
    made = [
        replace(new_embedding(photo_id, photo), vector=vector)
        for photo_id, photo, vector in zip(ids, stored, vectors, strict=True)
    ]
    embed(resources.database, *made)
    return ids


@contextmanager
def world(folder: Path) -> Iterator[Resources]:
    """Resources with an empty live generation; what is added is found after a refresh."""
    with resources_in(folder) as resources:
        register_model(resources.database)
        build_and_promote(resources.database, resources.stores, MODEL)
        yield resources


@pytest.fixture
def resources(tmp_path: Path) -> Iterator[Resources]:
    with world(tmp_path) as opened:
        yield opened


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Resources]:
    """Two listings, for tests that change nothing."""
    with world(tmp_path_factory.mktemp("few")) as opened:
        add(opened, listing("asked"), [angle(0)])
        add(opened, listing("near"), [angle(10)])
        opened.live.refresh()
        yield opened


def similar(resources: Resources, listing_id: str, **query: object) -> Answer:
    resources.live.refresh()
    return SearchService(resources).by_listing(listing_id, Query(**query))  # type: ignore[arg-type]


def found(answer: Answer) -> list[str]:
    return [result.listing.id for result in answer.results]


@pytest.mark.parametrize("engine", ENGINES)
def test_results_come_nearest_first_with_the_cosine_as_score(resources: Resources, engine: Engine) -> None:
    for name, degrees in (("asked", 0), ("far", 60), ("near", 20), ("nothing in common", 90)):
        add(resources, listing(name), [angle(degrees)])

    answer = similar(resources, "asked", engine=engine)

    assert found(answer) == ["near", "far", "nothing in common"]
    assert [result.score for result in answer.results] == pytest.approx([0.9397, 0.5, 0.0], abs=1e-3)
    assert (answer.engine, answer.generation, answer.model_version) == (engine.value, 1, MODEL)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_listing_with_many_photos_does_not_crowd_out_the_others(resources: Resources, engine: Engine) -> None:
    add(resources, listing("asked"), [angle(0)])
    add(resources, listing("crowd"), [angle(n / 10) for n in range(200)])
    for number in range(4):
        add(resources, listing(f"other-{number}"), [angle(30 + number)])

    answer = similar(resources, "asked", k=4, engine=engine)

    assert found(answer) == ["crowd", "other-0", "other-1", "other-2"]


@pytest.mark.parametrize("engine", ENGINES)
def test_the_best_of_all_the_photos_of_a_listing_decides(resources: Resources, engine: Engine) -> None:
    add(resources, listing("asked"), [angle(0), angle(90, axis=2)])
    add(resources, listing("like the first"), [angle(40)])
    near_second = add(resources, listing("like the second"), [angle(80), angle(80, axis=2)])

    answer = similar(resources, "asked", engine=engine)

    assert found(answer) == ["like the second", "like the first"]
    assert answer.results[0].photo.id == near_second[1]


def test_a_crowd_around_one_photo_does_not_hide_what_is_nearer_to_another(resources: Resources) -> None:
    add(resources, listing("asked"), [angle(0), angle(90, axis=2)])
    add(resources, listing("crowd"), [angle(n / 10) for n in range(60)])
    for number in range(6):
        add(resources, listing(f"near-{number}"), [angle(7 + number)])
        add(resources, listing(f"far-{number}"), [angle(60 - number, axis=2)])

    answer = similar(resources, "asked", k=5)

    assert found(answer) == ["crowd", "near-0", "near-1", "near-2", "near-3"]


def test_a_photo_is_searched_by_itself_and_its_listing_is_left_out(resources: Resources) -> None:
    _, second = add(resources, listing("asked"), [angle(0), angle(90, axis=2)])
    add(resources, listing("like the first"), [angle(5)])
    add(resources, listing("like the second"), [angle(60, axis=2)])
    resources.live.refresh()

    answer = SearchService(resources).by_stored_photo(second, Query(k=1))

    assert found(answer) == ["like the second"]


def test_what_the_index_still_holds_and_the_truth_no_longer_is_left_out(resources: Resources) -> None:
    add(resources, listing("asked"), [angle(0)])
    for number in range(5):
        add(resources, listing(f"other-{number}"), [angle(10 + number)])
    resources.live.refresh()
    with resources.database.write() as session:
        listings.delete_listing(session, "other-0")
    add_photos(resources.database, stored_photo("other-1", "other-1-0", content=b"replaced"))

    answer = SearchService(resources).by_listing("asked", Query(k=2))

    assert found(answer) == ["other-2", "other-3"]


def test_a_filter_holds_for_the_present_price_while_the_index_has_the_former(resources: Resources) -> None:
    add(resources, listing("asked"), [angle(0)])
    for number in range(3):
        add(resources, listing(f"other-{number}"), [angle(10 + number)])
    resources.live.refresh()
    add_listings(resources.database, listing("other-0", price=Decimal(900)))

    answer = SearchService(resources).by_listing("asked", Query(where=Filter(price_max=100.0)))

    assert found(answer) == ["other-1", "other-2"]


def refuse(*_asked: object, **_how: object) -> list[Hit]:
    """A fault: the engine went away after its index was opened."""
    raise ConnectionError("connection refused")


def test_where_an_engine_fails_the_other_answers_and_is_named(
    resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(resources, listing("asked"), [angle(0)])
    add(resources, listing("near"), [angle(10)])
    resources.live.refresh()
    monkeypatch.setattr(type(resources.live.current().index("faiss")), "search", refuse)

    answer = SearchService(resources).by_listing("asked", Query(engine=Engine.FAISS))

    assert (answer.engine, found(answer)) == ("qdrant", ["near"])


def test_where_every_engine_fails_the_error_names_each(resources: Resources, monkeypatch: pytest.MonkeyPatch) -> None:
    add(resources, listing("asked"), [angle(0)])
    resources.live.refresh()
    for engine in ENGINES:
        monkeypatch.setattr(type(resources.live.current().index(engine)), "search", refuse)

    with pytest.raises(IndexUnavailable, match=r"faiss and qdrant.*connection refused"):
        SearchService(resources).by_listing("asked", Query())


def test_a_listing_without_an_embedded_photo_is_a_conflict_that_says_where_its_photos_stand(
    resources: Resources,
) -> None:
    add_listings(resources.database, listing("asked"))
    with pytest.raises(Conflict, match="it has no photo"):
        similar(resources, "asked")
    (photo_id,) = add_photos(resources.database, stored_photo("asked"))
    with pytest.raises(Conflict, match="pending"):
        similar(resources, "asked")
    with pytest.raises(Conflict, match=f"Photo {photo_id}"):
        SearchService(resources).by_stored_photo(photo_id, Query())


@pytest.mark.parametrize("photo_id", [0, -1, 999, 2**63, 10**30])
def test_a_photo_that_cannot_exist_does_not_exist(few: Resources, photo_id: int) -> None:
    with pytest.raises(NotFound):
        SearchService(few).by_stored_photo(photo_id, Query())


@pytest.mark.parametrize("listing_id", ["nobody", "", "no\0body"])
def test_a_listing_that_cannot_exist_does_not_exist(few: Resources, listing_id: str) -> None:
    with pytest.raises(NotFound):
        similar(few, listing_id)


def test_a_category_is_known_as_soon_as_a_listing_is_in_it(resources: Resources) -> None:
    add(resources, listing("asked"), [angle(0)])
    resources.live.refresh()
    service, query = SearchService(resources), Query(where=Filter(frozenset({"Boats"})))
    with pytest.raises(BadQuery, match="'Boats'; the categories are Home & Garden"):
        service.by_listing("asked", query)

    add(resources, listing("boat", category="Boats"), [angle(10)])
    resources.live.refresh()

    assert found(service.by_listing("asked", query)) == ["boat"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"k": 0}, "k"),
        ({"k": 101}, "k"),
        ({"where": Filter(price_min=float("nan"))}, "price_min"),
        ({"where": Filter(price_max=float("inf"))}, "price_max"),
        ({"where": Filter(price_min=-1.0)}, "price_min"),
        ({"where": Filter(price_min=5.0, price_max=4.0)}, "price_min"),
    ],
)
def test_a_query_that_makes_no_sense_names_its_field(query: dict[str, object], field: str) -> None:
    with pytest.raises(BadQuery) as refused:
        Query(**query)  # type: ignore[arg-type]

    assert refused.value.field == field


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        ({"photo_id": 1}, 200, "near"),
        ({"listing_id": "asked"}, 200, "near"),
        ({}, 400, "listing_id"),
        ({"photo_id": 1, "listing_id": "asked"}, 400, "either"),
        ({"photo_id": 10**30}, 404, "photo"),
        ({"image_url": "http://example.org/a.jpg"}, 400, "the fields are"),
        ({"photo_id": 1, "price_min": "cheap"}, 400, "price_min"),
        ({"photo_id": 1, "engine": "other"}, 400, "engine"),
    ],
)
def test_a_search_in_json_names_one_listing_or_one_photo(
    few: Resources, body: dict[str, object], status: int, says: str
) -> None:
    with TestClient(create_app(few), raise_server_exceptions=False) as client:
        answer = client.post("/v1/search", json=body)

    assert answer.status_code == status, answer.text
    assert says in answer.text
