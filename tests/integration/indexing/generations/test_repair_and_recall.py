"""Repairing indexes and reading their recall by REST."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from db.models import utc_now
from db.rows import embeddings, listings, recall
from db.rows.recall import Tally
from tests.integration.indexing.generations.models import assert_no_drift
from tests.waiting import succeeded, wait_for

if TYPE_CHECKING:
    from litestar import Litestar
    from litestar.testing import TestClient

    from services.resources import Resources
    from tests.conftest import MakeJpeg


def test_a_repair_adds_missing_points_and_removes_extra_ones(
    client: TestClient[Litestar], resources: Resources
) -> None:
    index = resources.live.current().index("faiss")
    with resources.database.read() as session:
        version = resources.live.current().generation.model_version
        points = embeddings.points(session, [1, 2], model_version=version)
    index.delete([1, 2])
    index.upsert([replace(points[0], photo_id=99)])
    counts = succeeded(client, client.post("/v1/admin/consistency/repair"))
    assert (counts["faiss_put_in"], counts["faiss_taken_out"], counts["qdrant_put_in"]) == (2, 1, 0)
    assert_no_drift(resources, 6)


def test_a_listing_deleted_while_its_photo_is_embedded_stays_deleted(
    client: TestClient[Litestar], resources: Resources, jpeg: MakeJpeg
) -> None:
    for number in range(10):
        fields = {"listing_id": f"brief-{number}", "title": "Brief", "category": "Phones"}
        client.post("/v1/listings", data=fields, files=[("photos", ("a.jpg", jpeg(seed=100 + number)))])
        client.delete(f"/v1/listings/brief-{number}")

    def only_the_others() -> bool:
        resources.live.refresh()
        return resources.live.current().index("faiss").count() == 6

    wait_for(only_the_others)
    assert_no_drift(resources, 6)
    with resources.database.read() as session:
        assert listings.listing_count(session) == 3


def test_the_recall_of_the_indexes_is_measured_on_request(unchanged: TestClient[Litestar]) -> None:
    assert unchanged.get("/v1/admin/recall").json()["indexes"] == [
        {"engine": "faiss", "ann_recall_at_10": 1.0},
        {"engine": "qdrant", "ann_recall_at_10": 1.0},
    ]


def test_the_recall_of_searches_is_returned_by_plan_shape_and_hour(
    client: TestClient[Litestar], resources: Resources
) -> None:
    live = resources.live.current().generation.id
    with resources.database.write() as session:
        recall.add(session, {(live, "faiss ivf", "category, up to 10 %"): Tally(20, 200, 190)})
        recall.add(session, {(live, "faiss ivf", "category, up to 10 %"): Tally(20, 200, 170)})
    (told,) = client.get("/v1/admin/recall", params={"hours": 2}).json()["searches"]
    assert datetime.fromisoformat(told.pop("hour")) <= utc_now()
    assert told == {
        "generation": live,
        "plan": "faiss ivf",
        "shape": "category, up to 10 %",
        "queries": 40,
        "ann_recall_at_10": 0.9,
    }
