"""The change feed, jobs and generations in the database, on SQLite and PostgreSQL."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from db.models import FeedOperation, GenerationState, Job, JobState
from db.rows import feed, generations, jobs
from db.rows.records import RejectedRecord
from tests.truth import (
    MODEL,
    register_model,
)

if TYPE_CHECKING:
    from db.session import Database


def test_a_reader_sees_every_event_while_others_append(database: Database) -> None:
    seen: list[int] = []

    def append(number: int) -> None:
        with database.write() as session:
            feed.append(session, FeedOperation.UPSERT, [number])

    with ThreadPoolExecutor(8) as pool:
        waiting = [pool.submit(append, number) for number in range(120)]
        cursor = 0
        while len(seen) < 120:
            with database.read() as session:
                for change in feed.changes_after(session, cursor, 7):
                    seen.append(change.photo_id)
                    cursor = change.seq
        for future in waiting:
            future.result()
    assert sorted(seen) == list(range(120))


def test_concurrent_count_updates_are_not_lost(database: Database) -> None:
    with database.write() as session:
        job_id = jobs.create_job(session, "ingest", {})

    def increment(_: int) -> None:
        with database.write() as session:
            jobs.add_counts(session, job_id, {"listings_read": 1})

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(increment, range(80)))
    with database.read() as session:
        assert jobs.counts_of(session.get_one(Job, job_id)) == {"listings_read": 80}


def test_promoting_a_generation_makes_the_old_one_previous(database: Database) -> None:
    register_model(database)
    with database.write() as session:
        first = generations.create_generation(session, MODEL)
        generations.promote_generation(session, first.id, photos=1)
        second = generations.create_generation(session, MODEL)
        generations.promote_generation(session, second.id, photos=2)
    with database.read() as session:
        assert [(one.id, one.state) for one in generations.generations(session)] == [
            (second.id, GenerationState.LIVE),
            (first.id, GenerationState.PREVIOUS),
        ]
        live = generations.live_generation(session)
    assert live is not None
    assert (live.collection, live.photos) == (f"photos_g{second.id}", 2)


def test_a_job_stores_counts_rejects_and_outcome(database: Database) -> None:
    reject = RejectedRecord("a.csv", 7, "x", "price", "unreadable_price", "ten quid")
    with database.write() as session:
        job_id = jobs.create_job(session, "ingest", {"listings": "a.csv"})
        jobs.start_job(session, job_id)
        jobs.add_counts(session, job_id, {"listings_read": 2})
        jobs.add_rejects(session, job_id, [reject])
        jobs.finish_job(session, job_id, "it broke")
    with database.read() as session:
        job = jobs.find_job(session, job_id)
        assert job is not None
        assert (job.state, job.error, jobs.counts_of(job)) == (JobState.FAILED, "it broke", {"listings_read": 2})
        assert jobs.rejects_by_reason(job) == {"unreadable_price": 1}
        assert list(jobs.rejects_of(session, job_id)) == [reject]


def test_requeueing_an_interrupted_job_clears_its_counts(database: Database) -> None:
    with database.write() as session:
        job_id = jobs.create_job(session, "ingest", {})
        jobs.start_job(session, job_id)
        jobs.add_counts(session, job_id, {"listings_read": 2})
        assert [job.id for job in jobs.running_jobs(session)] == [job_id]
        jobs.requeue_job(session, job_id)
    with database.read() as session:
        job = jobs.oldest_queued_job(session)
    assert job is not None
    assert (job.id, job.counts, job.started_at) == (job_id, {}, None)


def test_the_newest_job_that_embedded_many_photos_tells_how_fast_that_is(database: Database) -> None:
    start = datetime(2026, 11, 1, tzinfo=UTC)

    def add_job(hours: int, photos: int, seconds: float, state: JobState = JobState.SUCCEEDED) -> None:
        began = start + timedelta(hours=hours)
        with database.write() as session:
            job = session.get_one(Job, jobs.create_job(session, "ingest", {}, state=state))
            job.counts, job.created_at, job.started_at = {"photos_embedded": photos}, began, began
            job.finished_at = began + timedelta(seconds=seconds)

    def rate() -> float | None:
        with database.read() as session:
            return jobs.photos_embedded_per_second(session)

    assert rate() is None
    add_job(1, photos=100, seconds=10)
    add_job(2, photos=300, seconds=10)
    add_job(3, photos=2, seconds=10)
    add_job(4, photos=900, seconds=10, state=JobState.FAILED)
    assert rate() == 30.0
