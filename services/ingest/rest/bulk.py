"""The call that ingests listings in bulk."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, cast

from litestar import Controller, post
from litestar.di import NamedDependency
from litestar.exceptions import ValidationException
from litestar.openapi.spec import Example
from litestar.params import HeaderParameter, MultipartBody

from db.models import Role
from services.errors import BadInput
from services.ingest.cleaning.text import clean_line
from services.ingest.feeds.columns import Columns
from services.ingest.feeds.mapping_files import parse_columns
from services.ingest.jobs.runner import JobRunner
from services.ingest.loading.inputs import MAX_REMOVED, IngestOptions, parse_share
from services.ingest.loading.preview import preview
from services.ingest.pipeline.uploads import UploadedFile, discard_upload, find_upload, hide_upload_paths, store_uploads
from services.ingest.rest import operations
from services.ingest.rest.operations import BulkUpload, ListingsUpload
from services.ingest.rest.previews import preview_answer
from services.resources import Resources
from services.web.problems import problem_responses
from services.web.requests import INVALID, TextPart
from services.wire import BulkMode, JobQueued, PreviewAnswer

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
                description="If you send the same files and options again with the same key, they are still one job.",
                examples=[Example(value="2026-03-01-listings")],
            ),
        ] = None,
    ) -> JobQueued:
        """Store the files and queue a job that ingests them. The file names' endings decide the formats."""
        options = bulk_options(data)
        if data.photos_table is not None and data.photos is None and not data.fetch_photos:
            problem = "has no photos: send them as `photos`, or send fetch_photos=true if it names URLs"
            raise _invalid("photos_table", problem)
        files = {"listings": data.listings, "photos_table": data.photos_table, "photos": data.photos}
        parts = {
            name: UploadedFile(part.filename, cast("IO[bytes]", part.file))
            for name, part in files.items()
            if part is not None
        }
        stored = store_uploads(resources.uploads, parts, options)
        return JobQueued(job_runner.queue_ingest(stored, idempotency_key=idempotency_key))

    @post(
        "/preview",
        status_code=200,
        sync_to_thread=True,
        operation_class=operations.BULK_PREVIEW,
        summary="Preview a bulk ingest",
    )
    def preview_upload(
        self, data: MultipartBody[ListingsUpload], resources: NamedDependency[Resources]
    ) -> PreviewAnswer:
        """Show how the first ten records will be read: columns, listings, rejects. Nothing is written."""
        options, folder = bulk_options(data), resources.uploads
        part = UploadedFile(data.listings.filename, cast("IO[bytes]", data.listings.file))
        stored = store_uploads(folder, {"listings": part})
        try:
            read = preview(find_upload(folder, stored.name).listings, options)
        except BadInput as error:
            raise BadInput(hide_upload_paths(folder, str(error))) from error
        finally:
            discard_upload(folder, stored.name)
        return preview_answer(replace(read, problem=hide_upload_paths(folder, read.problem)))


def bulk_options(data: ListingsUpload) -> IngestOptions:
    """Return the options of a bulk call.

    Raises:
        BadInput: the mapping, the preset or `max_removed` cannot be used.
        ValidationException: parts contradict each other.
    """
    for name in ("max_removed", "mark_sold"):
        if getattr(data, name) and data.mode is not BulkMode.SYNC:
            raise _invalid(name, "needs mode=sync")
    return IngestOptions(
        columns=_columns(data),
        preset=data.preset,
        fetch_photos=data.fetch_photos,
        keep_photos=data.keep_photos,
        keep_unpriced=data.keep_unpriced,
        seller=clean_line(data.seller),
        sync=data.mode is BulkMode.SYNC,
        dry_run=data.dry_run,
        max_removed=MAX_REMOVED if data.max_removed is None else parse_share(str(data.max_removed)),
        mark_sold=data.mark_sold,
    )


def _columns(data: ListingsUpload) -> Columns:
    content = b"" if data.columns is None else data.columns.content
    if len(content) > TextPart.limit:
        raise _invalid("columns", f"is longer than {TextPart.limit} bytes; send a TOML file")
    return parse_columns(content, source="columns", preset=data.preset)


def _invalid(part: str, message: str) -> ValidationException:
    return ValidationException(INVALID, extra=[{"key": part, "message": message}])
