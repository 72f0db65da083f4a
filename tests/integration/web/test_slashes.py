"""Listings whose ids hold slashes and other signs of URLs."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from litestar.testing import TestClient

from db.rows.access.audit import newest_entries
from services.ingest.app import create_app as create_ingest_app
from services.search.app import create_app
from tests.worlds import resources_in

if TYPE_CHECKING:
    from pathlib import Path

    from ml.bundle.bundle import Bundle
    from tests.conftest import MakeJpeg

IDS = ("lamp/1", "/", "a//b/", "lamp%2F1", "100%/ü?x=1#2")


def test_listings_with_any_id_are_added_read_changed_searched_and_deleted(
    tmp_path: Path, tiny_bundle: Bundle, live_data: Path, jpeg: MakeJpeg
) -> None:
    with resources_in(tmp_path / "data", model=tiny_bundle, like=live_data) as resources:
        with TestClient(create_ingest_app(resources)) as ingest, TestClient(create_app(resources)) as search:
            for listing_id in IDS:
                path = "/v1/listings/" + quote(listing_id, safe="")
                fields = {"title": listing_id, "category": "Lamps"}
                assert ingest.put(path, data=fields, files={"photos": ("a.jpg", jpeg())}).status_code == 201
                read = search.get(path).json()
                assert (read["listing_id"], read["title"]) == (listing_id, listing_id)
                assert ingest.patch(path, json={"price": "5"}).status_code == 200
                assert search.get(path + "/duplicates").status_code == 200
                assert search.get(path + "/similar").status_code in (200, 409), "its photo may not be embedded yet"
            for listing_id in IDS:
                path = "/v1/listings/" + quote(listing_id, safe="")
                assert ingest.delete(path).status_code == 204
                assert search.get(path).status_code == 404
        with resources.database.read() as session:
            paths = [entry.path for entry in newest_entries(session, limit=100)]
    assert "/v1/listings/lamp/1" in paths
