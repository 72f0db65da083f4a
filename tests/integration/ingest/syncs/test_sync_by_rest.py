"""Syncs by REST: the options of a bulk call, and what the job tells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.truth import stored_ids
from tests.waiting import ended

if TYPE_CHECKING:
    from litestar import Litestar
    from litestar.testing import TestClient

    from services.resources import Resources

HEADER = "id,product_name,category,product_description,price,location\n"
ROWS = [f"{name},Item,Phones,,£1,Leeds\n" for name in "abc"]


def upload(client: TestClient[Litestar], *rows: str, **options: str) -> dict[str, Any]:
    """Upload a feed and return its job once it has ended."""
    file = ("feed.csv", (HEADER + "".join(rows)).encode())
    answer = client.post("/v1/listings/bulk", files={"listings": file}, data=options)
    assert answer.status_code == 202, answer.text
    return ended(client, answer.json()["job_id"])


def test_a_sync_is_tried_refused_allowed_and_done(client: TestClient[Litestar], resources: Resources) -> None:
    upload(client, *ROWS)
    refused = upload(client, ROWS[0], mode="sync")
    assert (refused["state"], "feed.csv lacks 2 of 3 listings" in refused["error"]) == ("failed", True)
    tried = upload(client, ROWS[0], mode="sync", dry_run="true", max_removed="70%")
    assert (tried["state"], tried["dry_run"], tried["counts"]["listings_removed"]) == ("succeeded", True, 2)
    assert stored_ids(resources.database) == ["a", "b", "c"]
    warnings = client.get(f"/v1/jobs/{tried['job_id']}/warnings").text
    assert "feed.csv,0,b,,removed,Item," in warnings
    done = upload(client, ROWS[0], mode="sync", max_removed="0.7", mark_sold="true")
    assert (done["dry_run"], done["counts"]["listings_sold"]) == (False, 2)
    done = upload(client, ROWS[0], mode="sync", max_removed="0.7")
    assert (done["counts"]["listings_removed"], stored_ids(resources.database)) == (2, ["a"])


def test_the_feed_of_a_seller_is_synced_alone(client: TestClient[Litestar], resources: Resources) -> None:
    upload(client, *ROWS)
    upload(client, "x,Item,Phones,,£1,Leeds\n", "y,Item,Phones,,£1,Leeds\n", mode="sync", seller="shop-9")
    done = upload(client, "y,Item,Phones,,£1,Leeds\n", mode="sync", seller="shop-9", max_removed="50%")
    assert (done["counts"]["listings_removed"], stored_ids(resources.database)) == (1, ["a", "b", "c", "y"])
