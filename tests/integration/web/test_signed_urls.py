"""Photos on a shop's page: the URLs in answers show a photo without a key, for a time."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
from litestar.testing import TestClient

from db.models import Role
from db.rows.access import keys
from services.search.app import create_app
from services.signing import Purpose, Signer
from services.web.access.signed_urls import signed_photo
from tests.worlds import ingest, marketplace, resources_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from litestar import Litestar

    from ml.bundle.bundle import Bundle
    from services.resources import Resources
    from tests.conftest import MakeJpeg

SHOP = "https://shop.example"


@pytest.fixture(scope="module")
def resources(tmp_path_factory: pytest.TempPathFactory, tiny_bundle: Bundle, jpeg: MakeJpeg) -> Iterator[Resources]:
    folder = tmp_path_factory.mktemp("signed_urls")
    with resources_in(folder / "data", model=tiny_bundle) as opened:
        ingest(opened, marketplace(folder / "shop", jpeg, count=3).inputs)
        yield opened


@pytest.fixture(scope="module")
def open_urls(resources: Resources) -> list[str]:
    """The URLs of photos in answers while there is no key."""
    with TestClient(create_app(resources)) as client:
        return [one["photo_url"] for one in client.get("/v1/listings").json()["listings"]]


@pytest.fixture(scope="module")
def key(resources: Resources, open_urls: list[str]) -> dict[str, str]:
    """The header of a key that may only search, from pages of the shop."""
    with resources.database.write() as session:
        secret = keys.create_key(session, "page", Role.READ, origins=[SHOP])
    return {"Authorization": f"Bearer {secret}", "Origin": SHOP}


@pytest.fixture(scope="module")
def client(resources: Resources, key: dict[str, str]) -> Iterator[TestClient[Litestar]]:
    with TestClient(create_app(resources), raise_server_exceptions=False) as made:
        yield made


ANSWERS: dict[str, Callable[[TestClient[Litestar], dict[str, str]], Any]] = {
    "a search": lambda client, key: client.get("/v1/listings/listing-0/similar", headers=key).json()["results"],
    "a search in a batch": lambda client, key: client.post(
        "/v1/search/batch", json={"queries": [{"listing_id": "listing-0"}]}, headers=key
    ).json()["answers"][0]["answer"]["results"],
    "the newest listings": lambda client, key: client.get("/v1/listings", headers=key).json()["listings"],
    "a listing": lambda client, key: [
        {"photo_url": url}
        for photo in client.get("/v1/listings/listing-0", headers=key).json()["photos"]
        for url in (photo["url"], photo["thumbnail_url"])
    ],
}


def img(client: TestClient[Litestar], url: str) -> Any:
    """Load a URL as `<img>` does on the shop's page."""
    headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}
    return client.get(url, headers={**headers, "Referer": SHOP + "/lamps"})


@pytest.mark.parametrize("ask", ANSWERS.values(), ids=ANSWERS)
def test_a_page_of_the_shop_shows_the_photos_of_an_answer_without_a_key(
    client: TestClient[Litestar], key: dict[str, str], ask: Callable[[TestClient[Litestar], dict[str, str]], Any]
) -> None:
    urls = [one["photo_url"] for one in ask(client, key)]
    assert urls
    for url in urls:
        shown = img(client, url)
        assert (shown.status_code, shown.headers["content-type"].partition("/")[0]) == (200, "image"), shown.text
        assert shown.headers["cache-control"].startswith("private, ")


def test_one_signature_is_valid_for_every_size_of_its_photo(client: TestClient[Litestar], key: dict[str, str]) -> None:
    url = client.get("/v1/listings", headers=key).json()["listings"][0]["photo_url"]
    for size in (64, 512):
        assert img(client, url.replace("?", "/thumbnail?") + f"&size={size}").status_code == 200


def test_without_a_key_urls_are_not_signed_and_may_be_cached_by_everybody(
    resources: Resources, open_urls: list[str], client: TestClient[Litestar]
) -> None:
    assert all(set(parse_qs(urlsplit(url).query)) == {"v"} for url in open_urls)
    assert client.get(open_urls[0]).status_code == 401


def test_a_signature_of_an_answer_stays_the_same_for_a_day(client: TestClient[Litestar], key: dict[str, str]) -> None:
    first, second = (client.get("/v1/listings", headers=key).json()["listings"] for _ in range(2))
    assert first == second


FORGED: dict[str, Callable[[str, Resources], str]] = {
    "no signature": lambda url, _: url.partition("&sig=")[0] + "&sig=",
    "rubbish": lambda url, _: url.partition("&sig=")[0] + "&sig=x",
    "not ASCII": lambda url, _: url.partition("&sig=")[0] + "&sig=%C3%A9",
    "too long": lambda url, _: url + "A" * 4000,
    "cut": lambda url, _: url[:-4],
    "another character": lambda url, _: url[:-1] + ("A" if url[-1] != "A" else "B"),
    "of another photo": lambda url, _: url.replace("/photos/1?", "/photos/2?"),
    "of another version": lambda url, _: url.replace("?v=", "?v=0"),
    "without a version": lambda url, _: "/v1/photos/1?sig=" + url.partition("&sig=")[2],
    "expired": lambda url, resources: url.partition("&sig=")[0] + "&sig=" + _expired(resources, url),
    "of a cursor": lambda url, resources: (
        url.partition("&sig=")[0] + "&sig=" + resources.signer.signature(Purpose.CURSOR, _content(url))
    ),
}


def _content(url: str) -> bytes:
    return signed_photo(1, parse_qs(urlsplit(url).query)["v"][0])


def _expired(resources: Resources, url: str) -> str:
    earlier = Signer(resources.database, clock=lambda: time.time() - 3 * 24 * 60 * 60)
    return earlier.signature(Purpose.PHOTO, _content(url))


@pytest.mark.parametrize("forge", FORGED.values(), ids=FORGED)
def test_a_forged_or_expired_signature_shows_nothing(
    client: TestClient[Litestar],
    resources: Resources,
    key: dict[str, str],
    forge: Callable[[str, Resources], str],
) -> None:
    photos = client.get("/v1/listings/listing-0", headers=key).json()["photos"]
    (url,) = [photo["url"] for photo in photos if photo["photo_id"] == 1]
    assert img(client, url).status_code == 200
    refused = img(client, forge(url, resources))
    assert (refused.status_code, refused.headers["content-type"]) == (400, "application/problem+json")
    assert refused.json()["field"] == "sig"
    assert "new answer" in refused.json()["detail"]


def test_a_signature_opens_photos_only(client: TestClient[Litestar], key: dict[str, str]) -> None:
    url = client.get("/v1/listings", headers=key).json()["listings"][0]["photo_url"]
    signature = url.partition("&sig=")[2]
    for path in ("/v1/listings", "/v1/categories", "/v1/search/photo"):
        assert client.get(f"{path}?sig={signature}").status_code == 401


def test_a_key_is_enough_beside_an_expired_signature(client: TestClient[Litestar], key: dict[str, str]) -> None:
    assert client.get("/v1/photos/1?v=0&sig=x", headers=key).status_code == 200
