"""Single listings over REST: POST, PUT, PATCH and DELETE."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import cache
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from litestar.testing import TestClient
from sqlmodel import select

from db.models import Listing
from db.rows import feed, listings, photos
from services.cli.serve import build_app
from tests.databases import on_both, on_both_slowly
from tests.sites import running_site
from tests.waiting import wait_for
from tests.worlds import live_resources

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from litestar import Litestar

    from ml.bundle.bundle import Bundle
    from services.resources import Resources
    from tests.conftest import MakeJpeg

LAMP = {"title": "Brass lamp", "category": "Home & Garden / Lamps", "price": 12.5, "currency": "GBP"}


@pytest.fixture(scope="module")
def serve(
    tmp_path_factory: pytest.TempPathFactory, tiny_bundle: Bundle, live_data: Path
) -> Iterator[Callable[[str], Serving]]:
    """Starts one service per kind of database. A listing may have three photos."""
    with ExitStack() as stack:

        @cache
        def start(kind: str) -> Serving:
            folder = tmp_path_factory.mktemp(kind)
            resources = stack.enter_context(live_resources(kind, folder, tiny_bundle, live_data))
            resources.settings.fetch_allow = (ip_network("127.0.0.1/32"),)
            resources.settings.max_listing_photos = 3
            client = TestClient(build_app(resources), raise_server_exceptions=False)
            return Serving(resources, stack.enter_context(client))

        yield start


@pytest.fixture
def resources(request: pytest.FixtureRequest, serve: Callable[[str], Serving]) -> Iterator[Resources]:
    """A service without listings; the listings of a test are deleted after it."""
    opened = serve(getattr(request, "param", "sqlite")).resources
    yield opened
    with opened.database.write() as session:
        for listing in session.exec(select(Listing)).all():
            listings.delete_listing(session, listing.id)
    opened.live.refresh()


@pytest.fixture
def client(resources: Resources, serve: Callable[[str], Serving]) -> TestClient[Litestar]:
    return serve("postgresql" if resources.database.is_postgresql else "sqlite").client


class Serving(NamedTuple):
    """A running service."""

    resources: Resources
    client: TestClient[Litestar]


def files(*photos: tuple[str, bytes]) -> list[tuple[str, tuple[str, bytes]]]:
    return [("photos", photo) for photo in photos]


def create(client: TestClient[Litestar], listing_id: str, *photos: tuple[str, bytes], **fields: Any) -> Any:
    """Create a listing with a form."""
    form = {"listing_id": listing_id, **LAMP, **fields}
    return client.post("/v1/listings", data=form, files=files(*photos))


def listing(client: TestClient[Litestar], listing_id: str) -> Any:
    return client.get(f"/v1/listings/{listing_id}").json()


def found(client: TestClient[Litestar], photo: bytes) -> list[str]:
    """Return the listings that a search by photo finds."""
    answer = client.post("/v1/search", files={"image": ("photo.jpg", photo)})
    return [result["listing_id"] for result in answer.json()["results"]]


def test_finds_a_new_listing_by_its_photo(client: TestClient[Litestar], jpeg: MakeJpeg) -> None:
    answer = create(client, "lamp", ("front.jpg", jpeg(1)), ("back.jpg", jpeg(2)))
    assert answer.status_code == 201
    assert answer.json()["outcome"] == "created"
    assert [photo["name"] for photo in answer.json()["photos"]] == ["front.jpg", "back.jpg"]
    wait_for(lambda: found(client, jpeg(1)) == ["lamp"])


def test_fetches_the_photos_of_a_json_listing(client: TestClient[Litestar], jpeg: MakeJpeg) -> None:
    with running_site() as site:
        site.photos["/lamp.jpg"] = jpeg(1)
        answer = client.post("/v1/listings", json={**LAMP, "photos": [f"{site.url}/lamp.jpg"]})
    assert answer.status_code == 201
    listing_id = answer.json()["listing_id"]
    wait_for(lambda: found(client, jpeg(1)) == [listing_id])


def test_cleans_a_listing_as_in_a_file(client: TestClient[Litestar]) -> None:
    client.post("/v1/listings", json={**LAMP, "listing_id": "lamp", "title": "  Brass \n lamp ", "price": "£1,200.00"})
    stored = listing(client, "lamp")
    assert (stored["title"], stored["price"], stored["currency"]) == ("Brass lamp", 1200.0, "GBP")
    assert stored["category_path"] == ["Home & Garden", "Lamps"]


def test_refuses_to_create_an_existing_id(client: TestClient[Litestar], jpeg: MakeJpeg) -> None:
    create(client, "lamp", ("front.jpg", jpeg(1)))
    answer = create(client, "lamp", ("front.jpg", jpeg(2)), title="Another")
    assert answer.status_code == 409
    assert listing(client, "lamp")["title"] == "Brass lamp"


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


@on_both_slowly
def test_put_creates_a_listing_then_replaces_it_and_its_photos(client: TestClient[Litestar], jpeg: MakeJpeg) -> None:
    first = client.put("/v1/listings/lamp", data=LAMP, files=files(("a.jpg", jpeg(1)), ("b.jpg", jpeg(2))))
    assert first.status_code == 201
    wait_for(lambda: found(client, jpeg(1)) == ["lamp"])
    chair = {"title": "Chair", "category": "Home & Garden / Chairs"}
    second = client.put("/v1/listings/lamp", data=chair, files=files(("b.jpg", jpeg(2)), ("c.jpg", jpeg(3))))
    assert (second.status_code, second.json()["outcome"]) == (200, "updated")
    assert [photo["name"] for photo in second.json()["photos"]] == ["b.jpg", "c.jpg"]
    assert (listing(client, "lamp")["title"], listing(client, "lamp")["price"]) == ("Chair", None)


def test_a_repeated_put_changes_nothing(client: TestClient[Litestar], jpeg: MakeJpeg) -> None:
    client.put("/v1/listings/lamp", data=LAMP, files=files(("a.jpg", jpeg(1))))
    wait_for(lambda: found(client, jpeg(1)) == ["lamp"])
    again = client.put("/v1/listings/lamp", data=LAMP, files=files(("a.jpg", jpeg(1))))
    assert (again.json()["outcome"], again.json()["photos"][0]["state"]) == ("unchanged", "embedded")


def test_patch_changes_the_given_fields_only(client: TestClient[Litestar], jpeg: MakeJpeg) -> None:
    create(client, "lamp", ("a.jpg", jpeg(1)), location="Delph, Manchester")
    wait_for(lambda: found(client, jpeg(1)) == ["lamp"])
    answer = client.patch("/v1/listings/lamp", json={"price": 9})
    assert (answer.status_code, answer.json()["outcome"]) == (200, "updated")
    assert answer.json()["photos"][0]["state"] == "embedded"
    stored = listing(client, "lamp")
    assert (stored["price"], stored["currency"], stored["title"]) == (9.0, "GBP", "Brass lamp")
    assert stored["location"] == "Delph, Manchester"


@on_both_slowly
def test_searches_filter_by_a_changed_price(client: TestClient[Litestar], jpeg: MakeJpeg) -> None:
    create(client, "lamp", ("a.jpg", jpeg(1)))
    wait_for(lambda: found(client, jpeg(1)) == ["lamp"])
    client.patch("/v1/listings/lamp", json={"price": 500})
    cheap = {"image": ("photo.jpg", jpeg(1))}
    wait_for(lambda: client.post("/v1/search", files=cheap, data={"price_max": "100"}).json()["results"] == [])
    assert found(client, jpeg(1)) == ["lamp"]


def stored(resources: Resources, listing_id: str = "lamp") -> tuple[str, str | None, list[str]]:
    """Return the seller, listing date and flags of a listing."""
    with resources.database.read() as session:
        (row,) = listings.listings_by_id(session, [listing_id])
    return row.seller, row.listed_at and row.listed_at.isoformat(), row.flags


MIDNIGHT, MORNING = "2024-01-31T00:00:00+00:00", "2024-01-31T09:30:00+00:00"


@pytest.mark.parametrize(
    ("listed_at", "read"), [("2024-01-31", MIDNIGHT), (1706693400, MORNING), ("1706693400", MORNING), (None, None)]
)
def test_accepts_a_seller_and_a_listing_date_in_json(
    client: TestClient[Litestar], resources: Resources, listed_at: Any, read: str | None
) -> None:
    sold = {**LAMP, "seller": " ann ", "listed_at": listed_at}
    assert client.post("/v1/listings", json={**sold, "listing_id": "lamp"}).status_code == 201
    assert stored(resources) == ("ann", read, [])
    assert client.put("/v1/listings/lamp", json=sold).json()["outcome"] == "unchanged"
    assert client.put("/v1/listings/lamp", json=LAMP).json()["outcome"] == "updated"
    assert stored(resources) == ("", None, [])


def test_accepts_a_seller_and_a_listing_date_in_a_form(
    client: TestClient[Litestar], resources: Resources, jpeg: MakeJpeg
) -> None:
    create(client, "lamp", ("a.jpg", jpeg(1)), seller="ann", listed_at="2024-01-31")
    assert stored(resources) == ("ann", MIDNIGHT, [])
    create(client, "drill", ("a.jpg", jpeg(2)), seller="ann", listed_at="1706693400")
    assert stored(resources, "drill") == ("ann", MORNING, [])


@on_both_slowly
def test_patch_keeps_seller_and_date_or_changes_them(client: TestClient[Litestar], resources: Resources) -> None:
    client.put("/v1/listings/lamp", json={**LAMP, "seller": "ann", "listed_at": "2024-01-31T09:30"})
    client.patch("/v1/listings/lamp", json={"price": 9})
    assert stored(resources) == ("ann", MORNING, [])
    client.patch("/v1/listings/lamp", json={"seller": "bob"})
    assert stored(resources) == ("bob", MORNING, [])
    client.patch("/v1/listings/lamp", json={"seller": "", "listed_at": None})
    assert stored(resources) == ("", None, [])


def test_an_unreadable_date_stays_flagged_until_it_is_replaced(
    client: TestClient[Litestar], resources: Resources
) -> None:
    client.put("/v1/listings/lamp", json={**LAMP, "listed_at": "yesterday"})
    client.patch("/v1/listings/lamp", json={"price": 9})
    assert stored(resources) == ("", None, ["unreadable_date"])
    client.patch("/v1/listings/lamp", json={"listed_at": "tomorrow"})
    assert stored(resources) == ("", None, ["unreadable_date"])
    client.patch("/v1/listings/lamp", json={"listed_at": "2024-01-31"})
    assert stored(resources) == ("", MIDNIGHT, [])


@pytest.mark.parametrize(("path", "method"), [("/v1/listings", "post"), ("/v1/listings/{listing_id}", "patch")])
def test_the_openapi_document_describes_seller_and_date(client: TestClient[Litestar], path: str, method: str) -> None:
    operation = client.get("/docs/openapi.json").json()["paths"][path][method]
    for body in operation["requestBody"]["content"].values():
        assert {"seller", "listed_at"} <= body["schema"]["properties"].keys()


def test_patch_can_clear_the_price(client: TestClient[Litestar]) -> None:
    client.post("/v1/listings", json={**LAMP, "listing_id": "lamp"})
    client.patch("/v1/listings/lamp", json={"price": None})
    assert (listing(client, "lamp")["price"], listing(client, "lamp")["currency"]) == (None, None)


def test_patch_with_photos_replaces_all_photos(client: TestClient[Litestar], jpeg: MakeJpeg) -> None:
    create(client, "lamp", ("a.jpg", jpeg(1)))
    answer = client.patch("/v1/listings/lamp", files=files(("b.jpg", jpeg(2))))
    assert [photo["name"] for photo in answer.json()["photos"]] == ["b.jpg"]
    wait_for(lambda: found(client, jpeg(2)) == ["lamp"])


@on_both_slowly
def test_new_bytes_under_the_same_name_replace_the_photo(client: TestClient[Litestar], jpeg: MakeJpeg) -> None:
    create(client, "lamp", ("a.jpg", jpeg(1)))
    wait_for(lambda: found(client, jpeg(1)) == ["lamp"])
    client.patch("/v1/listings/lamp", files=files(("a.jpg", jpeg(2))))

    def score() -> float:
        answer = client.post("/v1/search", files={"image": ("photo.jpg", jpeg(2))}).json()
        return max((result["score"] for result in answer["results"]), default=0.0)

    wait_for(lambda: score() > 0.999)


@on_both
def test_does_not_find_a_deleted_listing(client: TestClient[Litestar], resources: Resources, jpeg: MakeJpeg) -> None:
    create(client, "lamp", ("a.jpg", jpeg(1)))
    wait_for(lambda: found(client, jpeg(1)) == ["lamp"])
    assert client.delete("/v1/listings/lamp").status_code == 204
    assert found(client, jpeg(1)) == []
    assert client.get("/v1/listings/lamp").status_code == 404
    for engine in ("faiss", "qdrant"):  # they follow one after the other
        wait_for(lambda engine=engine: resources.live.current().index(engine).count() == 0)


@pytest.mark.parametrize("listing_id", ["nothing", "a%00b", "%20"])
def test_answers_404_for_changing_or_deleting_an_unknown_listing(client: TestClient[Litestar], listing_id: str) -> None:
    assert client.patch(f"/v1/listings/{listing_id}", json={"price": 1}).status_code == 404
    assert client.delete(f"/v1/listings/{listing_id}").status_code == 404


@on_both
def test_only_one_of_many_concurrent_creations_of_an_id_succeeds(client: TestClient[Litestar], jpeg: MakeJpeg) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda n: create(client, "lamp", ("a.jpg", jpeg(n))).status_code, range(8)))
    assert sorted(answers) == [201, *[409] * 7]


@on_both
def test_keeps_concurrent_changes_of_different_fields(client: TestClient[Litestar]) -> None:
    client.post("/v1/listings", json={**LAMP, "listing_id": "lamp"})
    changes = [{"title": "New"}, {"price": 77}, {"location": "Ludlow"}, {"description": "Old"}]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda change: client.patch("/v1/listings/lamp", json=change), changes))
    stored = listing(client, "lamp")
    assert [stored[name] for name in ("title", "price", "location", "description")] == ["New", 77.0, "Ludlow", "Old"]


@on_both
def test_two_workers_embed_a_photo_once(client: TestClient[Litestar], resources: Resources, jpeg: MakeJpeg) -> None:
    with resources.database.read() as session:
        before = feed.last_seq(session)
    with TestClient(build_app(resources)):  # a second worker
        for number in range(6):
            create(client, f"lamp-{number}", ("a.jpg", jpeg(number)))
        wait_for(lambda: not pending(resources))
    with resources.database.read() as session:
        events = feed.changes_after(session, before, 100)
    assert sorted(event.photo_id for event in events) == sorted({event.photo_id for event in events})


def pending(resources: Resources) -> bool:
    with resources.database.read() as session:
        return photos.any_pending(session)
