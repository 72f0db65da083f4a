"""Event streams of jobs: many clients cost one query at a time, and their number is bounded."""

from __future__ import annotations

import json
import socket
from contextlib import ExitStack, closing
from http.client import HTTPResponse
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import anyio
import pytest
from sqlalchemy.exc import OperationalError

from db.models import JobState
from db.rows import jobs
from services.ingest.jobs.runner import JobRunner
from services.ingest.rest import job_events
from services.ingest.rest.job_events import FollowedJobs
from services.web.limits.threads import WorkerThreads
from tests.servers import serving
from tests.waiting import PATIENCE_S, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from db.models import Job
    from services.resources import Resources


@pytest.fixture(autouse=True)
def _quick_polls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_events, "_POLL_S", 0.02)


def new_jobs(resources: Resources, count: int) -> list[Job]:
    with resources.database.write() as session:
        ids = [jobs.create_job(session, "train", {}, state=JobState.RUNNING) for _ in range(count)]
    with resources.database.read() as session:
        return list(jobs.find_jobs(session, ids))


class CountedReads(FollowedJobs):
    """Records the ids that each poll reads."""

    def __init__(self, resources: Resources) -> None:
        super().__init__(resources.database)
        self.polls: list[list[str]] = []

    def _read(self, job_ids: list[str]) -> list[Job]:
        self.polls.append(job_ids)
        return super()._read(job_ids)


def test_one_query_at_a_time_serves_all_clients(resources: Resources) -> None:
    followed, reads, states = new_jobs(resources, 3), CountedReads(resources), list[tuple[str, ...]]()

    async def follow(job: Job) -> None:
        events = [json.loads(str(event.data)) async for event in reads.events(job, "") if event.data]
        states.append(tuple(event["state"] for event in events))

    def finish() -> None:
        with resources.database.write() as session:
            for job in followed:
                jobs.finish_job(session, job.id)

    async def run() -> None:
        async with anyio.create_task_group() as tasks:
            for _ in range(20):
                for job in followed:
                    tasks.start_soon(follow, job)
            while len(reads.polls) < 3:
                await anyio.sleep(0.01)
            await anyio.to_thread.run_sync(finish)
        while not reads._polling.done():
            await anyio.sleep(0.01)

    anyio.run(run)
    assert states == [("running", "succeeded")] * 60
    assert {tuple(sorted(ids)) for ids in reads.polls} == {tuple(sorted(job.id for job in followed))}


class FailingOnce(CountedReads):
    """Its first poll fails."""

    def _read(self, job_ids: list[str]) -> list[Job]:
        found = super()._read(job_ids)
        if len(self.polls) == 1:
            raise OperationalError("SELECT", {}, Exception("disk I/O error"))
        return found


def test_a_failed_query_is_repeated(resources: Resources, caplog: pytest.LogCaptureFixture) -> None:
    (job,) = new_jobs(resources, 1)
    with resources.database.write() as session:
        jobs.finish_job(session, job.id)

    async def run() -> list[str]:
        return [str(event.data) async for event in FailingOnce(resources).events(job, "")]

    assert [json.loads(event)["state"] for event in anyio.run(run)] == ["running", "succeeded"]
    assert "trying again" in caplog.text


@pytest.fixture
def port(resources: Resources, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    monkeypatch.setattr(JobRunner, "_run_next", lambda _self: False)
    with serving(resources) as url:
        yield int(urlsplit(url).port or 0)


def open_stream(stack: ExitStack, port: int, job_id: str) -> HTTPResponse:
    connection = stack.enter_context(closing(socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)))
    connection.sendall(f"GET /v1/jobs/{job_id}/events HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    response = stack.enter_context(closing(HTTPResponse(connection)))
    response.begin()
    if response.status == 200:
        assert response.readline()
    return response


def test_too_many_streams_are_refused_until_a_client_leaves(
    resources: Resources, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_events, "_MOST_STREAMS", 3)
    (job,) = new_jobs(resources, 1)

    def status() -> int:
        with ExitStack() as closed_at_once:
            return open_stream(closed_at_once, port, job.id).status

    with ExitStack() as streams:
        first = ExitStack()
        open_stream(first, port, job.id)
        for _ in range(2):
            open_stream(streams, port, job.id)
        refused = open_stream(streams, port, job.id)
        assert (refused.status, refused.headers["retry-after"]) == (503, "5")
        assert "3 clients follow jobs" in json.loads(refused.read())["detail"]
        first.close()
        wait_for(lambda: status() == 200)


def test_streams_take_no_thread_from_other_requests(
    resources: Resources, monkeypatch: pytest.MonkeyPatch, port: int
) -> None:
    (job,) = new_jobs(resources, 1)
    with ExitStack() as streams:
        opened = [open_stream(streams, port, job.id) for _ in range(30)]
        runs = []
        run = WorkerThreads.run

        async def counted(self, work, *args, **kwargs):
            runs.append(work)
            return await run(self, work, *args, **kwargs)

        monkeypatch.setattr(WorkerThreads, "run", counted)
        with resources.database.write() as session:
            jobs.finish_job(session, job.id)
        assert all(b'"state":"succeeded"' in stream.read() for stream in opened)
    assert runs == []
