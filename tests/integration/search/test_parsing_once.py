"""A search parses its request once."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest
from litestar.testing import TestClient

from services.search.app import create_app
from services.search.query.parsing import plain_fields, query_of
from tests.worlds import ingest, marketplace, resources_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from litestar import Litestar

    from ml.bundle.bundle import Bundle
    from tests.conftest import MakeJpeg


@pytest.fixture(scope="module")
def client(
    tmp_path_factory: pytest.TempPathFactory, tiny_bundle: Bundle, jpeg: MakeJpeg
) -> Iterator[TestClient[Litestar]]:
    folder = tmp_path_factory.mktemp("parsing")
    shop = marketplace(folder / "shop", jpeg, count=6)
    with resources_in(folder / "data", model=tiny_bundle) as resources:
        ingest(resources, shop.inputs)
        with TestClient(create_app(resources), raise_server_exceptions=False) as opened:
            yield opened


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The calls of `query_of` and `plain_fields`, from whichever module."""
    names: list[str] = []
    for function in (query_of, plain_fields):
        for module in [one for name, one in sys.modules.items() if name.startswith("services.")]:
            if getattr(module, function.__name__, None) is function:
                monkeypatch.setattr(module, function.__name__, counting(function, names))
    return names


def counting(function: Callable[..., Any], names: list[str]) -> Callable[..., Any]:
    def counted(*args: Any) -> Any:
        names.append(function.__name__)
        return function(*args)

    return counted


@pytest.mark.parametrize(
    "body",
    [
        {"listing_id": "listing-1", "k": 1, "price_weight": 0.5},
        {"photo_id": 1, "category": ["Phones"]},
        {"photo_id": 1, "crop": "0,0,0.5,1"},
    ],
    ids=str,
)
def test_a_search_in_json_is_parsed_once(
    client: TestClient[Litestar], calls: list[str], body: dict[str, object]
) -> None:
    assert client.post("/v1/search", json=body).status_code == 200
    assert sorted(calls) == ["plain_fields", "query_of"]


def test_a_search_by_upload_is_parsed_once(client: TestClient[Litestar], calls: list[str], jpeg: MakeJpeg) -> None:
    assert client.post("/v1/search", files={"image": jpeg(seed=2)}, data={"k": 2}).status_code == 200
    assert sorted(calls) == ["plain_fields", "query_of"]


def test_a_recommendation_is_parsed_once(client: TestClient[Litestar], calls: list[str]) -> None:
    assert client.post("/v1/recommend", json={"positive": ["listing-1"]}).status_code == 200
    assert sorted(calls) == ["plain_fields", "query_of"]


def test_a_search_by_get_is_parsed_once(client: TestClient[Litestar], calls: list[str]) -> None:
    assert client.get("/v1/listings/listing-1/similar").status_code == 200
    assert sorted(calls) == ["plain_fields", "query_of"]


def test_each_later_page_is_parsed_once(client: TestClient[Litestar], calls: list[str]) -> None:
    cursor = client.post("/v1/search", json={"listing_id": "listing-1", "k": 1}).json()["cursor"]
    for _ in range(2):
        calls.clear()
        cursor = client.post("/v1/search", json={"cursor": cursor, "k": 1}).json()["cursor"]
        assert sorted(calls) == ["plain_fields", "query_of"]
