"""Builds of generations: quality checks, failures, and photos that wait meanwhile."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from db.locks import hold_lock
from db.rows import generations, photos
from services.errors import Conflict
from services.indexing.generations import build_and_promote, clean_up
from services.indexing.stores import FaissStore
from services.ingest.pipeline.ingest_job import create_ingest_job, load_files
from services.ingest.pipeline.progress import silent
from services.ingest.pipeline.reindex import promote, reindex
from services.model_registry import ModelRegistry
from tests.integration.indexing.generations.models import after_model_change, assert_no_drift, change_model
from tests.worlds import ingest, marketplace

if TYPE_CHECKING:
    from pathlib import Path

    from db.rows.generations import GenerationRecord
    from db.vectors.base import Hit
    from ml.bundle.bundle import Bundle
    from services.indexing.live import OpenIndex
    from services.resources import Resources
    from tests.conftest import MakeJpeg


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


@after_model_change
def test_the_live_generation_stays_if_an_engine_cannot_be_reached(
    resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:

    def unreachable(*_arguments: object) -> None:
        raise ConnectionError("the engine is away")

    monkeypatch.setattr(type(resources.stores[0]), "open", unreachable)
    with pytest.raises(ConnectionError):
        promote(resources, 1)
    resources.live.refresh()
    assert resources.live.current().generation.id == 2


def test_a_failed_build_leaves_pending_photos_pending(
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
    assert_no_drift(resources, 10)


def test_a_promotion_marks_pending_photos_embedded(
    resources: Resources, other_bundle: Bundle, tmp_path: Path, jpeg: MakeJpeg
) -> None:
    more = marketplace(tmp_path / "more", jpeg, count=5)
    load_files(resources, create_ingest_job(resources, more.inputs), more.inputs, silent)
    change_model(resources, other_bundle)
    with resources.database.read() as session:
        assert photos.state_counts(session) == {"pending": 0, "embedded": 10, "failed": 0, "set_aside": 0}
    assert_no_drift(resources, 10)


def test_an_index_with_low_recall_is_promoted_only_by_force(resources: Resources, tmp_path: Path) -> None:
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
    measured_on(monkeypatch, version, accuracy=0.7, listings=500)
    with pytest.raises(
        Conflict, match=r"category accuracy is 0\.700 instead of 0\.800, measured on 500 and 500"
    ) as error:
        reindex(resources, model_version=version)
    assert str(error.value).endswith(f"--model {resources.models.path(version)}")
    assert reindex(resources, model_version=version, force=True)[0].forced


def test_a_model_that_few_listings_measure_as_worse_is_promoted(
    resources: Resources, other_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = resources.models.register(other_bundle.path).version
    measured_on(monkeypatch, version, accuracy=0.7, listings=10)
    assert not reindex(resources, model_version=version)[0].forced


def measured_on(monkeypatch: pytest.MonkeyPatch, version: str, *, accuracy: float, listings: int) -> None:
    """Let the bundles say that `version` was measured with this accuracy, and the live model with 0.8."""

    def manifest(_self: ModelRegistry, one: str) -> SimpleNamespace:
        metrics = {"category_accuracy": accuracy if one == version else 0.8}
        return SimpleNamespace(metrics=metrics, split=SimpleNamespace(held_out=range(listings)))

    monkeypatch.setattr(ModelRegistry, "manifest", manifest)


def test_a_build_whose_process_died_is_cleaned_up(resources: Resources, tmp_path: Path) -> None:
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


def test_a_running_build_is_not_cleaned_up(resources: Resources) -> None:
    live = resources.live.current().generation
    with resources.database.write() as session:
        building = generations.create_generation(session, live.model_version)
    with hold_lock(resources.database, "generations"):
        clean_up(resources.database, resources.stores)
    with resources.database.read() as session:
        found = generations.find_generation(session, building.id)
    assert found is not None
    assert found.state == "building"
