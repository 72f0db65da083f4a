"""The search app over HTTP: real photos, a real, untrained network, and both engines."""

from __future__ import annotations

import io
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from litestar.testing import TestClient
from PIL import Image

from db.models import FeedOperation
from db.rows.payloads import to_bytes
from services.search.app import create_app
from services.search.query.keys import PhotoKey
from services.search.query.tokens import Tokens
from tests.worlds import ingest, marketplace, resources_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from litestar import Litestar

    from ml.bundle.bundle import Bundle
    from services.resources import Resources
    from tests.conftest import MakeJpeg

ENGINES = ("faiss", "qdrant")


@pytest.fixture(scope="module")
def resources(tmp_path_factory: pytest.TempPathFactory, tiny_bundle: Bundle, jpeg: MakeJpeg) -> Iterator[Resources]:
    folder = tmp_path_factory.mktemp("world")
    shop = marketplace(folder / "shop", jpeg, count=12)
    with resources_in(folder / "data", model=tiny_bundle) as opened:
        ingest(opened, shop.inputs)
        yield opened


@pytest.fixture(scope="module")
def client(resources: Resources) -> Iterator[TestClient[Litestar]]:
    with TestClient(create_app(resources), raise_server_exceptions=False) as client:
        yield client


def search(client: TestClient[Litestar], photo: bytes, **fields: Any) -> dict[str, Any]:
    answer = client.post("/v1/search", files={"image": ("photo.jpg", photo)}, data=fields)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.parametrize("engine", ENGINES)
def test_a_stored_photo_finds_its_own_listing_first(client: TestClient[Litestar], jpeg: MakeJpeg, engine: str) -> None:
    answer = search(client, jpeg(seed=8), k=3, engine=engine)
    assert [answer["engine"], answer["results"][0]["listing_id"]] == [engine, "listing-4"]
    assert answer["results"][0]["score"] == pytest.approx(1.0, abs=0.01)
    assert len(answer["results"]) == 3


def test_both_engines_return_the_same_results(client: TestClient[Litestar], jpeg: MakeJpeg) -> None:
    faiss, qdrant = (search(client, jpeg(seed=100), k=10, engine=engine)["results"] for engine in ENGINES)
    assert [one["photo_id"] for one in faiss] == [one["photo_id"] for one in qdrant]


def test_returns_each_listing_once_with_its_best_photo(client: TestClient[Litestar], jpeg: MakeJpeg) -> None:
    answer = search(client, jpeg(seed=0), k=100)
    ids = [one["listing_id"] for one in answer["results"]]
    assert sorted(ids) == sorted({f"listing-{n}" for n in range(12)})
    scores = [one["score"] for one in answer["results"]]
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= score <= 1 for score in scores)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("fields", "passes"),
    [
        ({"category": "Phones"}, lambda one: one["category"] == "Phones"),
        ({"category": ["Phones", "Home & Garden"]}, lambda one: one["category"] in ("Phones", "Home & Garden")),
        ({"price_min": 4, "price_max": 6}, lambda one: 4 <= one["price"] <= 6),
        ({"location": "manchester"}, lambda one: "Manchester" in one["location"]),
    ],
)
def test_every_result_passes_the_filter(
    client: TestClient[Litestar], jpeg: MakeJpeg, engine: str, fields: dict[str, Any], passes: Any
) -> None:
    results = search(client, jpeg(seed=0), k=100, engine=engine, **fields)["results"]
    assert results
    assert all(passes(one) for one in results)


def test_returns_no_results_when_nothing_passes_the_filter(client: TestClient[Litestar], jpeg: MakeJpeg) -> None:
    assert search(client, jpeg(), location="Nowhere")["results"] == []


def test_similar_listings_leave_out_the_listing_itself(client: TestClient[Litestar]) -> None:
    results = client.get("/v1/listings/listing-3/similar", params={"k": 100}).json()["results"]
    assert len(results) == 11
    assert "listing-3" not in {one["listing_id"] for one in results}


def test_a_search_by_listing_id_equals_similar_listings(client: TestClient[Litestar]) -> None:
    by_json = client.post("/v1/search", json={"listing_id": "listing-3", "k": 5, "category": ["Phones"]}).json()
    by_path = client.get("/v1/listings/listing-3/similar", params={"k": 5, "category": "Phones"}).json()
    assert by_json["results"] == by_path["results"]


def test_refuses_a_cursor_with_an_uploaded_photo(client: TestClient[Litestar], jpeg: MakeJpeg) -> None:
    cursor = search(client, jpeg(seed=8), k=1)["cursor"]
    answer = client.post("/v1/search", files={"image": ("photo.jpg", jpeg(seed=8))}, data={"cursor": cursor})
    assert (answer.status_code, answer.json()["field"]) == (400, "cursor")
    assert client.post("/v1/search", json={"cursor": cursor}).status_code == 200


def test_an_unknown_form_field_gets_the_list_of_fields_that_the_form_takes(
    client: TestClient[Litestar], jpeg: MakeJpeg
) -> None:
    answer = client.post("/v1/search", files={"image": ("photo.jpg", jpeg(seed=8))}, data={"prize": "5"})
    (problem,) = answer.json()["errors"]
    _, fields = problem["message"].split("; the fields are ")
    form = client.get("/docs/openapi.json").json()["paths"]["/v1/search"]["post"]["requestBody"]["content"]
    assert fields.split(", ") == [*form["multipart/form-data"]["schema"]["properties"]]


def test_classify_returns_the_most_probable_category_first(
    client: TestClient[Litestar], jpeg: MakeJpeg, tiny_bundle: Bundle
) -> None:
    answer = client.post("/v1/classify", files={"image": jpeg()}, data={"k": 3}).json()
    probabilities = [one["probability"] for one in answer["categories"]]
    assert probabilities == sorted(probabilities, reverse=True)
    assert sum(probabilities) == pytest.approx(1, abs=0.01)
    assert {one["category"] for one in answer["categories"]} == set(tiny_bundle.categories)
    assert answer["confident"] is False  # the model is not calibrated


def test_a_model_without_a_detector_does_not_know_which_photos_are_in_distribution(
    client: TestClient[Litestar], jpeg: MakeJpeg
) -> None:
    answer = client.post("/v1/classify", files={"image": jpeg()}).json()
    assert (answer["in_distribution"], answer["ood_score"]) == (None, None)
    assert "in_distribution" not in search(client, jpeg(seed=8))


def test_counts_the_listings_of_each_category(client: TestClient[Litestar]) -> None:
    counts = {one["category"]: one["listings"] for one in client.get("/v1/categories").json()}
    assert counts == {"Home & Garden": 4, "Phones": 4, "Baby & Kids Stuff": 4}


def test_returns_a_listing_with_its_photos(client: TestClient[Litestar]) -> None:
    listing = client.get("/v1/listings/listing-2").json()
    assert (listing["title"], listing["price"], listing["currency"]) == ("Item 2", 3.0, "GBP")
    assert [photo["state"] for photo in listing["photos"]] == ["embedded", "embedded"]


def test_returns_a_photo_byte_for_byte_and_lets_clients_cache_it(client: TestClient[Litestar], jpeg: MakeJpeg) -> None:
    first = client.get("/v1/photos/1")
    assert first.content == jpeg(seed=0)
    assert first.headers["content-type"] == "image/jpeg"
    assert first.headers["x-content-type-options"] == "nosniff"
    again = client.get("/v1/photos/1", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_a_thumbnail_is_a_small_jpeg(client: TestClient[Litestar]) -> None:
    answer = client.get("/v1/photos/1/thumbnail", params={"size": 64})
    with Image.open(io.BytesIO(answer.content)) as picture:
        assert (picture.format, max(picture.size)) == ("JPEG", 64)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/listings/nobody", 404),
        ("/v1/listings/nobody/similar", 404),
        ("/v1/photos/999", 404),
        ("/v1/photos/999/thumbnail", 404),
        ("/v1/photos/x", 404),
        ("/v1/photos/1/thumbnail?size=9", 400),
        ("/v1/listings/listing-1/similar?k=0", 400),
        ("/v1/listings/listing-1/similar?price_min=5&price_max=1", 400),
        ("/v1/listings/listing-1/similar?price_min=nan", 400),
        ("/v1/listings/listing-1/similar?category=Nonsense", 400),
        ("/v1/listings/listing-1/similar?engine=other", 400),
        ("/nowhere", 404),
    ],
)
def test_a_request_that_fails_returns_problem_details(client: TestClient[Litestar], path: str, status: int) -> None:
    answer = client.get(path)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith("application/problem+json")
    problem = answer.json()
    assert problem["status"] == status
    assert problem["detail"]


def test_an_unknown_category_is_rejected_with_the_known_ones(client: TestClient[Litestar]) -> None:
    problem = client.get("/v1/listings/listing-1/similar", params={"category": "fones"}).json()
    assert problem["field"] == "category"
    assert "Phones" in problem["detail"]


def test_readiness_names_the_generation_and_the_engines(client: TestClient[Litestar]) -> None:
    assert client.get("/health/live").json() == {"status": "alive"}
    ready = client.get("/health/ready").json()
    assert (ready["engines"], ready["generation"]) == (["faiss", "qdrant"], 1)


def test_without_a_model_the_service_is_alive_but_not_ready(tmp_path_factory: pytest.TempPathFactory) -> None:
    with (
        resources_in(tmp_path_factory.mktemp("empty")) as resources,
        TestClient(create_app(resources), raise_server_exceptions=False) as client,
    ):
        assert client.get("/health/live").status_code == 200
        problem = client.get("/health/ready")
        assert problem.status_code == 503
        assert "lookalike train" in problem.json()["detail"]
        assert int(problem.headers["retry-after"]) > 0


def test_a_form_takes_attributes_sold_and_facets(client: TestClient[Litestar], jpeg: MakeJpeg) -> None:
    answer = search(client, jpeg(seed=8), attribute=["brand:acme", "size:3..5"], sold="false", facet="category")
    assert (answer["results"], answer["empty"]["reason"]) == ([], "filter_matches_nothing")
    assert answer["facets"] == {"category": {"values": [], "photos": 0, "listings": 0}}
    counted = search(client, jpeg(seed=8), sold="false", facet=["category", "sold"])["facets"]
    assert [counted[name]["photos"] for name in ("category", "sold")] == [24, 24]


def test_requests_are_counted_for_prometheus(client: TestClient[Litestar]) -> None:
    client.get("/v1/categories")
    assert "lookalike_requests_total" in client.get("/metrics").text


def test_every_answer_carries_a_request_id(client: TestClient[Litestar]) -> None:
    ids = {client.get("/v1/categories").headers["x-request-id"] for _ in range(3)}
    assert len(ids) == 3


def test_the_documentation_loads_nothing_from_another_host(client: TestClient[Litestar]) -> None:
    page = client.get("/docs").text
    assert "http://" not in page.replace("http://testserver", "")
    assert "https://" not in page.replace("https://shop.example", "")  # an example of a listing's address
    assert client.get("/docs/assets/swagger-ui-bundle.js").status_code == 200
    document = client.get("/docs/openapi.json").json()
    assert {"/v1/search", "/v1/classify", "/v1/categories"} <= set(document["paths"])


def test_finds_a_listing_by_a_price_that_changed_while_serving(
    client: TestClient[Litestar], resources: Resources
) -> None:
    from db.rows import feed, listings

    with resources.database.write() as session:
        (row,) = listings.listings_by_id(session, ["listing-5"])
        row.price = Decimal(777)
        feed.append(session, FeedOperation.UPSERT, listings.embedded_photo_ids(session, ["listing-5"]))
    resources.live.refresh()
    results = client.get("/v1/listings/listing-1/similar", params={"price_min": 700}).json()["results"]
    assert [one["listing_id"] for one in results] == ["listing-5"]


@pytest.mark.parametrize(
    ("query", "key", "words"),
    [("prize_max=5", "prize_max", "price_max"), ("k=2&k=3", "k", "once")],
    ids=["unknown", "twice"],
)
def test_rejects_a_query_parameter_that_would_be_ignored(
    client: TestClient[Litestar], query: str, key: str, words: str
) -> None:
    answer = client.get(f"/v1/listings/listing-1/similar?{query}")
    assert answer.status_code == 400
    (problem,) = answer.json()["errors"]
    assert problem["key"] == key
    assert words in problem["message"]


def test_returns_the_photo_of_a_search_by_its_token(client: TestClient[Litestar], jpeg: MakeJpeg) -> None:
    token = search(client, jpeg(seed=3))["query_token"]
    request = {"params": {"query_token": token, "size": 64}, "headers": {"Accept": "image/webp"}}
    answer = client.get("/v1/search/photo", **request)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/webp")
    assert "private" in answer.headers["cache-control"]
    assert max(Image.open(io.BytesIO(answer.content)).size) == 64
    request["headers"]["If-None-Match"] = answer.headers["etag"]
    assert client.get("/v1/search/photo", **request).status_code == 304


def test_the_photo_of_a_search_by_listing_is_its_first_photo(client: TestClient[Litestar]) -> None:
    token = client.get("/v1/listings/listing-3/similar").json()["query_token"]
    first = client.get("/v1/listings/listing-3").json()["photos"][0]
    shown = client.get("/v1/search/photo", params={"query_token": token, "size": 256})
    assert shown.content == client.get(first["thumbnail_url"]).content


def test_an_expired_photo_of_a_search_is_not_found(client: TestClient[Litestar], resources: Resources) -> None:
    vector = to_bytes(np.full(256, 1 / 16, dtype=np.float32))
    forgotten = Tokens(resources.signer).query_token(PhotoKey("model", vector, "f" * 32))
    assert client.get("/v1/search/photo", params={"query_token": forgotten}).status_code == 404
    assert client.get("/v1/search/photo", params={"query_token": "nonsense"}).status_code == 400
    taste = client.post("/v1/recommend", json={"positive": ["listing-1"]}).json()["query_token"]
    assert client.get("/v1/search/photo", params={"query_token": taste}).status_code == 404
