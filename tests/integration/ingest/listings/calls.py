"""Requests about single listings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from litestar import Litestar
    from litestar.testing import TestClient


LAMP = {"title": "Brass lamp", "category": "Home & Garden / Lamps", "price": 12.5, "currency": "GBP"}


def photo_parts(*photos: tuple[str, bytes]) -> list[tuple[str, tuple[str, bytes]]]:
    return [("photos", photo) for photo in photos]


def create(client: TestClient[Litestar], listing_id: str, *photos: tuple[str, bytes], **fields: Any) -> Any:
    form = {"listing_id": listing_id, **LAMP, **fields}
    return client.post("/v1/listings", data=form, files=photo_parts(*photos))


def get_listing(client: TestClient[Litestar], listing_id: str) -> Any:
    return client.get(f"/v1/listings/{listing_id}").json()


def found_listings(client: TestClient[Litestar], photo: bytes) -> list[str]:
    """Return the listings that a search by photo finds."""
    answer = client.post("/v1/search", files={"image": ("photo.jpg", photo)})
    return [result["listing_id"] for result in answer.json()["results"]]
