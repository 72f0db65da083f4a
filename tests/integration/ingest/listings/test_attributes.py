"""Address, attributes, further categories and availability of single listings."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from db.rows import listings
from tests.integration.ingest.listings.calls import LAMP, create

if TYPE_CHECKING:
    from litestar import Litestar
    from litestar.testing import TestClient

    from services.resources import Resources
    from tests.conftest import MakeJpeg

SHOWN = {
    "url": "https://shop.example/lamp?a=1&b=2",
    "attributes": {"brand": "Acme", "size": 3, "boxed": True, "frame_colour": "red"},
    "other_categories": ["Sale / Lamps", "Gifts"],
    "sold": True,
}


def stored(resources: Resources) -> dict[str, Any]:
    """Return the stored values of the listing."""
    with resources.database.read() as session:
        (row,) = listings.listings_by_id(session, ["lamp"])
    return {name: getattr(row, name) for name in SHOWN}


@pytest.fixture
def written(client: TestClient[Litestar]) -> None:
    sent = {**SHOWN, "attributes": {"Brand": " Acme ", "size": 3, "boxed": True, "Frame Colour": "red"}}
    answer = client.post("/v1/listings", json={**LAMP, **sent, "listing_id": "lamp"})
    assert answer.status_code == 201, answer.text


@pytest.mark.usefixtures("written")
def test_stores_address_attributes_categories_and_sold(client: TestClient[Litestar], resources: Resources) -> None:
    assert stored(resources) == {**SHOWN, "other_categories": [["Sale", "Lamps"], ["Gifts"]]}
    assert client.put("/v1/listings/lamp", json={**LAMP, **SHOWN}).json()["outcome"] == "unchanged"
    assert client.put("/v1/listings/lamp", json=LAMP).json()["outcome"] == "updated"
    assert stored(resources) == {"url": "", "attributes": {}, "other_categories": [], "sold": False}


@pytest.mark.usefixtures("written")
def test_a_change_keeps_what_it_does_not_name(client: TestClient[Litestar], resources: Resources) -> None:
    before = stored(resources)
    assert client.patch("/v1/listings/lamp", json={"price": 9}).status_code == 200
    assert stored(resources) == before
    client.patch("/v1/listings/lamp", json={"sold": False, "attributes": {"size": 4}})
    assert stored(resources) == {**before, "sold": False, "attributes": {"size": 4}}


def test_a_form_sends_attributes_as_json(client: TestClient[Litestar], resources: Resources, jpeg: MakeJpeg) -> None:
    fields = {**SHOWN, "attributes": json.dumps(SHOWN["attributes"]), "sold": "true"}
    assert create(client, "lamp", ("a.jpg", jpeg(1)), **fields).status_code == 201
    assert stored(resources) == {**SHOWN, "other_categories": [["Sale", "Lamps"], ["Gifts"]]}


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"attributes": {"size": [1]}}, "attributes"),
        ({"attributes": "brand"}, "attributes"),
        ({"sold": "no"}, "sold"),
        ({"other_categories": "Sale"}, "other_categories"),
    ],
    ids=str,
)
def test_a_value_of_a_wrong_type_is_refused(client: TestClient[Litestar], fields: dict[str, Any], problem: str) -> None:
    answer = client.post("/v1/listings", json={**LAMP, **fields})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["key"].startswith(problem)


def test_attributes_that_are_no_json_are_refused_in_a_form(client: TestClient[Litestar], jpeg: MakeJpeg) -> None:
    answer = create(client, "lamp", ("a.jpg", jpeg(1)), attributes="brand=Acme")
    assert answer.status_code == 400
    assert answer.json()["errors"] == [{"key": "attributes", "message": "send a JSON object"}]


@pytest.mark.parametrize(
    ("fields", "left_out"),
    [
        ({"url": "javascript:alert(1)"}, "url"),
        ({"url": f"https://shop.example/{'x' * 2048}"}, "url"),
        ({"attributes": {"note": "x" * 201}}, "note"),
    ],
    ids=["script", "long url", "long text"],
)
def test_what_cannot_be_kept_is_a_warning(client: TestClient[Litestar], fields: dict[str, Any], left_out: str) -> None:
    answer = client.post("/v1/listings", json={**LAMP, **fields})
    assert answer.status_code == 201
    assert [warning["field"] for warning in answer.json()["warnings"]] == [left_out]
