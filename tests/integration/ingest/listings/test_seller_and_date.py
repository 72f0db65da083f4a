"""The seller and the listing date of a listing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from db.rows import listings
from tests.databases import on_both_slowly
from tests.integration.ingest.listings.calls import LAMP, create

if TYPE_CHECKING:
    from litestar import Litestar
    from litestar.testing import TestClient

    from services.resources import Resources
    from tests.conftest import MakeJpeg


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
