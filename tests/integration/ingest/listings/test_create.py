"""POST /v1/listings: a listing with its photos, or the reason why it is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.ingest.listings.calls import LAMP, create, found_listings, get_listing
from tests.sites import running_site
from tests.waiting import wait_for

if TYPE_CHECKING:
    from litestar import Litestar
    from litestar.testing import TestClient

    from tests.conftest import MakeJpeg


def test_finds_a_new_listing_by_its_photo(client: TestClient[Litestar], jpeg: MakeJpeg) -> None:
    answer = create(client, "lamp", ("front.jpg", jpeg(1)), ("back.jpg", jpeg(2)))
    assert answer.status_code == 201
    assert answer.json()["outcome"] == "created"
    assert [photo["name"] for photo in answer.json()["photos"]] == ["front.jpg", "back.jpg"]
    wait_for(lambda: found_listings(client, jpeg(1)) == ["lamp"])


def test_fetches_the_photos_of_a_json_listing(client: TestClient[Litestar], jpeg: MakeJpeg) -> None:
    with running_site() as site:
        site.photos["/lamp.jpg"] = jpeg(1)
        answer = client.post("/v1/listings", json={**LAMP, "photos": [f"{site.url}/lamp.jpg"]})
    assert answer.status_code == 201
    listing_id = answer.json()["listing_id"]
    wait_for(lambda: found_listings(client, jpeg(1)) == [listing_id])


def test_cleans_a_listing_as_in_a_file(client: TestClient[Litestar]) -> None:
    client.post("/v1/listings", json={**LAMP, "listing_id": "lamp", "title": "  Brass \n lamp ", "price": "£1,200.00"})
    stored = get_listing(client, "lamp")
    assert (stored["title"], stored["price"], stored["currency"]) == ("Brass lamp", 1200.0, "GBP")
    assert stored["category_path"] == ["Home & Garden", "Lamps"]


def test_answers_what_was_guessed_or_left_out(client: TestClient[Litestar]) -> None:
    sent = LAMP | {"price": "£11111", "listed_at": "soon"}
    answer = client.put("/v1/listings/lamp", json=sent)
    assert answer.json()["warnings"] == [
        {"field": "price", "flag": "absurd_price", "before": "£11111", "after": "11111.00 GBP"},
        {"field": "listed_at", "flag": "unreadable_date", "before": "soon", "after": ""},
    ]
    renamed = client.patch("/v1/listings/lamp", json={"title": "Old lamp"})
    assert renamed.json()["warnings"] == []


def test_refuses_to_create_an_existing_id(client: TestClient[Litestar], jpeg: MakeJpeg) -> None:
    create(client, "lamp", ("front.jpg", jpeg(1)))
    answer = create(client, "lamp", ("front.jpg", jpeg(2)), title="Another")
    assert answer.status_code == 409
    assert get_listing(client, "lamp")["title"] == "Brass lamp"


@pytest.mark.parametrize(
    ("wrong", "field", "reason"),
    [
        ({"title": " "}, "title", "missing_title"),
        ({"category": "/"}, "category", "missing_category"),
        ({"price": "a lot"}, "price", "unreadable_price"),
        ({"price": -1}, "price", "negative_price"),
        ({"currency": "pounds"}, "currency", "bad_currency"),
        ({"seller": "x" * 201}, "seller", "seller_too_long"),
        ({"listing_id": " lamp"}, "id", "bad_id"),
        ({"listing_id": ""}, "id", "missing_id"),
        ({"listing_id": "bulk"}, "id", "bad_id"),
        ({"listing_id": "x" * 201}, "id", "id_too_long"),
    ],
)
def test_names_the_field_and_reason_of_a_rejected_listing(
    client: TestClient[Litestar], wrong: dict[str, Any], field: str, reason: str
) -> None:
    answer = client.post("/v1/listings", json={**LAMP, **wrong})
    assert answer.status_code == 422
    assert (answer.json()["field"], answer.json()["reason"]) == (field, reason)
    assert client.get("/v1/categories").json() == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"colour": "brass"},
        {"title": 7},
        {"listing_id": None},
        {"photos": "a.jpg"},
        {"photos": [7]},
        {"price": [1]},
        {"listed_at": []},
        {"seller": 7},
    ],
    ids=str,
)
def test_refuses_a_body_of_another_shape(client: TestClient[Litestar], wrong: dict[str, Any]) -> None:
    answer = client.post("/v1/listings", json={**LAMP, **wrong})
    assert answer.status_code == 400
    assert next(iter(wrong)) in answer.json()["detail"]


@pytest.mark.parametrize("body", [b"[]", b"null", b"{", b"\xff"])
def test_refuses_a_body_that_is_not_an_object(client: TestClient[Litestar], body: bytes) -> None:
    answer = client.put("/v1/listings/lamp", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400


def test_one_invalid_photo_rejects_the_whole_listing(client: TestClient[Litestar], jpeg: MakeJpeg) -> None:
    answer = create(client, "lamp", ("front.jpg", jpeg(1)), ("notes.txt", b"not a photo"))
    assert (answer.status_code, answer.json()["reason"]) == (422, "not_an_image")
    assert "notes.txt" in answer.json()["detail"]
    assert client.get("/v1/listings/lamp").status_code == 404


def test_does_not_fetch_photos_from_private_addresses(client: TestClient[Litestar]) -> None:
    answer = client.post("/v1/listings", json={**LAMP, "photos": ["http://169.254.169.254/latest/meta-data/"]})
    assert (answer.status_code, answer.json()["reason"]) == (422, "forbidden_address")


def test_refuses_more_photos_than_allowed(client: TestClient[Litestar], jpeg: MakeJpeg) -> None:
    answer = create(client, "lamp", *((f"{n}.jpg", jpeg(n)) for n in range(4)))
    assert (answer.status_code, answer.json()["reason"]) == (422, "too_many_photos")


def test_refuses_two_photos_with_the_same_name(client: TestClient[Litestar], jpeg: MakeJpeg) -> None:
    answer = create(client, "lamp", ("a.jpg", jpeg(1)), ("a.jpg", jpeg(2)))
    assert (answer.status_code, answer.json()["reason"]) == (422, "duplicate_id")
