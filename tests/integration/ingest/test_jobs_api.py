"""Jobs over REST: pages, events, cancelling, and idempotency keys."""

from __future__ import annotations

import base64
import threading
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from litestar.testing import TestClient

from db.models import JobState
from db.rows import generations, jobs, listings, photos
from services.cli.serve import build_app
from services.ingest.jobs import runner
from services.ingest.jobs.index_jobs import run_reindex_job
from services.ingest.jobs.runner import JobRunner
from services.ingest.loading.ledger import COUNTS
from services.ingest.photos.sources import FolderPhotos
from services.ingest.pipeline import job_progress
from services.ingest.pipeline.embedding import PhotoEmbedder
from services.ingest.pipeline.ingest_job import create_ingest_job, load_files, run_ingest
from services.ingest.pipeline.job_progress import JobCancelled, JobProgress
from services.ingest.pipeline.progress import silent
from services.ingest.pipeline.uploads import sweep_uploads
from services.ingest.pipeline.worker import EmbeddingWorker
from tests.databases import on_both, on_both_slowly
from tests.waiting import ended, wait_for
from tests.worlds import adds_up, ingest, live_resources

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from litestar import Litestar

    from ml.bundle.bundle import Bundle
    from services.resources import Resources
    from tests.worlds import Marketplace


FAR_AWAY = base64.urlsafe_b64encode(b"0001-01-01T00:00:00+14:00 " + b"0" * 32).decode()


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def no_jobs(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, tiny_bundle: Bundle, live_data: Path
) -> Iterator[TestClient[Litestar]]:
    """A service without jobs, for refused requests."""
    with (
        live_resources(request.param, tmp_path_factory.mktemp("nothing"), tiny_bundle, like=live_data) as opened,
        TestClient(build_app(opened), raise_server_exceptions=False) as client,
    ):
        yield client


@pytest.fixture
def idle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep jobs in the queue."""
    monkeypatch.setattr(JobRunner, "_run_next", lambda _self: False)


def upload(client: TestClient[Litestar], shop: Marketplace, key: str | None = None) -> Any:
    """Upload the listings file, without photos."""
    return client.post(
        "/v1/listings/bulk",
        files={"listings": ("listings.csv", (shop.folder / "listings.csv").read_bytes())},
        headers={"Idempotency-Key": key} if key else {},
    )


def events(client: TestClient[Litestar], job_id: str, **headers: str) -> list[dict[str, str]]:
    """Return the fields of each event of the job, until the stream ends."""
    body = client.get(f"/v1/jobs/{job_id}/events", headers=headers).text
    blocks = [block for block in body.replace("\r\n", "\n").split("\n\n") if block.strip()]
    return [dict(line.split(": ", 1) for line in block.splitlines()) for block in blocks]


def queued(resources: Resources, count: int) -> list[str]:
    """Queue jobs and return their ids, newest first."""
    ids = []
    for _ in range(count):
        with resources.database.write() as session:
            ids.append(jobs.create_job(session, "ingest", {"upload": "00"}))
    return ids[::-1]


@on_both
def test_jobs_are_listed_newest_first_page_by_page(
    idle: None, client: TestClient[Litestar], resources: Resources
) -> None:
    ids = queued(resources, 5)
    listed, cursor, pages = [], None, 0
    while pages == 0 or cursor:
        page = client.get("/v1/jobs", params={"limit": 2, **({"cursor": cursor} if cursor else {})}).json()
        listed += [job["job_id"] for job in page["jobs"]]
        cursor, pages = page["cursor"], pages + 1
    assert (listed, pages) == (ids, 3)


@on_both_slowly
def test_a_new_job_does_not_shift_the_pages(idle: None, client: TestClient[Litestar], resources: Resources) -> None:
    ids = queued(resources, 4)
    first = client.get("/v1/jobs", params={"limit": 2}).json()
    queued(resources, 1)
    second = client.get("/v1/jobs", params={"limit": 2, "cursor": first["cursor"]}).json()
    assert [job["job_id"] for job in first["jobs"] + second["jobs"]] == ids


@on_both_slowly
def test_lists_jobs_by_state(idle: None, client: TestClient[Litestar], resources: Resources) -> None:
    job_id, _ = queued(resources, 2)
    client.post(f"/v1/jobs/{job_id}/cancel")
    listed = client.get("/v1/jobs", params={"state": "cancelled"}).json()["jobs"]
    assert [job["job_id"] for job in listed] == [job_id]


@pytest.mark.parametrize(
    "wrong",
    [{"cursor": "x"}, {"cursor": "eA=="}, {"cursor": FAR_AWAY}, {"cursor": "é"}, {"limit": 0}, {"state": "no"}],
)
def test_refuses_invalid_page_parameters(no_jobs: TestClient[Litestar], wrong: dict[str, Any]) -> None:
    assert no_jobs.get("/v1/jobs", params=wrong).status_code == 400


def test_a_finished_job_reports_its_counts_and_progress(client: TestClient[Litestar], shop: Marketplace) -> None:
    job = ended(client, upload(client, shop).json()["job_id"])
    assert (job["state"], job["counts"]["listings_accepted"]) == ("succeeded", 3)
    assert list(job["counts"]) == list(COUNTS)
    assert (job["counts"]["listings_removed"], job["counts"]["photos_failed"]) == (0, 0)
    assert job["progress"] == {"stage": "done", "done": 1, "total": 1, "per_second": None, "seconds_left": None}


def test_a_dry_run_reports_no_counts_of_stored_photos(client: TestClient[Litestar], shop: Marketplace) -> None:
    content = (shop.folder / "listings.csv").read_bytes()
    sent = client.post("/v1/listings/bulk", files={"listings": ("a.csv", content)}, data={"dry_run": "true"})
    counts = ended(client, sent.json()["job_id"])["counts"]
    assert (counts["listings_new"], counts["listings_removed"], counts["photos_read"]) == (3, 0, 0)
    assert {"photos_new", "photos_unchanged", "photos_embedded"}.isdisjoint(counts)


def test_a_job_counts_its_rejects_by_reason(client: TestClient[Litestar], shop: Marketplace) -> None:
    untitled = [[listing_id, "", "Phones", "", "", ""] for listing_id in "ab"]
    shop.write_listings([*untitled, ["c", "C", "Phones", "", "ten quid", ""]])
    job = ended(client, upload(client, shop).json()["job_id"])
    assert job["rejects"] == {"missing_title": 2, "unreadable_price": 1}
    assert not [name for name in job["counts"] if ":" in name]


def test_streams_events_until_the_job_has_ended(client: TestClient[Litestar], shop: Marketplace) -> None:
    found = events(client, upload(client, shop).json()["job_id"])
    assert {event["event"] for event in found} == {"job"}
    assert '"state":"succeeded"' in found[-1]["data"]


def test_resumes_events_after_the_last_event_id(client: TestClient[Litestar], shop: Marketplace) -> None:
    job_id = upload(client, shop).json()["job_id"]
    last = events(client, job_id)[-1]["id"]
    assert client.get(f"/v1/jobs/{job_id}/events", headers={"Last-Event-ID": last}).status_code == 204
    assert [event["id"] for event in events(client, job_id, **{"Last-Event-ID": "another"})] == [last]


@pytest.mark.parametrize("call", ["", "/events", "/rejects", "/warnings", "/cancel"])
@pytest.mark.parametrize("job_id", ["nothing", "a%00b"])
def test_answers_404_for_every_call_on_an_unknown_job(no_jobs: TestClient[Litestar], job_id: str, call: str) -> None:
    method = "POST" if call == "/cancel" else "GET"
    assert no_jobs.request(method, f"/v1/jobs/{job_id}{call}").status_code == 404


@on_both_slowly
def test_cancels_a_queued_job_at_once_and_deletes_its_files(
    idle: None, client: TestClient[Litestar], resources: Resources, shop: Marketplace
) -> None:
    job_id = upload(client, shop).json()["job_id"]
    assert client.post(f"/v1/jobs/{job_id}/cancel").json()["state"] == "cancelled"
    assert list(resources.uploads.iterdir()) == []


@on_both_slowly
def test_a_cancelled_job_never_starts(client: TestClient[Litestar], resources: Resources) -> None:
    with resources.database.write() as session:
        job_id = jobs.create_job(session, "ingest", {})
        jobs.request_cancel(session, job_id)
        assert not jobs.start_job(session, job_id)
    assert client.get(f"/v1/jobs/{job_id}").json()["state"] == "cancelled"


@on_both_slowly
def test_cancels_a_running_job_and_a_later_one_continues(
    resources: Resources, shop: Marketplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_progress, "WRITE_INTERVAL_S", 0.0)
    job_id = create_ingest_job(resources, shop.inputs)

    def cancel_at_photos(stage: str, _done: int, _total: int | None) -> None:
        if stage == "store photos":
            with resources.database.write() as session:
                jobs.request_cancel(session, job_id)

    with pytest.raises(JobCancelled):
        run_ingest(resources, job_id, shop.inputs, cancel_at_photos)
    with resources.database.read() as session:
        job = jobs.find_job(session, job_id)
        assert job is not None
        assert (job.state, listings.listing_count(session)) == (JobState.CANCELLED, 3)
    assert ingest(resources, shop.inputs).summary.counts["photos_embedded"] == 6


def test_refuses_to_cancel_a_job_that_has_ended(client: TestClient[Litestar], shop: Marketplace) -> None:
    job_id = upload(client, shop).json()["job_id"]
    ended(client, job_id)
    answer = client.post(f"/v1/jobs/{job_id}/cancel")
    assert answer.status_code == 409
    assert "succeeded" in answer.json()["detail"]


@on_both
def test_the_same_upload_with_the_same_key_makes_one_job(
    client: TestClient[Litestar], resources: Resources, shop: Marketplace
) -> None:
    first, second = (upload(client, shop, "monday").json()["job_id"] for _ in range(2))
    assert first == second
    ended(client, first)
    assert upload(client, shop, "monday").json()["job_id"] == first
    wait_for(lambda: list(resources.uploads.iterdir()) == [])
    assert len(client.get("/v1/jobs").json()["jobs"]) == 1


@on_both_slowly
def test_refuses_another_upload_with_the_same_key(client: TestClient[Litestar], shop: Marketplace) -> None:
    upload(client, shop, "monday")
    shop.write_listings([["x", "Chair", "Home", "Old", "£1", "Delph"]])
    answer = upload(client, shop, "monday")
    assert answer.status_code == 409
    assert "monday" in answer.json()["detail"]


def test_uploads_without_a_key_make_separate_jobs(client: TestClient[Litestar], shop: Marketplace) -> None:
    assert upload(client, shop).json()["job_id"] != upload(client, shop).json()["job_id"]


def test_does_not_promote_a_cancelled_reindex(resources: Resources, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_progress, "WRITE_INTERVAL_S", 0.0)
    with resources.database.write() as session:
        job_id = jobs.create_job(session, "reindex", {})

    def cancel_while_building(stage: str, _done: int, _total: int | None) -> None:
        if stage == "make live":
            with resources.database.write() as session:
                jobs.request_cancel(session, job_id)

    with pytest.raises(JobCancelled):
        run_reindex_job(resources, job_id, None, JobProgress(resources.database, job_id, cancel_while_building))
    with resources.database.read() as session:
        states = {one.id: one.state for one in generations.generations(session)}
    assert states == {1: "live", 2: "failed"}


@on_both
def test_deleting_a_listing_during_an_ingest_rejects_only_its_photos(
    resources: Resources, shop: Marketplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = FolderPhotos.read

    def delete_first(self: FolderPhotos, name: str) -> bytes:
        with resources.database.write() as session:
            listings.delete_listing(session, "listing-0")
        return read(self, name)

    monkeypatch.setattr(FolderPhotos, "read", delete_first)
    summary = ingest(resources, shop.inputs).summary
    assert (summary.counts["photos_embedded"], summary.reasons) == (4, {"unknown_listing": 2})
    assert adds_up(summary)


def test_only_the_photo_with_an_unreadable_file_fails(resources: Resources, shop: Marketplace) -> None:
    job_id = create_ingest_job(resources, shop.inputs)
    load_files(resources, job_id, shop.inputs, silent)
    with resources.database.read() as session:
        path = resources.photo_files.local_path(photos.photos_by_id(session, [1])[0].sha256)
    path.unlink()
    path.mkdir()
    PhotoEmbedder(
        resources.database, resources.photo_files, resources.embedder(), limits=resources.photo_limits
    ).embed_pending()
    with resources.database.read() as session:
        assert photos.state_counts(session, job_id=job_id) == {"pending": 0, "embedded": 5, "failed": 1, "set_aside": 0}
        assert photos.failed_photos(session, job_id=job_id)[0].id == 1


def test_deletes_uploads_without_a_job(resources: Resources, shop: Marketplace) -> None:
    for name in ("a" * 32, "b" * 32):
        (resources.uploads / name).mkdir(parents=True)
    sweep_uploads(resources.uploads, keep={"b" * 32}, older_than=timedelta(0))
    assert [path.name for path in resources.uploads.iterdir()] == ["b" * 32]


def test_a_stopped_runner_does_not_wait_for_its_next_poll(
    resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    polled, before = threading.Event(), set(threading.enumerate())
    monkeypatch.setattr(runner, "_QUEUE_POLL_S", 3600)
    monkeypatch.setattr(JobRunner, "_run_next", lambda _self: polled.set())
    started = JobRunner(resources, EmbeddingWorker(resources))
    started.start()
    assert polled.wait(30)
    started.stop()
    assert set(threading.enumerate()) <= before
