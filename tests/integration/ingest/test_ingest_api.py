"""The REST API for bulk uploads, reindexing and consistency, in the app that `lookalike serve` runs."""

from __future__ import annotations

import csv
import io
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING, Any

import pytest
from litestar.testing import TestClient
from sqlalchemy.exc import OperationalError

from db.processes import process_name
from db.rows import jobs, listings
from services.cli.serve import build_app
from services.ingest.jobs import runner
from services.ingest.pipeline.ingest_job import create_ingest_job
from services.ingest.pipeline.uploads import UploadedFile, find_upload, store_uploads
from tests.waiting import ended, wait_for
from tests.worlds import resources_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from litestar import Litestar
    from sqlmodel import Session

    from db.models import Job
    from ml.bundle.bundle import Bundle
    from services.resources import Resources
    from tests.conftest import MakeJpeg
    from tests.worlds import Marketplace


@pytest.fixture(scope="module")
def unchanged(
    tmp_path_factory: pytest.TempPathFactory, tiny_bundle: Bundle, live_data: Path
) -> Iterator[TestClient[Litestar]]:
    """A service for refused requests, shared by the tests of the module."""
    folder = tmp_path_factory.mktemp("unchanged") / "data"
    with (
        resources_in(folder, model=tiny_bundle, like=live_data) as opened,
        TestClient(build_app(opened), raise_server_exceptions=False) as client,
    ):
        yield client


def upload(client: TestClient[Litestar], shop: Marketplace, **names: str) -> Any:
    """Upload the marketplace's files in bulk; `names` overrides the file name of a part."""
    photos = io.BytesIO()
    with zipfile.ZipFile(photos, "w") as archive:
        for path in (shop.folder / "photos").iterdir():
            archive.write(path, path.name)
    contents = {
        "listings": ("listings.csv", (shop.folder / "listings.csv").read_bytes()),
        "photos_table": ("photos.csv", (shop.folder / "photos.csv").read_bytes()),
        "photos": ("photos.zip", photos.getvalue()),
    }
    return client.post(
        "/v1/listings/bulk",
        files={part: (names.get(part, name), content) for part, (name, content) in contents.items()},
    )


def test_listings_of_a_bulk_upload_are_found_after_its_job(
    client: TestClient[Litestar], shop: Marketplace, jpeg: MakeJpeg
) -> None:
    answer = upload(client, shop)
    assert answer.status_code == 202
    job = ended(client, answer.json()["job_id"])
    assert (job["state"], job["error"]) == ("succeeded", None)
    assert (job["counts"]["listings_accepted"], job["counts"]["photos_embedded"]) == (3, 6)
    found = client.post("/v1/search", files={"image": jpeg(seed=2)}).json()["results"]
    assert found[0]["listing_id"] == "listing-1"


def test_serves_the_rejects_of_a_job_as_csv(client: TestClient[Litestar], shop: Marketplace) -> None:
    shop.write_photo("photo-0-a", b"<html>")
    job_id = ended(client, upload(client, shop).json()["job_id"])["job_id"]
    answer = client.get(f"/v1/jobs/{job_id}/rejects")
    assert answer.headers["content-type"].startswith("text/csv")
    (reject,) = csv.DictReader(io.StringIO(answer.text))
    assert (reject["id"], reject["reason"]) == ("photo-0-a", "not_an_image")


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ("Spring 2026 (photos).CSV", "Spring 2026 (photos).csv"),
        ("../../etc/été:*\n.csv.gz", "été___.csv.gz"),
        ("C:\\shop\\photos.csv", "photos.csv"),
        (".csv", "file.csv"),
        ("長" * 300 + ".csv", "長" * 60 + ".csv"),
    ],
)
def test_keeps_the_safe_part_of_an_uploads_file_name(tmp_path: Path, given: str, named: str) -> None:
    parts = {"listings": "listings.csv", "photos_table": given}
    stored = store_uploads(tmp_path, {part: UploadedFile(name, io.BytesIO(b"id\n")) for part, name in parts.items()})
    inputs = find_upload(tmp_path, stored.name)
    assert inputs.photos_table == tmp_path / stored.name / "photos_table" / named
    assert inputs.listings == tmp_path / stored.name / "listings" / "listings.csv"


def test_rejects_use_the_clients_file_names(client: TestClient[Litestar], shop: Marketplace) -> None:
    shop.write_photo_table([("gone", "listing-0")])
    answer = upload(client, shop, photos_table="Pictures.csv", photos="All of them.zip")
    job_id = ended(client, answer.json()["job_id"])["job_id"]
    (reject,) = csv.DictReader(io.StringIO(client.get(f"/v1/jobs/{job_id}/rejects").text))
    assert (reject["file"], reject["line"], reject["reason"]) == ("Pictures.csv", "2", "missing_file")
    assert reject["text"] == "no photo 'gone' in All of them.zip"


def test_refuses_a_file_of_an_unknown_format_and_stores_nothing(
    client: TestClient[Litestar], shop: Marketplace, resources: Resources
) -> None:
    answer = upload(client, shop, listings="listings.doc")
    assert answer.status_code == 400
    assert ".csv" in answer.json()["detail"]
    assert not list((resources.settings.data_dir / "uploads").glob("*"))


def test_refuses_a_bulk_upload_without_listings(unchanged: TestClient[Litestar]) -> None:
    answer = unchanged.post("/v1/listings/bulk", files={"photos": ("photos.zip", b"")})
    assert answer.status_code == 400
    assert answer.headers["content-type"].startswith("application/problem+json")


def test_an_unreadable_listings_file_fails_the_job_with_the_reason(
    client: TestClient[Litestar], shop: Marketplace
) -> None:
    (shop.folder / "listings.csv").write_text("sku,name\n1,lamp\n")
    job = ended(client, upload(client, shop).json()["job_id"])
    assert job["state"] == "failed"
    assert "product_name" in job["error"]
    assert job["error"].startswith("listings.csv: "), "where it lies on the server is nobody's business"


def test_reindex_builds_and_promotes_a_new_generation(client: TestClient[Litestar], shop: Marketplace) -> None:
    ended(client, upload(client, shop).json()["job_id"])
    answer = client.post("/v1/admin/reindex", json={})
    assert answer.status_code == 202
    job = ended(client, answer.json()["job_id"])
    assert (job["state"], job["counts"]["photos_embedded"]) == ("succeeded", 0)
    states = [(one["state"], one["photos"]) for one in client.get("/v1/admin/indexes").json()]
    assert states[:2] == [("live", 6), ("previous", 6)]
    assert client.get("/v1/listings/listing-1/similar").json()["generation"] == 2


def test_refuses_a_reindex_to_an_unknown_model(unchanged: TestClient[Litestar]) -> None:
    answer = unchanged.post("/v1/admin/reindex", json={"model_version": "none"})
    assert answer.status_code == 404
    assert "lookalike train" in answer.json()["detail"]


def test_consistency_lists_the_drift_of_each_index(
    client: TestClient[Litestar], shop: Marketplace, resources: Resources
) -> None:
    ended(client, upload(client, shop).json()["job_id"])
    resources.live.current().index("faiss").delete([1])
    drifts = {one["engine"]: one["missing"] for one in client.get("/v1/admin/consistency").json()}
    assert drifts == {"faiss": [1], "qdrant": []}


def test_the_next_start_runs_the_job_of_a_stopped_process(resources: Resources, shop: Marketplace) -> None:
    with TestClient(build_app(resources)) as client:
        job_id = upload(client, shop).json()["job_id"]
        ended(client, job_id)
    with resources.database.write() as session:  # as a process leaves the job when it is killed
        left = jobs.create_job(session, "reindex", {"model_version": None})
        jobs.start_job(session, left)
    with TestClient(build_app(resources)) as client:
        assert ended(client, left)["state"] == "succeeded"


def test_the_queue_does_not_touch_a_commands_job_or_its_files(resources: Resources, shop: Marketplace) -> None:
    job_id = create_ingest_job(resources, shop.inputs)  # as `lookalike ingest` does before it runs the job
    with TestClient(build_app(resources)) as client:
        ended(client, upload(client, shop).json()["job_id"])
        assert client.get(f"/v1/jobs/{job_id}").json()["state"] == "running"
    assert shop.inputs.listings.is_file()
    assert shop.inputs.photos is not None
    assert any(shop.inputs.photos.iterdir())


def test_fails_the_job_of_a_killed_command_and_keeps_its_files(
    resources: Resources, shop: Marketplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        gone.wait()
    machine, _, _ = process_name().partition(":")
    monkeypatch.setattr("services.ingest.pipeline.ingest_job.process_name", lambda: f"{machine}:{gone.pid}:1")
    job_id = create_ingest_job(resources, shop.inputs)
    with TestClient(build_app(resources)) as client:
        job = ended(client, job_id)
    assert job["state"] == "failed"
    assert "Run the command again." in job["error"]
    assert shop.inputs.listings.is_file()


def test_a_job_deletes_only_uploads(resources: Resources) -> None:
    kept = resources.uploads / "somebody" / "precious.txt"
    kept.parent.mkdir(parents=True)
    kept.write_text("mine")
    names = [None, "", "..", "../..", "/", "00000000-0000-0000-0000-000000000000"]
    with resources.database.write() as session:
        queued = [jobs.create_job(session, "ingest", {"upload": name}) for name in names]
    with TestClient(build_app(resources)) as client:
        for job_id in queued:
            job = ended(client, job_id)
            assert job["state"] == "failed"
            assert "does not exist. Upload the files again." in job["error"]
    assert kept.read_text() == "mine"


@pytest.mark.parametrize(("name", "state"), [("listings.csv", "succeeded"), ("listings.parquet", "failed")])
def test_deletes_an_upload_when_its_job_ends(
    client: TestClient[Litestar], resources: Resources, shop: Marketplace, name: str, state: str
) -> None:
    assert ended(client, upload(client, shop, listings=name).json()["job_id"])["state"] == state
    wait_for(lambda: list(resources.uploads.iterdir()) == [])


def test_the_queue_continues_after_an_error_outside_a_job(
    resources: Resources, shop: Marketplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = [OperationalError("SELECT", {}, Exception("the disk is full"))]
    oldest = jobs.oldest_queued_job

    def failing_once(session: Session) -> Job | None:
        if failures:
            raise failures.pop()
        return oldest(session)

    monkeypatch.setattr(jobs, "oldest_queued_job", failing_once)
    monkeypatch.setattr(runner, "_RETRY_S", 0.05)
    with TestClient(build_app(resources)) as client:
        assert ended(client, upload(client, shop).json()["job_id"])["state"] == "succeeded"
    assert failures == []


def test_an_invalid_photo_table_leaves_the_listings_unchanged(
    client: TestClient[Litestar], resources: Resources, shop: Marketplace
) -> None:
    (shop.folder / "photos.csv").write_text("picture,sku\n1,2\n")
    job = ended(client, upload(client, shop).json()["job_id"])
    assert job["state"] == "failed"
    with resources.database.read() as session:
        assert listings.listing_count(session) == 0


def test_names_an_unknown_field_of_a_bulk_upload(unchanged: TestClient[Litestar]) -> None:
    files = {"listings": ("listings.csv", b"id\n"), "photo_table": ("photos.csv", b"id\n")}
    answer = unchanged.post("/v1/listings/bulk", files=files)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["key"] == "photo_table"
    assert "photos_table" in answer.json()["errors"][0]["message"]


def test_a_reindex_needs_no_body(client: TestClient[Litestar]) -> None:
    assert ended(client, client.post("/v1/admin/reindex").json()["job_id"])["state"] == "succeeded"
