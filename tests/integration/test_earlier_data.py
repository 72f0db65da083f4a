"""A data folder that an earlier version wrote opens and answers.

`earlier_data.tar.xz` was written by the last version with flat folders (0.1.0, 2026-11-30): six listings of
`tests.worlds.marketplace` with two photos each, ingested with the model of `tests.projection` into SQLite, FAISS and
Qdrant Edge.
"""

from __future__ import annotations

import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from litestar.testing import TestClient

from services.cli.serve import build_app
from services.indexing.consistency import live_drift
from services.resources import Resources
from services.settings import Settings
from tests.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import MakeJpeg

_ARCHIVE = Path(__file__).with_name("earlier_data.tar.xz")


@pytest.fixture
def resources(tmp_path: Path) -> Iterator[Resources]:
    with tarfile.open(_ARCHIVE) as archive:
        archive.extractall(tmp_path, filter="data")
    opened = Resources(Settings(_env_file=None, data_dir=tmp_path / "data", threads=1))
    yield opened
    opened.close()


def test_the_indexes_hold_what_the_database_holds(resources: Resources) -> None:
    drifts = live_drift(resources.database, resources.live.current())
    found = [(drift.engine, drift.expected, drift.is_empty) for drift in drifts]
    assert found == [("faiss", 12, True), ("qdrant", 12, True)]


@pytest.mark.parametrize("engine", ["faiss", "qdrant"])
def test_a_search_by_listing_finds_every_other_listing(resources: Resources, engine: str) -> None:
    with TestClient(build_app(resources)) as client:
        answer = client.get("/v1/listings/listing-1/similar", params={"k": 10, "engine": engine}).json()
    assert {result["listing_id"] for result in answer["results"]} == {f"listing-{n}" for n in (0, 2, 3, 4, 5)}
    assert (answer["generation"], answer["model_version"]) == (1, "8fe9e66301f5")


def test_a_new_listing_is_embedded_beside_the_earlier_ones(resources: Resources, jpeg: MakeJpeg) -> None:
    with TestClient(build_app(resources)) as client:
        form = {"title": "New lamp", "category": "Home & Garden / Lamps", "listing_id": "new"}
        written = client.post("/v1/listings", data=form, files={"photos": ("new.jpg", jpeg(seed=99), "image/jpeg")})
        assert written.status_code == 201, written.text
        wait_for(lambda: client.get("/v1/listings/new/similar").status_code == 200)


def test_the_ingest_job_of_then_can_be_read(resources: Resources) -> None:
    with TestClient(build_app(resources)) as client:
        (job,) = client.get("/v1/jobs").json()["jobs"]
    assert (job["state"], job["counts"]["listings_accepted"]) == ("succeeded", 6)
