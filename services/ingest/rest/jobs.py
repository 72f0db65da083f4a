"""The calls that list, follow and cancel jobs."""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal
from uuid import UUID

from litestar import Controller, Request, Response, get, post
from litestar.di import NamedDependency
from litestar.response import ServerSentEvent

from db.models import ENDED, JobState, Role
from db.rows import jobs
from services.errors import BadQuery, ResourceNotFound
from services.ingest.feeds.reports import rejects_csv, warnings_csv
from services.ingest.jobs.runner import JobRunner
from services.ingest.rest.job_events import FollowedJobs, job_answer, job_event
from services.ingest.rest.operations import EVENTS, REJECTS, WARNINGS
from services.resources import Resources
from services.web.limits.open_requests import EVENT_STREAM
from services.web.limits.threads import WorkerThreads
from services.web.parameters import in_path, query
from services.web.problems import problem_responses
from services.wire import JobAnswer, JobList

if TYPE_CHECKING:
    from db.models import Job

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
        return job_answer(await workers.run(_find, resources, job_id))

    @get(
        "/{job_id:str}/events",
        opt={EVENT_STREAM: True},
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
        followed_jobs: NamedDependency[FollowedJobs],
    ) -> ServerSentEvent | Response[None]:
        """Send the job as a server-sent event whenever it changes, until it ends.

        An event's id identifies its content: with `Last-Event-ID`, an unchanged job is not sent again.
        """
        job = await workers.run(_find, resources, job_id)
        seen = request.headers.get("last-event-id", "")
        if job.state in ENDED and seen == job_event(job)[1]:
            return Response(None, status_code=204)  # 204 stops a browser from connecting again
        followed_jobs.check_room()
        return ServerSentEvent(followed_jobs.events(job, seen))

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
        return job_answer(await workers.run(job_runner.cancel, job_id))


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
    return JobList([job_answer(job) for job in page], _to_cursor(page[-1]) if len(found) > limit else None)


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
