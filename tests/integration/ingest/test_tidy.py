"""The tidy job prunes the change feed and deletes unused photo files."""

from __future__ import annotations

import shutil
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import update
from sqlmodel import col, select

from db.models import AuditEntry, Event, FeedCursor, Generation, Job, JobState, Photo, utc_now
from db.rows import feed, jobs, listings
from db.rows.access import audit
from db.rows.records import RejectedRecord, WarningRecord
from services.indexing.consistency import live_drift
from services.indexing.pruning import prune
from services.ingest.jobs.tidy import TidyResult, queue_tidy_if_due, run_tidy_job, tidy
from services.ingest.pipeline.progress import silent
from services.ingest.pipeline.reindex import reindex
from services.reason_codes import ListingFlag, RejectReason
from tests.databases import on_both, on_both_slowly
from tests.worlds import ingest, live_resources, marketplace, resources_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ml.bundle.bundle import Bundle
    from services.resources import Resources
    from tests.conftest import MakeJpeg

NOW, DAY = timedelta(0), timedelta(days=1)


@pytest.fixture(scope="module")
def six(tmp_path_factory: pytest.TempPathFactory, tiny_bundle: Bundle, live_data: Path, jpeg: MakeJpeg) -> Path:
    """A data directory with six listings, two photos each, embedded and indexed."""
    folder = tmp_path_factory.mktemp("six")
    with resources_in(folder / "data", model=tiny_bundle, like=live_data) as opened:
        ingest(opened, marketplace(folder / "shop", jpeg).inputs)
    return folder / "data"


@pytest.fixture
def resources(
    request: pytest.FixtureRequest, six: Path, tiny_bundle: Bundle, jpeg: MakeJpeg, tmp_path: Path
) -> Iterator[Resources]:
    """Six listings with two photos each, embedded and indexed."""
    kind = getattr(request, "param", "sqlite")
    shop = marketplace(tmp_path / "shop", jpeg)
    with live_resources(
        kind, tmp_path, tiny_bundle, like=six, prepare=lambda opened: ingest(opened, shop.inputs)
    ) as opened:
        yield opened


def events(resources: Resources) -> list[int]:
    with resources.database.read() as session:
        return [event.seq or 0 for event in session.exec(select(Event).order_by(Event.seq))]


def stand_at(resources: Resources, follower: str, seq: int) -> None:
    with resources.database.write() as session:
        feed.set_cursor(session, follower, seq)


def delete_listing(resources: Resources, listing_id: str) -> None:
    with resources.database.write() as session:
        assert listings.delete_listing(session, listing_id)


@on_both_slowly
def test_removes_events_that_every_index_has_applied_except_the_newest(resources: Resources) -> None:
    before = events(resources)
    assert tidy(resources, feed_kept_for=NOW).events == len(before) - 1
    assert events(resources) == before[-1:]


@on_both
def test_keeps_events_that_the_slowest_index_has_not_applied(resources: Resources) -> None:
    before = events(resources)
    stand_at(resources, "qdrant:photos_g1", before[4])
    tidy(resources, feed_kept_for=NOW)
    assert events(resources) == before[5:]


@on_both_slowly
def test_keeps_recent_events_for_a_rollback(resources: Resources) -> None:
    before = events(resources)
    assert tidy(resources).events == 0
    assert events(resources) == before


def test_removes_no_events_without_an_index(tmp_path: Path, jpeg: MakeJpeg) -> None:
    with resources_in(tmp_path / "data") as resources:
        ingest(resources, marketplace(tmp_path / "shop", jpeg).inputs)
        before = events(resources)
        assert tidy(resources, feed_kept_for=NOW).events == 0
        assert events(resources) == before


def test_a_dropped_generation_no_longer_holds_back_the_feed(resources: Resources) -> None:
    reindex(resources)
    prune(resources.database, resources.stores, keep=0)
    with resources.database.read() as session:
        assert {row.collection for row in session.exec(select(FeedCursor))} == {"faiss:photos_g2", "qdrant:photos_g2"}


@on_both_slowly
def test_rebuilds_an_index_whose_position_is_older_than_the_feed(resources: Resources) -> None:
    delete_listing(resources, "listing-0")
    resources.live.refresh()
    tidy(resources, feed_kept_for=NOW)
    opened = resources.live.current().opened["qdrant"]
    opened.index.delete([int(opened.index.photo_ids()[0])])
    stand_at(resources, "qdrant:photos_g1", 1)
    resources.live.refresh()
    assert all(found.is_empty for found in live_drift(resources.database, resources.live.current()))
    assert opened.cursor.read() == events(resources)[-1]


def test_repairs_a_snapshot_that_is_older_than_the_feed(resources: Resources, tmp_path: Path) -> None:
    snapshots = tmp_path / "data" / "indexes" / "faiss"
    shutil.copytree(snapshots, tmp_path / "old")
    delete_listing(resources, "listing-0")
    resources.live.refresh()
    tidy(resources, feed_kept_for=NOW)
    resources.close()
    shutil.rmtree(snapshots)
    shutil.copytree(tmp_path / "old", snapshots)
    with resources_in(tmp_path / "data", database_url=resources.settings.database_url) as again:
        again.live.refresh()
        found = {one.engine: one for one in live_drift(again.database, again.live.current())}
    assert found["faiss"].held == 10
    assert found["faiss"].is_empty


@on_both_slowly
def test_removes_only_the_photo_files_of_deleted_listings(resources: Resources, jpeg: MakeJpeg) -> None:
    delete_listing(resources, "listing-0")
    assert tidy(resources, photos_kept_for=NOW) == TidyResult(events=0, photos=2, spellings=0)
    with resources.database.read() as session:
        known = {photo.sha256 for photo in session.exec(select(Photo))}
    assert {resources.photo_files.read(sha256) for sha256 in known} == {jpeg(seed) for seed in range(2, 12)}


@on_both
def test_keeps_a_photo_file_that_another_listing_uses(resources: Resources, jpeg: MakeJpeg, tmp_path: Path) -> None:
    shop = marketplace(tmp_path / "other", jpeg, count=1)
    shop.write_listings([["twin", "Twin", "Phones", "", "", ""]])
    shop.write_photo_table([("photo-0-a", "twin")])
    ingest(resources, shop.inputs)
    delete_listing(resources, "listing-0")
    assert tidy(resources, photos_kept_for=NOW).photos == 1


@on_both_slowly
def test_removes_events_without_gaps_when_their_times_are_out_of_order(resources: Resources) -> None:
    before = events(resources)
    with resources.database.write() as session:
        session.execute(update(Event).values(created_at=utc_now() - 2 * DAY))
        session.execute(update(Event).where(col(Event.seq) == before[3]).values(created_at=utc_now()))
    tidy(resources, feed_kept_for=DAY)
    assert events(resources) == before[3:]


@on_both_slowly
def test_queues_a_tidy_job_once_a_day(resources: Resources) -> None:
    assert not queue_tidy_if_due(resources)
    with resources.database.write() as session:
        session.execute(update(Generation).values(created_at=utc_now() - DAY))
    assert queue_tidy_if_due(resources)
    assert not queue_tidy_if_due(resources)


@on_both
def test_a_tidy_job_counts_what_it_removed(resources: Resources) -> None:
    with resources.database.write() as session:
        job_id = jobs.create_job(session, "tidy", {})
        session.execute(update(Event).values(created_at=utc_now() - 8 * DAY))
    known = len(events(resources))
    run_tidy_job(resources, job_id, silent)
    with resources.database.read() as session:
        assert jobs.counts_of(session.get_one(Job, job_id)) == {
            "events_removed": known - 1,
            "photos_removed": 0,
            "reports_removed": 0,
            "spellings_removed": 0,
            "audit_entries_removed": 0,
        }


@on_both
def test_removes_the_rejects_and_warnings_of_old_jobs_but_not_their_counts(
    resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    with resources.database.write() as session:
        old, recent = (jobs.create_job(session, "ingest", {}, state=JobState.RUNNING) for _ in range(2))
        for job_id in (old, recent):
            jobs.add_rejects(session, job_id, [RejectedRecord("a.csv", 1, "x", "id", RejectReason.MISSING_ID, "")])
            flag = ListingFlag.ABSURD_PRICE
            jobs.add_warnings(session, job_id, [WarningRecord("a.csv", 1, "x", "price", flag, "1", "1")])
            jobs.finish_job(session, job_id)
        session.get_one(Job, old).finished_at = utc_now() - 8 * DAY
    assert tidy(resources).reports == 0
    monkeypatch.setattr(resources.settings, "reports_days", 7)
    assert tidy(resources).reports == 2
    with resources.database.read() as session:
        assert [len(list(jobs.rejects_of(session, job_id))) for job_id in (old, recent)] == [0, 1]
        assert [len(list(jobs.warnings_of(session, job_id))) for job_id in (old, recent)] == [0, 1]
        assert jobs.warnings_by_flag(session.get_one(Job, old)) == {ListingFlag.ABSURD_PRICE: 1}


def test_removes_audit_entries_older_than_the_setting_allows(
    resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resources.settings, "audit_days", 7)
    with resources.database.write() as session:
        for age in (0, 6, 8):
            entry = AuditEntry(method="POST", path=f"/{age}", request_id="", at=utc_now() - timedelta(days=age))
            audit.begin_entry(session, entry)
    assert tidy(resources).audit_entries == 1
    with resources.database.read() as session:
        assert [entry.path for entry in audit.newest_entries(session, limit=10)] == ["/6", "/0"]
