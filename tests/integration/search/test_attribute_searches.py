"""Searches by attributes, sold listings and further categories, with facets, on both engines and over HTTP."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from litestar.testing import TestClient

from db.rows import listings
from db.vectors.base import NO_FILTER
from db.vectors.facets import Facet, FacetValue
from services.client.search_calls import search as search_call
from services.client.search_calls import similar
from services.ingest.loading.categories import most_frequent_spellings
from services.search.app import create_app
from services.search.results.facets import count_facets
from services.search.service import SearchService
from services.search.stage_times import StageTimes
from services.wire import NumberRange, SearchFields, StoredSearch
from tests.angles import add, angle, listing, world

if TYPE_CHECKING:
    from collections.abc import Iterator

    from litestar import Litestar

    from services.resources import Resources

ENGINES = ("faiss", "qdrant")


@pytest.fixture(scope="module")
def resources(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Resources]:
    """Four listings beside the query: a and b by Acme, c by Bolt and sold, d without attributes but in `Sale`."""
    with world(tmp_path_factory.mktemp("attributes")) as opened:
        query = listing("query")
        add(opened, query, [angle(0)])
        acme = {"brand": "Acme", "size": 3, "boxed": True}
        add(
            opened,
            replace(query, listing_id="a", attributes=acme, url="https://shop.example/a"),
            [angle(10), angle(11)],
        )
        add(opened, replace(query, listing_id="b", attributes={"brand": "ACME", "size": 4.5}), [angle(20)])
        add(opened, replace(query, listing_id="c", attributes={"brand": "Bolt", "size": "XL"}, sold=True), [angle(30)])
        add(opened, replace(query, listing_id="d", other_categories=(("Sale", "Lamps"),)), [angle(40)])
        spellings = most_frequent_spellings({("Home & Garden", "Lamps"): 4, ("Sale", "Lamps"): 1})
        with opened.database.write() as session:
            listings.add_category_spellings(session, spellings)
        opened.live.refresh()
        yield opened


@pytest.fixture(scope="module")
def client(resources: Resources) -> Iterator[TestClient[Litestar]]:
    with TestClient(create_app(resources), raise_server_exceptions=False) as opened:
        yield opened


def post(client: TestClient[Litestar], **fields: Any) -> dict[str, Any]:
    answer = client.post("/v1/search", json={"listing_id": "query", **fields})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def get(client: TestClient[Litestar], **fields: Any) -> dict[str, Any]:
    answer = client.get("/v1/listings/query/similar", params=fields)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def ids(answer: dict[str, Any]) -> list[str]:
    return [result["listing_id"] for result in answer["results"]]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("attributes", "texts", "expected"),
    [
        ({"brand": "acme"}, ["brand:acme"], ["a", "b"]),
        ({"brand": ["Acme", "bolt"]}, ["brand:Acme", "brand:bolt"], ["a", "b", "c"]),
        ({"size": {"min": 3, "max": 4.5}}, ["size:3..4.5"], ["a", "b"]),
        ({"size": {"min": 3.5}}, ["size:3.5.."], ["b"]),
        ({"size": [3, "xl"]}, ["size:3", "size:xl"], ["a", "c"]),
        ({"size": 4.5}, ["size:4.50"], ["b"]),
        ({"boxed": True}, ["boxed:true"], ["a"]),
        ({"brand": "Acme", "size": {"max": 3}}, ["brand:Acme", "size:..3"], ["a"]),
        ({"no_such": "x"}, ["no_such:x"], []),
    ],
    ids=str,
)
def test_json_and_urls_filter_alike(
    client: TestClient[Litestar], attributes: dict[str, Any], texts: list[str], expected: list[str], engine: str
) -> None:
    assert ids(post(client, attributes=attributes, engine=engine)) == expected
    assert ids(get(client, attribute=texts, engine=engine)) == expected


@pytest.mark.parametrize("engine", ENGINES)
def test_sold_listings_can_be_left_out_or_searched_alone(client: TestClient[Litestar], engine: str) -> None:
    assert ids(post(client, sold=False, engine=engine)) == ["a", "b", "d"]
    assert ids(get(client, sold="true", engine=engine)) == ["c"]
    assert ids(post(client, engine=engine)) == ["a", "b", "c", "d"]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_listing_is_found_under_each_of_its_categories(client: TestClient[Litestar], engine: str) -> None:
    assert ids(get(client, category_path="sale / LAMPS", engine=engine)) == ["d"]
    assert ids(get(client, category_path="sale", engine=engine)) == ["d"]


def test_results_show_address_attributes_and_sold(client: TestClient[Litestar]) -> None:
    first, _, third, last = post(client)["results"]
    assert (first["url"], first["attributes"]) == (
        "https://shop.example/a",
        {"brand": "Acme", "size": 3, "boxed": True},
    )
    assert third["sold"] is True
    assert {"url", "attributes", "sold"}.isdisjoint(last)


def test_a_listing_shows_its_further_categories(client: TestClient[Litestar]) -> None:
    shown = client.get("/v1/listings/d").json()
    assert (shown["other_categories"], shown["attributes"], shown["sold"], shown["url"]) == (
        [["Sale", "Lamps"]],
        {},
        False,
        "",
    )


def test_facets_count_photos_and_listings_by_value_under_the_filter(client: TestClient[Litestar]) -> None:
    answer = post(client, facets=["brand", "size", "sold", "category", "no_such"], sold=False)
    assert answer["facets"] == {
        "brand": {"values": [{"value": "Acme", "photos": 3, "listings": 2}], "photos": 3, "listings": 2},
        "size": {
            "values": [{"value": 3, "photos": 2, "listings": 1}, {"value": 4.5, "photos": 1, "listings": 1}],
            "photos": 3,
            "listings": 2,
            "min": 3,
            "max": 4.5,
        },
        "sold": {"values": [{"value": False, "photos": 4, "listings": 3}], "photos": 4, "listings": 3},
        "category": {"values": [{"value": "Home & Garden", "photos": 4, "listings": 3}], "photos": 4, "listings": 3},
        "no_such": {"values": [], "photos": 0, "listings": 0},
    }
    assert answer["took_ms"]["facets"] >= 0


def test_facets_hold_under_their_own_condition_too(client: TestClient[Litestar]) -> None:
    answer = get(client, attribute="brand:bolt", facet=["brand"])
    assert answer["facets"]["brand"]["values"] == [{"value": "Bolt", "photos": 1, "listings": 1}]


@pytest.mark.parametrize(
    ("path", "expected"),
    [(None, {"Home & Garden": 4, "Sale": 1}), ("home & garden", {"Home & Garden / Lamps": 4}), ("Sale / Lamps", {})],
)
def test_category_paths_are_counted_one_level_below_the_filter(
    client: TestClient[Litestar], path: str | None, expected: dict[str, int]
) -> None:
    (facet,) = post(client, facets=["category_path"], category_path=path)["facets"].values()
    assert {one["value"]: one["listings"] for one in facet["values"]} == expected


def test_facets_are_counted_only_when_asked_for_and_on_the_first_page(client: TestClient[Litestar]) -> None:
    first = post(client, k=2, facets=["brand"], attributes={"brand": ["acme", "bolt"]})
    second = client.post("/v1/search", json={"cursor": first["cursor"]}).json()
    assert (ids(first), ids(second)) == (["a", "b"], ["c"])
    assert "facets" in first
    assert "facets" not in second
    assert "facets" not in post(client)


def test_qdrant_counts_what_faiss_counts(resources: Resources) -> None:
    live, times = resources.live.current(), StageTimes(60)
    without_faiss = replace(live, opened={"qdrant": live.opened["qdrant"]})
    names = ("brand", "size", "sold", "category", "category_path")
    found = count_facets(without_faiss, NO_FILTER, names, database=resources.database, times=times)
    by_faiss = count_facets(live, NO_FILTER, names, database=resources.database, times=times)
    assert found == {name: photos_only(facet) for name, facet in by_faiss.items()}
    assert found["brand"].values == (FacetValue("Acme", 3), FacetValue("Bolt", 1))


def photos_only(facet: Facet) -> Facet:
    """Return the facet without its numbers of listings."""
    return replace(facet, values=tuple(replace(one, listings=None) for one in facet.values), listings=None)


def test_an_empty_result_names_the_attribute_to_drop(client: TestClient[Litestar]) -> None:
    empty = post(client, attributes={"brand": "Acme", "size": {"min": 100}})["empty"]
    assert empty["detail"] == "No photo passes the filters. Without `attributes.size`, 3 would pass."


def test_attributes_are_listed_with_their_values(client: TestClient[Litestar]) -> None:
    listed = {one.pop("name"): one for one in client.get("/v1/attributes").json()}
    assert list(listed) in (["brand", "size", "boxed"], ["size", "brand", "boxed"])
    assert listed["brand"] == {
        "values": [{"value": "Acme", "photos": 3, "listings": 2}, {"value": "Bolt", "photos": 1, "listings": 1}],
        "photos": 4,
        "listings": 3,
    }
    assert listed["boxed"] == {"values": [{"value": True, "photos": 2, "listings": 1}], "photos": 2, "listings": 1}


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"attributes": {"a.b": "x"}}, "'a.b' is not a name"),
        ({"attributes": {"brand": []}}, "brand has 0 values; give 1 to 20"),
        ({"attributes": {"brand": ["x"] * 21}}, "brand has 21 values; give 1 to 20"),
        ({"attributes": {f"name_{n}": "x" for n in range(9)}}, "has 9 names; the limit is 8"),
        ({"attributes": {"size": {}}}, "the range of size has neither `min` nor `max`"),
        ({"attributes": {"size": {"min": 5, "max": 3}}}, "the range of size begins above its end: 5.0 to 3.0"),
        ({"attributes": {"size": {"from": 5}}}, "unknown field `from`"),
        ({"attributes": {"size": None}}, "got `null`"),
        ({"facets": ["a b"]}, "'a b' is not a name"),
        ({"facets": ["a"] * 11}, "has 11 values; the limit is 10"),
        ({"sold": "no"}, "Expected `bool | null`"),
    ],
    ids=str,
)
def test_a_request_that_is_not_valid_is_explained(
    client: TestClient[Litestar], fields: dict[str, Any], problem: str
) -> None:
    answer = client.post("/v1/search", json={"listing_id": "query", **fields})
    assert answer.status_code in (400, 422)
    assert problem in answer.text


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("brand", "'brand' is not an attribute with a value"),
        (":x", "':x' is not an attribute with a value"),
        ("brand: ", "'brand: ' is not an attribute with a value"),
    ],
)
def test_a_text_that_is_no_condition_is_explained(client: TestClient[Litestar], text: str, problem: str) -> None:
    answer = client.get("/v1/listings/query/similar", params={"attribute": text})
    assert answer.status_code in (400, 422)
    assert problem in answer.text


def test_the_client_sends_conditions_in_urls_and_forms() -> None:
    conditions = {"brand": ["a:b", '"q"', "3..5", "42.0"], "size": NumberRange(3.0, None), "boxed": True, "n": 1e-7}
    fields = SearchFields(attributes=conditions, facets=["brand"])  # type: ignore[arg-type]
    expected = {
        "attribute": [
            "brand:a:b",
            'brand:""q""',
            'brand:"3..5"',
            'brand:"42.0"',
            "size:3..",
            "boxed:true",
            "n:0.0000001",
        ],
        "facet": ["brand"],
    }
    assert similar("x", fields).params == expected
    assert search_call(b"", fields).form == expected


def test_the_same_search_can_be_made_in_python(resources: Resources) -> None:
    service = SearchService(resources)
    page = service.search(StoredSearch(listing_id="query", attributes={"size": NumberRange(max=4)}, facets=["brand"]))
    assert [one.photo.listing.id for one in page.results] == ["a"]
    assert page.facets["brand"].photos == 2
