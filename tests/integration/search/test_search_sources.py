"""Every kind of query source, with real photos and a real, untrained network."""

from __future__ import annotations

import io
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from litestar.testing import TestClient
from PIL import Image

from services.search.app import create_app
from services.search.query.tokens import Tokens
from tests.sites import running_site
from tests.worlds import ingest, marketplace, resources_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from litestar import Litestar

    from ml.bundle.bundle import Bundle
    from services.resources import Resources
    from tests.conftest import MakeJpeg


@pytest.fixture(scope="module")
def resources(tmp_path_factory: pytest.TempPathFactory, tiny_bundle: Bundle, jpeg: MakeJpeg) -> Iterator[Resources]:
    folder = tmp_path_factory.mktemp("sources")
    shop = marketplace(folder / "shop", jpeg, count=8)
    with resources_in(folder / "data", model=tiny_bundle) as opened:
        opened.settings.fetch_allow = (ip_network("127.0.0.1/32"),)
        ingest(opened, shop.inputs)
        yield opened


@pytest.fixture(scope="module")
def client(resources: Resources) -> Iterator[TestClient[Litestar]]:
    with TestClient(create_app(resources), raise_server_exceptions=False) as client:
        yield client


def upload(client: TestClient[Litestar], photo: bytes, **fields: Any) -> dict[str, Any]:
    answer = client.post("/v1/search", files={"image": ("photo.jpg", photo)}, data=fields)
    assert answer.status_code == 200, answer.text
    return answer.json()


def ask(client: TestClient[Litestar], **body: Any) -> dict[str, Any]:
    answer = client.post("/v1/search", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def ids(answer: dict[str, Any]) -> list[int]:
    return [one["photo_id"] for one in answer["results"]]


def side_by_side(*photos: bytes) -> bytes:
    """Join photos side by side at equal width."""
    pictures = [Image.open(io.BytesIO(photo)) for photo in photos]
    width, height = pictures[0].size
    joined = Image.new("RGB", (width * len(pictures), height))
    for at, picture in enumerate(pictures):
        joined.paste(picture.resize((width, height)), (at * width, 0))
    content = io.BytesIO()
    joined.save(content, "PNG")
    return content.getvalue()


def test_a_query_token_searches_by_the_same_photo_without_embedding_it_again(
    client: TestClient[Litestar], resources: Resources, jpeg: MakeJpeg, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = upload(client, jpeg(seed=6), k=5)
    monkeypatch.setattr(type(resources.query_embedder(first["model_version"])), "embed", None)  # a call would fail
    again = ask(client, query_token=first["query_token"], k=5)
    assert ids(again) == ids(first)
    narrower = ask(client, query_token=first["query_token"], category=["Phones"])
    assert {one["category"] for one in narrower["results"]} == {"Phones"}


def test_a_crop_of_an_upload_finds_what_the_crop_shows(client: TestClient[Litestar], jpeg: MakeJpeg) -> None:
    both = side_by_side(jpeg(seed=4), jpeg(seed=10))
    left, right = (upload(client, both, k=1, crop=crop) for crop in ("0,0,0.5,1", "0.5,0,0.5,1"))
    assert [one["results"][0]["listing_id"] for one in (left, right)] == ["listing-2", "listing-5"]


def test_crops_an_earlier_upload_by_its_token(client: TestClient[Litestar], jpeg: MakeJpeg) -> None:
    whole = upload(client, side_by_side(jpeg(seed=4), jpeg(seed=10)))
    right = ask(client, query_token=whole["query_token"], crop="0.5,0,0.5,1", k=1)
    assert right["results"][0]["listing_id"] == "listing-5"
    left = ask(client, query_token=right["query_token"], crop="0,0,0.5,1", k=1)
    assert left["results"][0]["listing_id"] == "listing-2"


def test_a_token_works_in_another_process_but_cannot_be_cropped_there(
    client: TestClient[Litestar], resources: Resources, jpeg: MakeJpeg
) -> None:
    token = upload(client, jpeg(seed=6), k=3)["query_token"]
    with TestClient(create_app(resources), raise_server_exceptions=False) as other:
        assert ask(other, query_token=token, k=3)["results"]
        refused = other.post("/v1/search", json={"query_token": token, "crop": "0,0,0.5,1"})
    assert refused.status_code == 409
    assert "Send it again" in refused.json()["detail"]


def test_a_crop_of_a_stored_photo_leaves_out_its_listing(client: TestClient[Litestar]) -> None:
    for source in ({"photo_id": 3}, {"listing_id": "listing-1"}):
        answer = ask(client, **source, crop="0,0,0.9,0.9", k=100)
        assert len(answer["results"]) == 7
        assert "listing-1" not in {one["listing_id"] for one in answer["results"]}
        again = ask(client, query_token=answer["query_token"], k=100)
        assert ids(again) == ids(answer)
        other = ask(client, query_token=answer["query_token"], crop="0,0,0.5,0.5", k=100)
        assert "listing-1" not in {one["listing_id"] for one in other["results"]}


def test_fetches_and_searches_by_a_photo_at_a_url(client: TestClient[Litestar], jpeg: MakeJpeg) -> None:
    with running_site() as site:
        site.photos["/lamp.jpg"] = jpeg(seed=8)
        answer = ask(client, image_url=f"{site.url}/lamp.jpg", k=1)
        missing = client.post("/v1/search", json={"image_url": f"{site.url}/nothing.jpg"})
    assert answer["results"][0]["listing_id"] == "listing-4"
    assert (missing.status_code, missing.json()["reason"]) == (422, "not_found")


@pytest.mark.parametrize("url", ["http://10.0.0.1/a.jpg", "file:///etc/passwd", "http://[::1]:80/", "nonsense", ""])
def test_rejects_a_url_that_is_not_public(client: TestClient[Litestar], url: str) -> None:
    answer = client.post("/v1/search", json={"image_url": url})
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


def test_rejects_a_token_of_another_model_and_says_what_to_do(
    client: TestClient[Litestar], resources: Resources, jpeg: MakeJpeg
) -> None:
    tokens = Tokens(resources.signer)
    key = tokens.read_query_token(upload(client, jpeg(seed=6))["query_token"])
    token = tokens.query_token(msgspec.structs.replace(key, model_version="former"))
    refused = client.post("/v1/search", json={"query_token": token})
    assert refused.status_code == 409
    assert "Search by the photo again" in refused.json()["detail"]


def test_rejects_a_crop_that_is_too_small(client: TestClient[Litestar], jpeg: MakeJpeg) -> None:
    small = jpeg(width=40, height=40)
    answer = client.post("/v1/search", files={"image": small}, data={"crop": "0,0,0.1,0.1"})
    assert (answer.status_code, answer.json()["reason"]) == (422, "too_small")
    assert "larger crop" in answer.json()["detail"]


def test_category_aware_search_ranks_likely_categories_first(
    client: TestClient[Litestar], jpeg: MakeJpeg, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.search.results.ranking_pool.likely_categories", lambda _probabilities: ("Phones",))
    answer = upload(client, jpeg(seed=0), k=100, category_aware="true")
    categories = [one["category"] for one in answer["results"]]
    assert answer["restricted_to"] == ["Phones"]
    assert len(categories) == 8
    assert categories == sorted(categories, key=lambda category: category != "Phones")


def test_category_aware_search_equals_a_plain_one_when_the_model_is_unsure(
    client: TestClient[Litestar], jpeg: MakeJpeg, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.search.results.ranking_pool.likely_categories", lambda _probabilities: None)
    plain, aware = (upload(client, jpeg(seed=0), k=8, category_aware=aware) for aware in ("false", "true"))
    assert "restricted_to" not in aware
    assert ids(plain) == ids(aware)


def test_classifies_a_crop_of_a_photo(client: TestClient[Litestar], jpeg: MakeJpeg) -> None:
    both = side_by_side(jpeg(seed=4), jpeg(seed=10))
    whole, left, alone = (
        client.post("/v1/classify", files={"image": photo}, data=fields).json()["categories"]
        for photo, fields in ((both, {}), (both, {"crop": "0,0,0.5,1"}), (side_by_side(jpeg(seed=4)), {}))
    )
    assert left != whole
    assert left == alone


def test_a_thumbnail_is_webp_if_the_client_names_it_and_jpeg_otherwise(client: TestClient[Litestar]) -> None:
    answers = {
        accept: client.get("/v1/photos/1/thumbnail", headers={"Accept": accept})
        for accept in ("image/avif,image/webp,*/*;q=0.8", "*/*", "image/webp;q=0, image/jpeg")
    }
    assert [one.headers["content-type"] for one in answers.values()] == ["image/webp", "image/jpeg", "image/jpeg"]
    assert {one.headers["vary"] for one in answers.values()} == {"Accept"}
    webp, jpeg, _ = answers.values()
    assert webp.headers["etag"] != jpeg.headers["etag"]
    assert Image.open(io.BytesIO(webp.content)).format == "WEBP"
