"""The calls of the ingest app, each a method of `Client` and `AsyncClient`. All may raise Refused and Unavailable."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, TypeVar
from uuid import uuid4

import msgspec

from services.client.calls import Call, Upload, bytes_reader, json_call, json_reader, no_content, path_segment
from services.client.errors import unreadable_answer
from services.wire import (
    BulkOptions,
    JobAnswer,
    JobList,
    JobQueued,
    ListingsDeleted,
    ListingWritten,
    PreviewAnswer,
    ReindexRequest,
    RejectAnswer,
    WarningAnswer,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import httpx

    from services.client.calls import Photo
    from services.wire import ListingChange, ListingDeletion, NewListing, WholeListing

T = TypeVar("T")


def add_listing(listing: NewListing, photos: Sequence[Photo] = ()) -> Call[ListingWritten]:
    """Add a listing, with photo files or with the photo URLs that it names. Not retried; `replace_listing` is.

    Raises:
        Rejected: the id exists (409), or the listing or a photo is invalid (see `field` and `reason`).
    """
    return _write_call("POST", "/v1/listings", listing, photos=photos, repeatable=False)


def replace_listing(listing_id: str, listing: WholeListing, photos: Sequence[Photo] = ()) -> Call[ListingWritten]:
    """Replace a listing and all its photos, or add it if the id is new.

    Raises:
        Rejected: the listing or a photo is invalid (see `field` and `reason`).
    """
    return _write_call("PUT", f"/v1/listings/{path_segment(listing_id)}", listing, photos=photos)


def change_listing(listing_id: str, change: ListingChange, photos: Sequence[Photo] = ()) -> Call[ListingWritten]:
    """Change some fields of a listing; photos, if any are given, replace all its photos.

    Raises:
        NotFound: there is no such listing.
        Rejected: the listing or a photo is invalid (see `field` and `reason`).
        ValueError: photo files are given and a field is cleared, which a form cannot express.
    """
    cleared = [name for name, value in msgspec.to_builtins(change).items() if value is None or not str(value).strip()]
    if photos and cleared:
        raise ValueError(f"Cannot clear {', '.join(cleared)} together with photo files. Clear it in a separate call.")
    return _write_call("PATCH", f"/v1/listings/{path_segment(listing_id)}", change, photos=photos)


def delete_listing(listing_id: str) -> Call[None]:
    """Delete a listing with its photos.

    Raises:
        NotFound: there is no such listing; also when a retry finds that the first attempt deleted it.
    """
    return Call("DELETE", f"/v1/listings/{path_segment(listing_id)}", no_content)


def delete_listings(deletion: ListingDeletion) -> Call[ListingsDeleted]:
    """Delete all listings that pass the conditions, or only count them with `dry_run`. Not retried.

    Count them first, and send the count as `expected`.

    Raises:
        Rejected: a condition is missing or invalid (see `field`), or the count has changed (409).
    """
    params = msgspec.to_builtins(deletion)
    return Call("DELETE", "/v1/listings", json_reader(ListingsDeleted), params=params, repeatable=deletion.dry_run)


def upload(
    listings: Path,
    *,
    photos_table: Path | None = None,
    photos: Path | None = None,
    options: BulkOptions = BulkOptions(),  # noqa: B008 - frozen
    idempotency_key: str | None = None,
) -> Call[JobQueued]:
    """Queue a job that ingests files. The same key with the same files and options returns the same job.

    Args:
        listings: CSV, TSV (also as .txt), JSON, JSON Lines, Excel (.xlsx) or Parquet, by the ending of its name; the
            text formats may be gzipped.
        photos_table: a table in any of these formats.
        photos: zip or tar.
        options: how to read and ingest the files.
        idempotency_key: 1 to 255 characters; generated when None, so that the call can be retried.

    Raises:
        Rejected: a file or an option is invalid, or the key was used with other files or options (409).
        OSError: a file cannot be read.
    """
    paths = {"listings": listings, "photos_table": photos_table, "photos": photos}
    files = [Upload.of(name, path) for name, path in paths.items() if path is not None]
    headers = {"Idempotency-Key": uuid4().hex if idempotency_key is None else idempotency_key}
    form = {name: _form_text(value) for name, value in msgspec.to_builtins(options).items()}
    return Call("POST", "/v1/listings/bulk", json_reader(JobQueued), form=form, files=files, headers=headers)


def preview_upload(listings: Path, *, options: BulkOptions = BulkOptions()) -> Call[PreviewAnswer]:  # noqa: B008
    """Show how the first records of a listings file will be read; nothing is written.

    Raises:
        Rejected: the file or an option is invalid.
        OSError: the file cannot be read.
    """
    form = {name: _form_text(value) for name, value in msgspec.to_builtins(options).items()}
    path, files = "/v1/listings/bulk/preview", [Upload.of("listings", listings)]
    return Call("POST", path, json_reader(PreviewAnswer), form=form, files=files)


def job(job_id: str) -> Call[JobAnswer]:
    """Return the state of a job.

    Raises:
        NotFound: there is no such job.
    """
    return Call("GET", f"/v1/jobs/{path_segment(job_id)}", json_reader(JobAnswer))


def jobs(*, state: str | None = None, limit: int = 50, cursor: str | None = None) -> Call[JobList]:
    """Return up to `limit` jobs (1 to 200), newest first, optionally in one state or after an answer's `cursor`.

    Raises:
        Rejected: the state or the cursor is invalid (see `field`).
    """
    filters = {"state": state, "limit": limit, "cursor": cursor}
    params = {name: value for name, value in filters.items() if value is not None}
    return Call("GET", "/v1/jobs", json_reader(JobList), params=params)


def rejects(job_id: str) -> Call[list[RejectAnswer]]:
    """Return the records that a job rejected.

    Raises:
        NotFound: there is no such job.
    """
    return Call("GET", f"/v1/jobs/{path_segment(job_id)}/rejects", _csv_reader(list[RejectAnswer]))


def warnings(job_id: str) -> Call[list[WarningAnswer]]:
    """Return what a job repaired, guessed or left out in the records that it accepted.

    Raises:
        NotFound: there is no such job.
    """
    return Call("GET", f"/v1/jobs/{path_segment(job_id)}/warnings", _csv_reader(list[WarningAnswer]))


def cancel(job_id: str) -> Call[JobAnswer]:
    """Cancel a queued job at once, or a running one at its next step. Not retried.

    Raises:
        NotFound: there is no such job.
        Rejected: the job has ended (409).
    """
    return Call("POST", f"/v1/jobs/{path_segment(job_id)}/cancel", json_reader(JobAnswer), repeatable=False)


def reindex(*, model_version: str | None = None, force: bool = False) -> Call[JobQueued]:
    """Queue a job that rebuilds the indexes, for the live model or a registered one. Not retried.

    Raises:
        NotFound: there is no such model.
    """
    body = ReindexRequest(model_version=model_version, force=force)
    return json_call("/v1/admin/reindex", body, JobQueued, repeatable=False)


def _form_text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _write_call(
    method: str, path: str, fields: msgspec.Struct, *, photos: Sequence[Photo], repeatable: bool = True
) -> Call[ListingWritten]:
    if not photos:
        return json_call(path, fields, ListingWritten, method=method, repeatable=repeatable)
    return Call(
        method,
        path,
        json_reader(ListingWritten),
        repeatable=repeatable,
        form=msgspec.to_builtins(fields),
        files=[Upload.of("photos", photo) for photo in photos],
    )


def _csv_reader(rows: type[T]) -> Callable[[httpx.Response], T]:
    def read(response: httpx.Response) -> T:
        text = bytes_reader("text/csv")(response).decode("utf-8", "replace")
        try:
            return msgspec.convert(list(csv.DictReader(io.StringIO(text, newline=""))), rows, strict=False)
        except (msgspec.ValidationError, csv.Error) as error:
            raise unreadable_answer(response, f"no valid table ({error})") from error

    return read
