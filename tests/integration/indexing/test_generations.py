"""Going back to a generation before, pruning and repairing, by REST and by command, with two models."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest
from litestar.testing import TestClient

from db.locks import hold_lock
from db.models import utc_now
from db.rows import embeddings, generations, listings, photos, recall
from db.rows.recall import Tally
from services.cli.serve import build_app
from services.errors import Conflict
from services.indexing.consistency import drift
from services.indexing.generations import build_and_promote, clean_up, previous_generation
from services.indexing.pruning import prune
from services.indexing.stores import FaissStore
from services.ingest.pipeline.ingest_job import create_ingest_job, load_files
from services.ingest.pipeline.progress import silent
from services.ingest.pipeline.reindex import promote, reindex
from services.model_registry import ModelRegistry
from tests.projection import write_projection
from tests.waiting import succeeded, wait_for
from tests.worlds import ingest, marketplace, resources_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from litestar import Litestar

    from db.rows.generations import GenerationRecord
    from db.vectors.base import Hit
    from ml.bundle.bundle import Bundle
    from services.indexing.live import OpenIndex
    from services.resources import Resources
    from tests.conftest import MakeJpeg


@pytest.fixture(scope="module")
def other_bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """Another model than `tiny_bundle`."""
    return write_projection(tmp_path_factory.mktemp("models") / "other", seed=1)


@pytest.fixture(scope="module")
def folders(
    tmp_path_factory: pytest.TempPathFactory,
    tiny_bundle: Bundle,
    other_bundle: Bundle,
    live_data: Path,
    jpeg: MakeJpeg,
) -> dict[str, Path]:
    """Data directories with three listings: as they were ingested, and after a change of the model."""
    folder = tmp_path_factory.mktemp("generations")
    ingested, changed = folder / "ingested", folder / "changed"
    with resources_in(ingested, model=tiny_bundle, like=live_data) as opened:
        ingest(opened, marketplace(folder / "shop", jpeg, count=3).inputs)
    with resources_in(changed, model=tiny_bundle, like=ingested) as opened:
        change_model(opened, other_bundle)
    return {"ingested": ingested, "changed": changed}


after_a_change = pytest.mark.parametrize("resources", ["changed"], indirect=True, ids=[""])
"""For tests that begin with generation 1 of `tiny_bundle`, and generation 2 of `other_bundle`, which is live."""


@pytest.fixture
def resources(
    request: pytest.FixtureRequest, tmp_path: Path, tiny_bundle: Bundle, folders: dict[str, Path]
) -> Iterator[Resources]:
    """Three listings with two photos each in generation 1."""
    folder = folders[getattr(request, "param", "ingested")]
    with resources_in(tmp_path / "data", model=tiny_bundle, like=folder) as opened:
        yield opened


@pytest.fixture(scope="module")
def unchanged(
    tmp_path_factory: pytest.TempPathFactory, tiny_bundle: Bundle, folders: dict[str, Path]
) -> Iterator[TestClient[Litestar]]:
    """A service for what is only asked, or refused."""
    folder = tmp_path_factory.mktemp("unchanged") / "data"
    with (
        resources_in(folder, model=tiny_bundle, like=folders["ingested"]) as opened,
        TestClient(build_app(opened), raise_server_exceptions=False) as client,
    ):
        yield client


def change_model(resources: Resources, bundle: Bundle) -> None:
    reindex(resources, model_version=resources.models.register(bundle.path).version)
    resources.live.refresh()


def states(client: TestClient[Litestar]) -> dict[int, str]:
    return {one["generation"]: one["state"] for one in client.get("/v1/admin/indexes").json()}


def assert_in_line(resources: Resources, photos: int) -> None:
    live = resources.live.current()
    for opened in live.opened.values():
        found = drift(resources.database, opened.index, model_version=live.generation.model_version)
        assert (found.is_empty, found.held) == (True, photos)


@after_a_change
def test_a_rollback_brings_the_model_before_back_and_happens_once(
    client: TestClient[Litestar], resources: Resources, tiny_bundle: Bundle, jpeg: MakeJpeg
) -> None:
    succeeded(client, client.post("/v1/admin/indexes/2/rollback"))
    assert states(client) == {1: "live", 2: "previous"}
    answer = client.post("/v1/search", files={"image": ("photo.jpg", jpeg(seed=2))}).json()
    assert (answer["model_version"], answer["results"][0]["listing_id"]) == (tiny_bundle.version, "listing-1")
    assert_in_line(resources, 6)
    assert client.post("/v1/admin/indexes/2/rollback").status_code == 409


@after_a_change
def test_what_was_added_and_deleted_since_is_in_a_generation_that_comes_back(
    client: TestClient[Litestar], resources: Resources, jpeg: MakeJpeg
) -> None:
    fields = {"listing_id": "new", "title": "New", "category": "Phones"}
    client.post("/v1/listings", data=fields, files=[("photos", ("a.jpg", jpeg(seed=77)))])
    client.delete("/v1/listings/listing-0")
    succeeded(client, client.post("/v1/admin/indexes/1/promote"))
    assert_in_line(resources, 5)
    answer = client.post("/v1/search", files={"image": ("photo.jpg", jpeg(seed=77))}).json()
    assert answer["results"][0]["listing_id"] == "new"
    assert "listing-0" not in {result["listing_id"] for result in answer["results"]}


@after_a_change
def test_one_can_go_back_and_forth(client: TestClient[Litestar], resources: Resources) -> None:
    for generation in (2, 1):
        succeeded(client, client.post(f"/v1/admin/indexes/{generation}/rollback"))
    assert states(client) == {1: "previous", 2: "live"}
    assert_in_line(resources, 6)


@after_a_change
def test_what_was_live_last_is_kept_and_led_back_to_not_what_was_built_last(
    client: TestClient[Litestar], resources: Resources, other_bundle: Bundle
) -> None:
    succeeded(client, client.post("/v1/admin/indexes/2/rollback"))
    change_model(resources, other_bundle)
    assert states(client) == {1: "previous", 2: "pruned", 3: "live"}
    succeeded(client, client.post("/v1/admin/indexes/3/rollback"))
    assert states(client) == {1: "live", 2: "pruned", 3: "previous"}


@after_a_change
def test_a_generation_is_listed_with_the_photos_that_it_holds_now(
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
def test_what_cannot_be_promoted_is_refused_at_once(unchanged: TestClient[Litestar], call: str, status: int) -> None:
    assert unchanged.post(f"/v1/admin/indexes/{call}").status_code == status


@after_a_change
def test_a_pruned_generation_does_not_come_back(resources: Resources, tmp_path: Path) -> None:
    resources.live.close_retired()
    assert prune(resources.database, resources.stores, keep=0) == [1]
    assert not list((tmp_path / "data" / "indexes").rglob("photos_g1/*"))
    with pytest.raises(Conflict, match="Generation 1 is pruned"):
        promote(resources, 1)
    with pytest.raises(Conflict, match="no previous generation"):
        previous_generation(resources.database)


@after_a_change
def test_a_generation_that_cannot_be_brought_in_line_leaves_the_live_one(
    resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:

    def unreachable(*_arguments: object) -> None:
        raise ConnectionError("the engine is away")

    monkeypatch.setattr(type(resources.stores[0]), "open", unreachable)
    with pytest.raises(ConnectionError):
        promote(resources, 1)
    resources.live.refresh()
    assert resources.live.current().generation.id == 2


def test_a_repair_puts_in_what_is_missing_and_takes_out_what_is_too_much(
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
    assert_in_line(resources, 6)


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
    assert_in_line(resources, 6)
    with resources.database.read() as session:
        assert listings.listing_count(session) == 3


def test_photos_that_wait_are_not_lost_to_a_model_that_is_never_promoted(
    resources: Resources, other_bundle: Bundle, tmp_path: Path, jpeg: MakeJpeg, monkeypatch: pytest.MonkeyPatch
) -> None:
    more = marketplace(tmp_path / "more", jpeg, count=5)
    load_files(resources, create_ingest_job(resources, more.inputs), more.inputs, silent)

    def fail(*_arguments: object, **_more: object) -> None:
        raise Conflict("the build fails")

    monkeypatch.setattr("services.ingest.pipeline.reindex.build_and_promote", fail)
    with pytest.raises(Conflict):
        change_model(resources, other_bundle)
    assert ingest(resources, more.inputs).summary.counts["photos_embedded"] == 4
    assert_in_line(resources, 10)


def test_photos_that_wait_are_settled_by_a_model_that_is_promoted(
    resources: Resources, other_bundle: Bundle, tmp_path: Path, jpeg: MakeJpeg
) -> None:
    more = marketplace(tmp_path / "more", jpeg, count=5)
    load_files(resources, create_ingest_job(resources, more.inputs), more.inputs, silent)
    change_model(resources, other_bundle)
    with resources.database.read() as session:
        assert photos.state_counts(session) == {"pending": 0, "embedded": 10, "failed": 0}
    assert_in_line(resources, 10)


class Forgetful(FaissStore):
    """Its indexes find every other neighbour only, unless asked to compare with all."""

    def open(self, generation: GenerationRecord) -> OpenIndex:
        opened = super().open(generation)
        search = opened.index.search

        def halved(vector: Any, k: int, *arguments: Any, exact: bool = False) -> list[Hit]:
            hits = search(vector, k, *arguments, exact=exact)
            return hits if exact else hits[::2]

        opened.index.search = halved  # type: ignore[method-assign]
        return opened


def test_an_index_that_finds_too_little_is_promoted_only_by_force(resources: Resources, tmp_path: Path) -> None:
    live = resources.live.current().generation
    stores = [Forgetful(resources.database, tmp_path / "forgetful", threads=1)]
    with pytest.raises(Conflict, match=r"finds 0\.500 of the true neighbours"):
        build_and_promote(resources.database, stores, live.model_version)
    forced = build_and_promote(resources.database, stores, live.model_version, force=True)
    with resources.database.read() as session:
        known = {one.id: (one.state, one.forced) for one in generations.generations(session)}
    assert known == {live.id: ("previous", False), 2: ("failed", False), forced.id: ("live", True)}


def test_a_worse_model_is_promoted_only_by_force(
    resources: Resources, other_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = resources.models.register(other_bundle.path).version
    worth = {version: {"category_accuracy": 0.7}, "live": {"category_accuracy": 0.8}}
    monkeypatch.setattr(ModelRegistry, "metrics", lambda _self, one: worth.get(one, worth["live"]))
    with pytest.raises(Conflict, match=r"category accuracy is 0\.700 instead of 0\.800"):
        reindex(resources, model_version=version)
    assert reindex(resources, model_version=version, force=True)[0].forced


def test_a_build_whose_process_died_is_dropped_by_the_next(resources: Resources, tmp_path: Path) -> None:
    live = resources.live.current().generation
    with resources.database.write() as session:
        left = generations.create_generation(session, live.model_version)
    for store in resources.stores:
        store.open(left).index.close()
    assert list((tmp_path / "data" / "indexes").rglob(left.collection))
    clean_up(resources.database, resources.stores)
    assert not list((tmp_path / "data" / "indexes").rglob(left.collection))
    with resources.database.read() as session:
        assert {one.id: one.state for one in generations.generations(session)} == {live.id: "live", left.id: "failed"}


def test_a_build_that_goes_on_is_left_alone(resources: Resources) -> None:
    live = resources.live.current().generation
    with resources.database.write() as session:
        building = generations.create_generation(session, live.model_version)
    with hold_lock(resources.database, "generations"):
        clean_up(resources.database, resources.stores)
    with resources.database.read() as session:
        found = generations.find_generation(session, building.id)
    assert found is not None
    assert found.state == "building"


def test_the_recall_of_the_indexes_can_be_asked_for(unchanged: TestClient[Litestar]) -> None:
    assert unchanged.get("/v1/admin/recall").json()["indexes"] == [
        {"engine": "faiss", "ann_recall_at_10": 1.0},
        {"engine": "qdrant", "ann_recall_at_10": 1.0},
    ]


def test_the_recall_of_what_people_searched_for_is_told_by_plan_shape_and_hour(
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
