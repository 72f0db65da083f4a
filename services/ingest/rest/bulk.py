"""The call that ingests listings in bulk."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Annotated, cast

from litestar import Controller, post
from litestar.di import NamedDependency
from litestar.openapi.spec import Example
from litestar.params import HeaderParameter, MultipartBody

from db.models import Role
from services.ingest.jobs.runner import JobRunner
from services.ingest.pipeline.uploads import UploadedFile, store_uploads
from services.ingest.rest import operations
from services.ingest.rest.operations import BulkUpload
from services.resources import Resources
from services.web.problems import problem_responses
from services.wire import JobQueued

if TYPE_CHECKING:
    from typing import IO


class BulkController(Controller):
    """Bulk ingest, which has a body limit of its own."""

    path = "/v1/listings/bulk"
    tags = ("ingest",)
    opt = {"role": Role.WRITE}  # noqa: RUF012

    @post(
        "/",
        status_code=202,
        sync_to_thread=True,
        operation_class=operations.BULK_UPLOAD,
        response_description="The job was queued",
        responses=problem_responses(409),
        summary="Ingest listings in bulk",
    )
    def upload(
        self,
        data: MultipartBody[BulkUpload],
        resources: NamedDependency[Resources],
        job_runner: NamedDependency[JobRunner],
        idempotency_key: Annotated[
            str | None,
            HeaderParameter(
                name="Idempotency-Key",
                min_length=1,
                max_length=255,
                description="If you send the same files again with the same key, they are still one job.",
                examples=[Example(value="2026-03-01-listings")],
            ),
        ] = None,
    ) -> JobQueued:
        """Store the files and queue a job that ingests them. The file names' endings decide the formats."""
        parts = {
            field.name: UploadedFile(part.filename, cast("IO[bytes]", part.file))
            for field in fields(data)
            if (part := getattr(data, field.name)) is not None
        }
        stored = store_uploads(resources.uploads, parts)
        return JobQueued(job_runner.queue_ingest(stored, idempotency_key=idempotency_key))
