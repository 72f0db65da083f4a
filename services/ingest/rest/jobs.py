"""The calls that list, follow and cancel jobs."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal
from uuid import UUID

import msgspec
from litestar import Controller, Request, Response, get, post
from litestar.di import NamedDependency
from litestar.response import ServerSentEvent, ServerSentEventMessage

from db.models import ENDED, JobState, Role
from db.rows import jobs
from services.errors import BadQuery, ResourceNotFound
from services.ingest.feeds.reports import rejects_csv, warnings_csv
from services.ingest.jobs.runner import JobRunner
from services.ingest.loading.ledger import complete_counts
from services.ingest.rest.operations import EVENTS, REJECTS, WARNINGS
from services.resources import Resources
from services.web.limits.threads import WorkerThreads
from services.web.parameters import in_path, query
from services.web.problems import problem_responses
from services.wire import JobAnswer, JobList, JobProgressAnswer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from db.models import Job

_POLL_S = 0.5
_KEEP_ALIVE_S = 15.0
"""Silence after which a comment is sent, because proxies close silent connections."""

_MAX_STREAM_S = 600.0
"""Then the client connects again, with the id of the last event that it received."""


JobId = Annotated[str, in_path("5f0c7a8e1b2d4c6f9a3e7d1b8c4f2a60")]


class JobController(Controller):
    """Jobs and the records that they rejected."""

    path = "/v1/jobs"
    tags = ("ingest",)
    opt = {"role": Role.READ}  # noqa: RUF012

    @get("/", response_description="Jobs, newest first", summary="List the jobs, newest first")
    async def jobs(
        self,
        resources: NamedDependency[Resources],
        workers: NamedDependency[WorkerThreads],
        in_state: Annotated[JobState | None, query("Only jobs in this state.", "running", name="state")] = None,
        limit: Annotated[int, query("Number of jobs.", 20, ge=1, le=200)] = 50,
        cursor: Annotated[
            str | None,
            query("The `cursor` of the previous page.", "MjAyNi0wMy0wMVQwOTozMDowMCs="),
        ] = None,
    ) -> JobList:
        """Return jobs, one page at a time."""
        return await workers.run(_page, resources, state=in_state, limit=limit, cursor=cursor)

    @get(
        "/{job_id:str}",
        response_description="The job's current state",
        responses=problem_responses(404),
        summary="Get a job's state, progress and counts",
    )
    async def job(
        self, job_id: JobId, resources: NamedDependency[Resources], workers: NamedDependency[WorkerThreads]
    ) -> JobAnswer:
        """Return the job's current state."""
        return _answer(await workers.run(_find, resources, job_id))

    @get(
        "/{job_id:str}/events",
        operation_class=EVENTS,
        media_type="text/event-stream",
        responses=problem_responses(404),
        summary="Follow a job's state",
    )
    async def events(
        self,
        request: Request[Any, Any, Any],
        job_id: JobId,
        resources: NamedDependency[Resources],
        workers: NamedDependency[WorkerThreads],
    ) -> ServerSentEvent | Response[None]:
        """Send the job as a server-sent event whenever it changes, until it ends.

        An event's id identifies its content: with `Last-Event-ID`, an unchanged job is not sent again.
        """
        job = await workers.run(_find, resources, job_id)
        seen = request.headers.get("last-event-id", "")
        if job.state in ENDED and seen == _event(job)[1]:
            return Response(None, status_code=204)  # 204 stops a browser from connecting again
        return ServerSentEvent(_job_events(resources, workers, job_id, seen))

    @get(
        "/{job_id:str}/rejects",
        operation_class=REJECTS,
        media_type="text/csv",
        responses=problem_responses(404),
        summary="Get the records that a job rejected",
    )
    async def rejects(
        self, job_id: JobId, resources: NamedDependency[Resources], workers: NamedDependency[WorkerThreads]
    ) -> Response[str]:
        """Return the rejects as CSV with the columns file, line, id, field, reason, text."""
        return await workers.run(_report, resources, "rejects", job_id)

    @get(
        "/{job_id:str}/warnings",
        operation_class=WARNINGS,
        media_type="text/csv",
        responses=problem_responses(404),
        summary="Get what a job repaired, guessed or left out in the records that it accepted",
    )
    async def warnings(
        self, job_id: JobId, resources: NamedDependency[Resources], workers: NamedDependency[WorkerThreads]
    ) -> Response[str]:
        """Return the warnings as CSV with the columns file, line, id, field, flag, before, after."""
        return await workers.run(_report, resources, "warnings", job_id)

    @post(
        "/{job_id:str}/cancel",
        status_code=202,
        opt={"role": Role.WRITE},
        response_description="The job's current state",
        responses=problem_responses(404, 409),
        summary="Cancel a job",
    )
    async def cancel(
        self, job_id: JobId, job_runner: NamedDependency[JobRunner], workers: NamedDependency[WorkerThreads]
    ) -> JobAnswer:
        """Cancel a queued job at once, or a running job soon, unless it ends first. Its finished work is kept."""
        return _answer(await workers.run(job_runner.cancel, job_id))


def _find(resources: Resources, job_id: str) -> Job:
    with resources.database.read() as session:
        job = jobs.find_job(session, job_id)
    if job is None:
        raise ResourceNotFound("job", job_id)
    return job


def _page(resources: Resources, *, state: JobState | None, limit: int, cursor: str | None) -> JobList:
    with resources.database.read() as session:
        before = None if cursor is None else _from_cursor(cursor)
        found = jobs.newest_jobs(session, limit=limit + 1, before=before, state=state)
    page = found[:limit]
    return JobList([_answer(job) for job in page], _to_cursor(page[-1]) if len(found) > limit else None)


def _to_cursor(job: Job) -> str:
    return base64.urlsafe_b64encode(f"{job.created_at.isoformat()} {job.id}".encode()).decode()


def _from_cursor(cursor: str) -> tuple[datetime, str]:
    try:
        created_at, job_id = base64.urlsafe_b64decode(cursor.encode()).decode("ascii").split(" ")
        return datetime.fromisoformat(created_at).astimezone(UTC), UUID(hex=job_id).hex
    except (ValueError, OverflowError, binascii.Error) as error:
        raise BadQuery("cursor", "is not valid. Copy it unchanged from an answer.") from error


def _report(resources: Resources, kind: Literal["rejects", "warnings"], job_id: str) -> Response[str]:
    _find(resources, job_id)
    with resources.database.read() as session:
        if kind == "rejects":
            lines = rejects_csv(jobs.rejects_of(session, job_id))
        else:
            lines = warnings_csv(jobs.warnings_of(session, job_id))
        disposition = f'attachment; filename="{kind}-{job_id}.csv"'
        return Response("".join(lines), media_type="text/csv", headers={"Content-Disposition": disposition})


async def _job_events(
    resources: Resources, workers: WorkerThreads, job_id: str, seen: str
) -> AsyncIterator[ServerSentEventMessage]:
    loop = asyncio.get_running_loop()
    until, silent_since = loop.time() + _MAX_STREAM_S, loop.time()
    while loop.time() < until:
        job = await workers.run(_find, resources, job_id)
        data, event_id = _event(job)
        if event_id != seen:
            seen, silent_since = event_id, loop.time()
            yield ServerSentEventMessage(data=data.decode(), event="job", id=event_id)
        if job.state in ENDED:
            return
        if loop.time() - silent_since > _KEEP_ALIVE_S:
            silent_since = loop.time()
            yield ServerSentEventMessage(comment="nothing new")
        await asyncio.sleep(_POLL_S)


def _event(job: Job) -> tuple[bytes, str]:
    """Return an event's data, and an id made from it."""
    data = msgspec.json.encode(_answer(job))
    return data, hashlib.sha256(data).hexdigest()[:16]


def _answer(job: Job) -> JobAnswer:
    at = jobs.progress_of(job)
    progress = None if at is None else JobProgressAnswer(at.stage, at.done, at.total, at.rate, at.seconds_left)
    return JobAnswer(
        job_id=job.id,
        kind=job.kind,
        state=job.state,
        cancel_requested=job.cancel_requested,
        progress=progress,
        counts=complete_counts(job) if job.kind == "ingest" and job.state in ENDED else jobs.counts_of(job),
        error=job.error,
        created_at=job.created_at,
        started_at=job.started_at,
        finished_at=job.finished_at,
        warnings=jobs.warnings_by_flag(job),
        rejects=jobs.rejects_by_reason(job),
        dry_run=bool(job.inputs.get("dry_run")),
    )
