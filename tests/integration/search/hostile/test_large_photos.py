"""Pictures of large photos are made in turn; nothing else waits for them."""

from __future__ import annotations

import io
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from litestar.testing import TestClient
from PIL import Image

from ml.photos import turns
from ml.photos.turns import PATIENT, DecodingTurns
from services.search.app import create_app
from tests.worlds import ingest, marketplace, resources_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from litestar import Litestar

    from ml.bundle.bundle import Bundle
    from services.resources import Resources
    from tests.conftest import MakeJpeg

LARGE, SMALL = 1, 2
"""Ids of the two photos."""


def large_png() -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (2000, 2000), (200, 30, 30)).save(stream, "PNG")
    return stream.getvalue()


@pytest.fixture(scope="module")
def resources(tmp_path_factory: pytest.TempPathFactory, tiny_bundle: Bundle, jpeg: MakeJpeg) -> Iterator[Resources]:
    folder: Path = tmp_path_factory.mktemp("large_photos")
    shop = marketplace(folder / "shop", jpeg, count=1)
    shop.write_photo("photo-0-a", large_png())
    with resources_in(folder / "data", model=tiny_bundle) as opened:
        ingest(opened, shop.inputs)
        yield opened


@pytest.fixture
def client(resources: Resources) -> Iterator[TestClient[Litestar]]:
    resources.settings.request_timeout_s = 0.2
    with TestClient(create_app(resources), raise_server_exceptions=False) as client:
        yield client


@contextmanager
def another_large_photo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Decode another large photo while the block runs."""
    line = DecodingTurns(2**30)
    with monkeypatch.context() as patch, line.turn(2**30, PATIENT):
        patch.setattr(turns, "_LARGE", line)
        yield


def test_a_thumbnail_of_a_large_photo_waits_for_its_turn_until_the_deadline(
    client: TestClient[Litestar], monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"/v1/photos/{LARGE}/thumbnail"
    with another_large_photo(monkeypatch):
        refused = client.get(url)
    assert (refused.status_code, refused.headers["content-type"]) == (503, "application/problem+json")
    assert refused.headers["Retry-After"]
    assert client.get(url).status_code == 200


def test_a_search_by_a_large_photo_waits_for_its_turn_until_the_deadline(
    client: TestClient[Litestar], monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = {"image": ("photo.png", large_png())}
    with another_large_photo(monkeypatch):
        for path in ("/v1/search", "/v1/classify"):
            assert client.post(path, files=upload).status_code == 503
    assert client.post("/v1/classify", files=upload).status_code == 200


def test_nothing_else_waits_for_a_large_photo(
    client: TestClient[Litestar], monkeypatch: pytest.MonkeyPatch, jpeg: MakeJpeg
) -> None:
    with another_large_photo(monkeypatch):
        assert client.get(f"/v1/photos/{SMALL}/thumbnail").status_code == 200
        assert client.get(f"/v1/photos/{LARGE}").status_code == 200, "it is upright, so it is not decoded"
        assert client.get("/v1/categories").status_code == 200
        assert client.get("/v1/listings/listing-0/similar").status_code == 200
        assert client.post("/v1/classify", files={"image": ("photo.jpg", jpeg())}).status_code == 200
