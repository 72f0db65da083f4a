"""The ingest app's calls. What they do is done by `pipeline`, `reindex` and `indexing`."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, cast

from litestar import Controller, Response, get, post
from litestar.datastructures import UploadFile
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, MultipartBody

from db import generations, jobs
from services.errors import NotFound
from services.indexing.consistency import drift
from services.ingest.rejects import rejects_csv
from services.ingest.runner import JobRunner
from services.ingest.schemas import DriftAnswer, GenerationAnswer, JobAnswer, JobQueued, ReindexRequest
from services.ingest.uploads import UploadedFile, store_uploads
from services.resources import Resources
from services.web.problems import problem_responses

if TYPE_CHECKING:
    from typing import IO

    from db.models import Job


@dataclass
class BulkUpload:
    """A listings file (CSV, TSV, JSON Lines, Parquet; also gzipped), a photo table (CSV) and the photos (zip, tar)."""

    listings: UploadFile
    photos_table: UploadFile | None = None
    photos: UploadFile | None = None


class BulkController(Controller):
    """Bulk ingest: a router of its own sets how large its body may be."""

    path = "/v1/listings/bulk"
    tags = ("ingest",)

    @post(
        "/",
        status_code=202,
        sync_to_thread=True,
        responses=problem_responses(400, 413),
        summary="Ingest listings in bulk",
    )
    def upload(
        self,
        data: MultipartBody[BulkUpload],
        resources: NamedDependency[Resources],
        job_runner: NamedDependency[JobRunner],
    ) -> JobQueued:
        """Store the files and queue a job that ingests them; the file names' endings tell the formats."""
        parts = {
            field.name: UploadedFile(part.filename, cast("IO[bytes]", part.file))
            for field in fields(data)
            if (part := getattr(data, field.name)) is not None
        }
        return JobQueued(job_runner.queue_ingest(store_uploads(resources.uploads, parts)))


class JobController(Controller):
    """Jobs and what they did not accept."""

    path = "/v1/jobs"
    tags = ("ingest",)

    @get("/{job_id:str}", sync_to_thread=True, responses=problem_responses(404), summary="A job's state and counts")
    def job(self, job_id: FromPath[str], resources: NamedDependency[Resources]) -> JobAnswer:
        """Return the job as it stands."""
        return _job_answer(_find(resources, job_id))

    @get(
        "/{job_id:str}/rejects",
        sync_to_thread=True,
        media_type="text/csv",
        responses=problem_responses(404),
        summary="What a job did not accept",
    )
    def rejects(self, job_id: FromPath[str], resources: NamedDependency[Resources]) -> Response[str]:
        """Return the rejects as CSV: file, line, id, field, reason, text."""
        _find(resources, job_id)
        with resources.database.read() as session:
            table = "".join(rejects_csv(jobs.rejects_of(session, job_id)))
        disposition = {"Content-Disposition": f'attachment; filename="rejects-{job_id}.csv"'}
        return Response(table, media_type="text/csv", headers=disposition)


class AdminController(Controller):
    """The indexes: rebuild, list, compare with the database."""

    path = "/v1/admin"
    tags = ("admin",)

    @post(
        "/reindex",
        status_code=202,
        sync_to_thread=True,
        responses=problem_responses(400, 404),
        summary="Build the indexes anew",
    )
    def reindex(
        self,
        resources: NamedDependency[Resources],
        job_runner: NamedDependency[JobRunner],
        data: JSONBody[ReindexRequest | None] = None,
    ) -> JobQueued:
        """Queue a job that builds a generation beside the live one, verifies it and promotes it."""
        model_version = data.model_version if data else None
        with resources.database.read() as session:
            if model_version and generations.model_path(session, model_version) is None:
                raise NotFound("registered model", model_version, remedy="`lookalike train` makes one.")
        return JobQueued(job_runner.queue_reindex(model_version))

    @get("/indexes", sync_to_thread=True, summary="The generations, newest first")
    def indexes(self, resources: NamedDependency[Resources]) -> list[GenerationAnswer]:
        """Return every generation."""
        with resources.database.read() as session:
            known = generations.generations(session)
        return [
            GenerationAnswer(one.id, one.state, one.model_version, one.photos, one.created_at, one.promoted_at)
            for one in known
        ]

    @get("/consistency", sync_to_thread=True, summary="How the indexes differ from the database")
    def consistency(self, resources: NamedDependency[Resources]) -> list[DriftAnswer]:
        """Return the drift of each index that this process has open."""
        resources.live.refresh()
        live = resources.live.current()
        version = live.generation.model_version
        found = [drift(resources.database, opened.index, model_version=version) for opened in live.opened.values()]
        return [DriftAnswer(one.engine, one.expected, one.held, one.missing, one.extra) for one in found]


def _find(resources: Resources, job_id: str) -> Job:
    with resources.database.read() as session:
        job = jobs.find_job(session, job_id)
    if job is None:
        raise NotFound("job", job_id)
    return job


def _job_answer(job: Job) -> JobAnswer:
    return JobAnswer(
        job_id=job.id,
        kind=job.kind,
        state=job.state,
        counts=job.counts,
        error=job.error,
        created_at=job.created_at,
        started_at=job.started_at,
        finished_at=job.finished_at,
    )
