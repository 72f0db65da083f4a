"""Rolling back, promoting and pruning generations, by REST and by command."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from db.rows import listings
from services.errors import Conflict
from services.indexing.generations import previous_generation
from services.indexing.pruning import prune
from services.ingest.pipeline.reindex import promote
from tests.integration.indexing.generations.models import after_model_change, assert_no_drift, change_model
from tests.waiting import succeeded

if TYPE_CHECKING:
    from pathlib import Path

    from litestar import Litestar
    from litestar.testing import TestClient

    from ml.bundle.bundle import Bundle
    from services.resources import Resources
    from tests.conftest import MakeJpeg


def states(client: TestClient[Litestar]) -> dict[int, str]:
    return {one["generation"]: one["state"] for one in client.get("/v1/admin/indexes").json()}


@after_model_change
def test_a_rollback_restores_the_previous_model_and_happens_once(
    client: TestClient[Litestar], resources: Resources, tiny_bundle: Bundle, jpeg: MakeJpeg
) -> None:
    succeeded(client, client.post("/v1/admin/indexes/2/rollback"))
    assert states(client) == {1: "live", 2: "previous"}
    answer = client.post("/v1/search", files={"image": ("photo.jpg", jpeg(seed=2))}).json()
    assert (answer["model_version"], answer["results"][0]["listing_id"]) == (tiny_bundle.version, "listing-1")
    assert_no_drift(resources, 6)
    assert client.post("/v1/admin/indexes/2/rollback").status_code == 409


@after_model_change
def test_a_restored_generation_has_the_changes_made_since(
    client: TestClient[Litestar], resources: Resources, jpeg: MakeJpeg
) -> None:
    fields = {"listing_id": "new", "title": "New", "category": "Phones"}
    client.post("/v1/listings", data=fields, files=[("photos", ("a.jpg", jpeg(seed=77)))])
    client.delete("/v1/listings/listing-0")
    succeeded(client, client.post("/v1/admin/indexes/1/promote"))
    assert_no_drift(resources, 5)
    answer = client.post("/v1/search", files={"image": ("photo.jpg", jpeg(seed=77))}).json()
    assert answer["results"][0]["listing_id"] == "new"
    assert "listing-0" not in {result["listing_id"] for result in answer["results"]}


@after_model_change
def test_a_previous_generation_says_how_many_photos_its_model_lacks(
    client: TestClient[Litestar], jpeg: MakeJpeg
) -> None:
    def to_embed() -> dict[int, int]:
        return {one["generation"]: one["photos_to_embed"] for one in client.get("/v1/admin/indexes").json()}

    assert to_embed() == {1: 0, 2: 0}
    fields = {"listing_id": "new", "title": "New", "category": "Phones"}
    client.post("/v1/listings", data=fields, files=[("photos", ("a.jpg", jpeg(seed=78)))]).raise_for_status()
    assert to_embed()[1] == 1
    succeeded(client, client.post("/v1/admin/indexes/1/promote"))
    assert to_embed()[1] == 0


@after_model_change
def test_rolling_back_twice_restores_the_newer_generation(client: TestClient[Litestar], resources: Resources) -> None:
    for generation in (2, 1):
        succeeded(client, client.post(f"/v1/admin/indexes/{generation}/rollback"))
    assert states(client) == {1: "previous", 2: "live"}
    assert_no_drift(resources, 6)


@after_model_change
def test_pruning_and_rollback_go_by_promotion_time_and_not_by_build_time(
    client: TestClient[Litestar], resources: Resources, other_bundle: Bundle
) -> None:
    succeeded(client, client.post("/v1/admin/indexes/2/rollback"))
    change_model(resources, other_bundle)
    assert states(client) == {1: "previous", 2: "pruned", 3: "live"}
    succeeded(client, client.post("/v1/admin/indexes/3/rollback"))
    assert states(client) == {1: "live", 2: "pruned", 3: "previous"}


@after_model_change
def test_generations_are_listed_with_current_photo_counts(
    client: TestClient[Litestar], resources: Resources, other_bundle: Bundle
) -> None:
    change_model(resources, other_bundle)
    with resources.database.write() as session:
        listings.delete_listing(session, "listing-0")
    listed = client.get("/v1/admin/indexes").json()
    assert [(one["state"], one["photos"]) for one in listed] == [("live", 4), ("previous", 4), ("pruned", 0)]


@pytest.mark.parametrize(
    ("call", "status"), [("1/promote", 409), ("1/rollback", 409), ("9/promote", 404), ("9/rollback", 404)]
)
def test_a_live_or_unknown_generation_cannot_be_promoted(
    unchanged: TestClient[Litestar], call: str, status: int
) -> None:
    assert unchanged.post(f"/v1/admin/indexes/{call}").status_code == status


@after_model_change
def test_a_pruned_generation_cannot_be_promoted(resources: Resources, tmp_path: Path) -> None:
    resources.live.close_retired()
    assert prune(resources.database, resources.stores, keep=0) == [1]
    assert not list((tmp_path / "data" / "indexes").rglob("photos_g1/*"))
    with pytest.raises(Conflict, match="Generation 1 is pruned"):
        promote(resources, 1)
    with pytest.raises(Conflict, match="no previous generation"):
        previous_generation(resources.database)
