"""Search results on real indexes of both engines, with vectors at known angles and no model."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from litestar.testing import TestClient

from db.rows import listings
from services.errors import BadQuery, Conflict, IndexUnavailable, ResourceNotFound
from services.ingest.loading.categories import unify_categories
from services.search.app import create_app
from services.search.query.parsing import query_of
from services.search.service import SearchService
from services.settings import Engine
from services.wire import SearchFields
from tests.angles import add, add_all, angle, listing, world
from tests.integration.search.result_pages import listing_ids
from tests.truth import MODEL, add_listings, add_photos, stored_photo

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from litestar import Litestar

    from db.vectors.base import Hit
    from services.resources import Resources
    from services.search.results.paging import ResultPage

ENGINES = (Engine.FAISS, Engine.QDRANT)


@pytest.fixture
def resources(tmp_path: Path) -> Iterator[Resources]:
    with world(tmp_path / "data") as opened:
        yield opened


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Resources]:
    """Two listings, for tests that change nothing."""
    with world(tmp_path_factory.mktemp("few")) as opened:
        add(opened, listing("query"), [angle(0)])
        add(opened, listing("near"), [angle(10)])
        opened.live.refresh()
        yield opened


@pytest.fixture(scope="module")
def client(few: Resources) -> Iterator[TestClient[Litestar]]:
    with TestClient(create_app(few), raise_server_exceptions=False) as opened:
        yield opened


def similar(resources: Resources, listing_id: str, **query: object) -> ResultPage:
    resources.live.refresh()
    return SearchService(resources).by_listing(listing_id, SearchFields(**query))  # type: ignore[arg-type]


@pytest.mark.parametrize("engine", ENGINES)
def test_ranks_results_by_cosine_and_shows_it_as_the_score(resources: Resources, engine: Engine) -> None:
    for name, degrees in (("query", 0), ("far", 60), ("near", 20), ("nothing in common", 90)):
        add(resources, listing(name), [angle(degrees)])

    answer = similar(resources, "query", engine=engine)

    assert listing_ids(answer) == ["near", "far", "nothing in common"]
    assert [result.score for result in answer.results] == pytest.approx([0.9397, 0.5, 0.0], abs=1e-3)
    assert (answer.origin.engine, answer.origin.generation, answer.origin.model_version) == (engine.value, 1, MODEL)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_listing_with_many_photos_does_not_crowd_out_others(resources: Resources, engine: Engine) -> None:
    add(resources, listing("query"), [angle(0)])
    add(resources, listing("crowd"), [angle(n / 10) for n in range(200)])
    for number in range(4):
        add(resources, listing(f"other-{number}"), [angle(30 + number)])

    answer = similar(resources, "query", k=4, engine=engine)

    assert listing_ids(answer) == ["crowd", "other-0", "other-1", "other-2"]


@pytest.mark.parametrize("engine", ENGINES)
def test_searches_by_all_photos_of_a_listing_and_ranks_by_the_best_match(resources: Resources, engine: Engine) -> None:
    add(resources, listing("query"), [angle(0), angle(90, axis=2)])
    add(resources, listing("like the first"), [angle(40)])
    near_second = add(resources, listing("like the second"), [angle(80), angle(80, axis=2)])

    answer = similar(resources, "query", engine=engine)

    assert listing_ids(answer) == ["like the second", "like the first"]
    assert answer.results[0].photo.id == near_second[1]


def test_many_matches_of_one_photo_do_not_hide_nearer_matches_of_another(resources: Resources) -> None:
    add(resources, listing("query"), [angle(0), angle(90, axis=2)])
    add(resources, listing("crowd"), [angle(n / 10) for n in range(60)])
    for number in range(6):
        add(resources, listing(f"near-{number}"), [angle(7 + number)])
        add(resources, listing(f"far-{number}"), [angle(60 - number, axis=2)])

    answer = similar(resources, "query", k=5)

    assert listing_ids(answer) == ["crowd", "near-0", "near-1", "near-2", "near-3"]


def test_searches_by_one_photo_and_leaves_out_its_listing(resources: Resources) -> None:
    _, second = add(resources, listing("query"), [angle(0), angle(90, axis=2)])
    add(resources, listing("like the first"), [angle(5)])
    add(resources, listing("like the second"), [angle(60, axis=2)])
    resources.live.refresh()

    answer = SearchService(resources).by_stored_photo(second, SearchFields(k=1))

    assert listing_ids(answer) == ["like the second"]


def test_leaves_out_photos_that_are_in_the_index_but_no_longer_in_the_database(resources: Resources) -> None:
    add(resources, listing("query"), [angle(0)])
    for number in range(5):
        add(resources, listing(f"other-{number}"), [angle(10 + number)])
    resources.live.refresh()
    with resources.database.write() as session:
        listings.delete_listing(session, "other-0")
    add_photos(resources.database, stored_photo("other-1", "other-1-0", content=b"replaced"))

    answer = SearchService(resources).by_listing("query", SearchFields(k=2))

    assert listing_ids(answer) == ["other-2", "other-3"]


def test_filters_by_the_price_in_the_database_when_the_index_lags(resources: Resources) -> None:
    add(resources, listing("query"), [angle(0)])
    for number in range(3):
        add(resources, listing(f"other-{number}"), [angle(10 + number)])
    resources.live.refresh()
    add_listings(resources.database, listing("other-0", price=Decimal(900)))

    answer = SearchService(resources).by_listing("query", SearchFields(price_max=100.0))

    assert listing_ids(answer) == ["other-1", "other-2"]


def fail(*_args: object, **_kwargs: object) -> list[Hit]:
    """Fails as an engine does that stops after its index was opened."""
    raise ConnectionError("connection refused")


def test_falls_back_to_the_other_engine_and_names_it(resources: Resources, monkeypatch: pytest.MonkeyPatch) -> None:
    add(resources, listing("query"), [angle(0)])
    add(resources, listing("near"), [angle(10)])
    resources.live.refresh()
    monkeypatch.setattr(type(resources.live.current().index("faiss")), "search", fail)

    answer = SearchService(resources).by_listing("query", SearchFields(engine=Engine.FAISS))

    assert (answer.origin.engine, listing_ids(answer)) == ("qdrant", ["near"])


def test_names_every_engine_when_all_of_them_fail(resources: Resources, monkeypatch: pytest.MonkeyPatch) -> None:
    add(resources, listing("query"), [angle(0)])
    resources.live.refresh()
    for engine in ENGINES:
        monkeypatch.setattr(type(resources.live.current().index(engine)), "search", fail)

    with pytest.raises(IndexUnavailable, match=r"faiss and qdrant.*connection refused"):
        SearchService(resources).by_listing("query", SearchFields())


def test_a_listing_without_an_embedded_photo_is_a_conflict_that_gives_the_photo_states(
    resources: Resources,
) -> None:
    add_listings(resources.database, listing("query"))
    with pytest.raises(Conflict, match="it has no photo"):
        similar(resources, "query")
    (photo_id,) = add_photos(resources.database, stored_photo("query"))
    with pytest.raises(Conflict, match="pending"):
        similar(resources, "query")
    with pytest.raises(Conflict, match=f"Photo {photo_id}"):
        SearchService(resources).by_stored_photo(photo_id, SearchFields())


@pytest.mark.parametrize("photo_id", [0, -1, 999, 2**63, 10**30])
def test_an_impossible_photo_id_is_not_found(few: Resources, photo_id: int) -> None:
    with pytest.raises(ResourceNotFound):
        SearchService(few).by_stored_photo(photo_id, SearchFields())


@pytest.mark.parametrize("listing_id", ["nobody", "", "no\0body"])
def test_an_impossible_listing_id_is_not_found(few: Resources, listing_id: str) -> None:
    with pytest.raises(ResourceNotFound):
        similar(few, listing_id)


def test_accepts_a_category_as_soon_as_a_listing_has_it(resources: Resources) -> None:
    add(resources, listing("query"), [angle(0)])
    resources.live.refresh()
    service, query = SearchService(resources), SearchFields(category=["Boats"])
    with pytest.raises(BadQuery, match=r"no category 'Boats'\. The categories are 'Home & Garden'"):
        service.by_listing("query", query)

    add(resources, listing("boat", category="Boats"), [angle(10)])
    resources.live.refresh()

    assert listing_ids(service.by_listing("query", query)) == ["boat"]


@pytest.mark.parametrize("written", ["home & garden", "HOME & GARDEN", "  Home  &\tgarden "])
def test_case_and_blanks_of_a_category_make_no_difference_on_any_page(resources: Resources, written: str) -> None:
    near = [(listing(f"near {number}"), [angle(10 + number)]) for number in range(4)]
    boat = (listing("boat", category="Boats", category_path=("Boats",)), [angle(5)])
    add_all(resources, [(listing("query"), [angle(0)]), boat, *near])
    resources.live.refresh()
    service = SearchService(resources)
    first = service.by_listing("query", SearchFields(k=1, category=[written]))
    assert listing_ids(first) == ["near 0"]
    assert first.cursor
    second = service.next_page(first.cursor, SearchFields(k=2))
    assert listing_ids(second) == ["near 1", "near 2"]


def test_suggests_the_category_that_was_probably_meant(resources: Resources) -> None:
    add(resources, listing("query"), [angle(0)])
    resources.live.refresh()
    with pytest.raises(BadQuery, match=r"no category 'home and garden'\. Did you mean 'Home & Garden'\?"):
        SearchService(resources).by_listing("query", SearchFields(category=["home and garden"]))


def test_a_category_without_listings_is_an_empty_answer(resources: Resources) -> None:
    add(resources, listing("query"), [angle(0)])
    with resources.database.write() as session:
        unify_categories(session, [listing("sold", category="Boats", category_path=("Boats",))])
    resources.live.refresh()
    page = SearchService(resources).by_listing("query", SearchFields(category=["boats"]))
    assert listing_ids(page) == []
    assert page.empty is not None
    assert page.empty.reason == "filter_matches_nothing"


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"k": 0}, "k"),
        ({"k": 101}, "k"),
        ({"price_min": float("nan")}, "price_min"),
        ({"price_max": float("inf")}, "price_max"),
        ({"price_min": -1.0}, "price_min"),
        ({"price_min": 5.0, "price_max": 4.0}, "price_min"),
        ({"currency": "pounds"}, "currency"),
        ({"max_age_days": 0.0}, "max_age_days"),
        ({"min_score": 1.1}, "min_score"),
        ({"diversity": float("nan")}, "diversity"),
        ({"near_price": 0.0}, "near_price"),
        ({"crop": "0,0,1"}, "crop"),
        ({"crop": "0.5,0,0.6,1"}, "crop"),
    ],
)
def test_an_invalid_query_names_the_field_at_fault(query: dict[str, object], field: str) -> None:
    with pytest.raises(BadQuery) as refused:
        query_of(SearchFields(**query))  # type: ignore[arg-type]

    assert refused.value.field == field


@pytest.mark.parametrize(
    ("body", "status", "text"),
    [
        ({"photo_id": 1}, 200, "near"),
        ({"listing_id": "query"}, 200, "near"),
        ({}, 400, "give exactly one of listing_id, photo_id, query_token, image_url"),
        ({"photo_id": 1, "listing_id": "query"}, 400, "the request has listing_id and photo_id"),
        ({"photo_id": 10**30}, 404, "photo"),
        ({"image": "http://example.org/a.jpg"}, 400, "the fields are"),
        ({"image_url": "http://127.0.0.1/a.jpg"}, 422, "public"),
        ({"photo_id": 1, "price_min": "cheap"}, 400, "price_min"),
        ({"photo_id": 1, "engine": "other"}, 400, "engine"),
    ],
)
def test_a_search_in_json_needs_exactly_one_source(
    client: TestClient[Litestar], body: dict[str, object], status: int, text: str
) -> None:
    answer = client.post("/v1/search", json=body)

    assert answer.status_code == status, answer.text
    assert text in answer.text
