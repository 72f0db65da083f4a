"""PUT, PATCH and DELETE of a listing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.databases import on_both, on_both_slowly
from tests.integration.ingest.listings.calls import LAMP, create, found_listings, get_listing, photo_parts
from tests.waiting import wait_for

if TYPE_CHECKING:
    from litestar import Litestar
    from litestar.testing import TestClient

    from services.resources import Resources
    from tests.conftest import MakeJpeg


@on_both_slowly
def test_put_creates_a_listing_then_replaces_it_and_its_photos(client: TestClient[Litestar], jpeg: MakeJpeg) -> None:
    first = client.put("/v1/listings/lamp", data=LAMP, files=photo_parts(("a.jpg", jpeg(1)), ("b.jpg", jpeg(2))))
    assert first.status_code == 201
    wait_for(lambda: found_listings(client, jpeg(1)) == ["lamp"])
    chair = {"title": "Chair", "category": "Home & Garden / Chairs"}
    second = client.put("/v1/listings/lamp", data=chair, files=photo_parts(("b.jpg", jpeg(2)), ("c.jpg", jpeg(3))))
    assert (second.status_code, second.json()["outcome"]) == (200, "updated")
    assert [photo["name"] for photo in second.json()["photos"]] == ["b.jpg", "c.jpg"]
    assert (get_listing(client, "lamp")["title"], get_listing(client, "lamp")["price"]) == ("Chair", None)


def test_a_repeated_put_changes_nothing(client: TestClient[Litestar], jpeg: MakeJpeg) -> None:
    client.put("/v1/listings/lamp", data=LAMP, files=photo_parts(("a.jpg", jpeg(1))))
    wait_for(lambda: found_listings(client, jpeg(1)) == ["lamp"])
    again = client.put("/v1/listings/lamp", data=LAMP, files=photo_parts(("a.jpg", jpeg(1))))
    assert (again.json()["outcome"], again.json()["photos"][0]["state"]) == ("unchanged", "embedded")


def test_patch_changes_the_given_fields_only(client: TestClient[Litestar], jpeg: MakeJpeg) -> None:
    create(client, "lamp", ("a.jpg", jpeg(1)), location="Delph, Manchester")
    wait_for(lambda: found_listings(client, jpeg(1)) == ["lamp"])
    answer = client.patch("/v1/listings/lamp", json={"price": 9})
    assert (answer.status_code, answer.json()["outcome"]) == (200, "updated")
    assert answer.json()["photos"][0]["state"] == "embedded"
    stored = get_listing(client, "lamp")
    assert (stored["price"], stored["currency"], stored["title"]) == (9.0, "GBP", "Brass lamp")
    assert stored["location"] == "Delph, Manchester"


@on_both_slowly
def test_searches_filter_by_a_changed_price(client: TestClient[Litestar], jpeg: MakeJpeg) -> None:
    create(client, "lamp", ("a.jpg", jpeg(1)))
    wait_for(lambda: found_listings(client, jpeg(1)) == ["lamp"])
    client.patch("/v1/listings/lamp", json={"price": 500})
    cheap = {"image": ("photo.jpg", jpeg(1))}
    wait_for(lambda: client.post("/v1/search", files=cheap, data={"price_max": "100"}).json()["results"] == [])
    assert found_listings(client, jpeg(1)) == ["lamp"]


def test_patch_can_clear_the_price(client: TestClient[Litestar]) -> None:
    client.post("/v1/listings", json={**LAMP, "listing_id": "lamp"})
    client.patch("/v1/listings/lamp", json={"price": None})
    assert (get_listing(client, "lamp")["price"], get_listing(client, "lamp")["currency"]) == (None, None)


def test_patch_with_photos_replaces_all_photos(client: TestClient[Litestar], jpeg: MakeJpeg) -> None:
    create(client, "lamp", ("a.jpg", jpeg(1)))
    answer = client.patch("/v1/listings/lamp", files=photo_parts(("b.jpg", jpeg(2))))
    assert [photo["name"] for photo in answer.json()["photos"]] == ["b.jpg"]
    wait_for(lambda: found_listings(client, jpeg(2)) == ["lamp"])


@on_both_slowly
def test_new_bytes_under_the_same_name_replace_the_photo(client: TestClient[Litestar], jpeg: MakeJpeg) -> None:
    create(client, "lamp", ("a.jpg", jpeg(1)))
    wait_for(lambda: found_listings(client, jpeg(1)) == ["lamp"])
    client.patch("/v1/listings/lamp", files=photo_parts(("a.jpg", jpeg(2))))

    def score() -> float:
        answer = client.post("/v1/search", files={"image": ("photo.jpg", jpeg(2))}).json()
        return max((result["score"] for result in answer["results"]), default=0.0)

    wait_for(lambda: score() > 0.999)


@on_both
def test_does_not_find_a_deleted_listing(client: TestClient[Litestar], resources: Resources, jpeg: MakeJpeg) -> None:
    create(client, "lamp", ("a.jpg", jpeg(1)))
    wait_for(lambda: found_listings(client, jpeg(1)) == ["lamp"])
    assert client.delete("/v1/listings/lamp").status_code == 204
    assert found_listings(client, jpeg(1)) == []
    assert client.get("/v1/listings/lamp").status_code == 404
    for engine in ("faiss", "qdrant"):  # they follow one after the other
        wait_for(lambda engine=engine: resources.live.current().index(engine).count() == 0)


@pytest.mark.parametrize("listing_id", ["nothing", "a%00b", "%20"])
def test_answers_404_for_changing_or_deleting_an_unknown_listing(client: TestClient[Litestar], listing_id: str) -> None:
    assert client.patch(f"/v1/listings/{listing_id}", json={"price": 1}).status_code == 404
    assert client.delete(f"/v1/listings/{listing_id}").status_code == 404


def test_the_same_photo_under_another_name_is_renamed_and_stays_embedded(
    client: TestClient[Litestar], jpeg: MakeJpeg
) -> None:
    client.put("/v1/listings/lamp", data=LAMP, files=photo_parts(("a.jpg", jpeg(1))))
    wait_for(lambda: found_listings(client, jpeg(1)) == ["lamp"])
    renamed = client.put("/v1/listings/lamp", data=LAMP, files=photo_parts(("b.jpg", jpeg(1)))).json()
    assert (renamed["outcome"], [(one["name"], one["state"]) for one in renamed["photos"]]) == (
        "updated",
        [("b.jpg", "embedded")],
    )


def test_two_names_of_the_same_photo_are_one_photo_with_a_warning(client: TestClient[Litestar], jpeg: MakeJpeg) -> None:
    parts = photo_parts(("a.jpg", jpeg(1)), ("b.jpg", jpeg(1)))
    answer = client.put("/v1/listings/lamp", data=LAMP, files=parts).json()
    assert [one["name"] for one in answer["photos"]] == ["a.jpg"]
    assert answer["warnings"] == [{"field": "photos", "flag": "repeated_photo", "before": "b.jpg", "after": "a.jpg"}]


def test_a_category_gets_the_spelling_of_the_first_listing(client: TestClient[Litestar]) -> None:
    client.put("/v1/listings/lamp", json=LAMP | {"category": "Spelt / Lamps"})
    answer = client.put("/v1/listings/other", json=LAMP | {"category": "SPELT / lamps"}).json()
    assert [(one["field"], one["flag"], one["after"]) for one in answer["warnings"]] == [
        ("category", "category_spelling", "Spelt > Lamps")
    ]
    assert get_listing(client, "other")["category"] == "Spelt"
