"""The calls of the ingest app. `Client` and `AsyncClient` have each as a method. Any may raise Refused, Unavailable."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING
from uuid import uuid4

import msgspec

from services.client.calls import Call, Upload, bytes_of, escaped, json_call, json_of, nothing
from services.client.errors import unreadable
from services.wire import JobAnswer, JobList, JobQueued, ListingWritten, ReindexRequest, RejectAnswer

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import httpx

    from services.client.calls import Photo
    from services.wire import ListingChange, NewListing, WholeListing


def add_listing(listing: NewListing, photos: Sequence[Photo] = ()) -> Call[ListingWritten]:
    """Add a listing, with these photos or those whose URLs it has. It is not tried again; `replace_listing` is.

    Raises:
        Rejected: there is one of this id (409); or it is not accepted (`field` and `reason` say why), or a photo.
    """
    return _written("POST", "/v1/listings", listing, photos, repeatable=False)


def replace_listing(listing_id: str, listing: WholeListing, photos: Sequence[Photo] = ()) -> Call[ListingWritten]:
    """Make a listing be as given, with these photos and no others; add it if there is none of this id.

    Raises:
        Rejected: it is not accepted (`field` and `reason` say why), or a photo.
    """
    return _written("PUT", f"/v1/listings/{escaped(listing_id)}", listing, photos)


def change_listing(listing_id: str, change: ListingChange, photos: Sequence[Photo] = ()) -> Call[ListingWritten]:
    """Change what is stated of a listing; photos replace all that it has.

    Raises:
        NotFound: there is no such listing.
        Rejected: it is not accepted (`field` and `reason` say why), or a photo.
        ValueError: photos are sent as files, and a field is to become empty: a form cannot say that.
    """
    empty = [name for name, value in msgspec.to_builtins(change).items() if value is None or not str(value).strip()]
    if photos and empty:
        raise ValueError(f"{', '.join(empty)}: make it empty with a call of its own, without photos as files.")
    return _written("PATCH", f"/v1/listings/{escaped(listing_id)}", change, photos)


def delete_listing(listing_id: str) -> Call[None]:
    """Delete a listing with its photos.

    Raises:
        NotFound: there is no such listing; or there was, and the answer to a first try was lost.
    """
    return Call("DELETE", f"/v1/listings/{escaped(listing_id)}", nothing)


def upload(
    listings: Path, *, photos_table: Path | None = None, photos: Path | None = None, idempotency_key: str | None = None
) -> Call[JobQueued]:
    """Ingest files in bulk, as a job. With the same key and the same files it is still one job.

    Args:
        listings: CSV, TSV, JSON Lines, Parquet; also gzipped. The names' endings tell the formats.
        photos_table: CSV.
        photos: zip or tar.
        idempotency_key: 1 to 255 characters; one is made up if there is none, so that the call may be tried again.

    Raises:
        Rejected: a file is not accepted, or the key was used for other files (409).
        OSError: a file cannot be read.
    """
    given = {"listings": listings, "photos_table": photos_table, "photos": photos}
    files = [Upload.of(name, path) for name, path in given.items() if path is not None]
    headers = {"Idempotency-Key": uuid4().hex if idempotency_key is None else idempotency_key}
    return Call("POST", "/v1/listings/bulk", json_of(JobQueued), files=files, headers=headers)


def job(job_id: str) -> Call[JobAnswer]:
    """Return a job as it stands.

    Raises:
        NotFound: there is no such job.
    """
    return Call("GET", f"/v1/jobs/{escaped(job_id)}", json_of(JobAnswer))


def jobs(*, state: str | None = None, limit: int = 50, cursor: str | None = None) -> Call[JobList]:
    """Return `limit` jobs, 1 to 200, newest first: those in a state; those older than an answer's cursor.

    Raises:
        Rejected: there is no such state, or the cursor is not an answer's (`field`).
    """
    given = {"state": state, "limit": limit, "cursor": cursor}
    params = {name: value for name, value in given.items() if value is not None}
    return Call("GET", "/v1/jobs", json_of(JobList), params=params)


def rejects(job_id: str) -> Call[list[RejectAnswer]]:
    """Return what a job did not accept.

    Raises:
        NotFound: there is no such job.
    """
    return Call("GET", f"/v1/jobs/{escaped(job_id)}/rejects", _rejects)


def cancel(job_id: str) -> Call[JobAnswer]:
    """Cancel a queued job at once, a running one soon. It is not tried again.

    Raises:
        NotFound: there is no such job.
        Rejected: it has ended (409).
    """
    return Call("POST", f"/v1/jobs/{escaped(job_id)}/cancel", json_of(JobAnswer), repeatable=False)


def reindex(*, model_version: str | None = None, force: bool = False) -> Call[JobQueued]:
    """Build the indexes anew, as a job: for the live model or a registered one. It is not tried again.

    Raises:
        NotFound: there is no such model.
    """
    asked = ReindexRequest(model_version=model_version, force=force)
    return json_call("/v1/admin/reindex", asked, JobQueued, repeatable=False)


def _written(
    method: str, path: str, stated: msgspec.Struct, photos: Sequence[Photo], *, repeatable: bool = True
) -> Call[ListingWritten]:
    if not photos:
        return json_call(path, stated, ListingWritten, method=method, repeatable=repeatable)
    return Call(
        method,
        path,
        json_of(ListingWritten),
        repeatable=repeatable,
        form=msgspec.to_builtins(stated),
        files=[Upload.of("photos", photo) for photo in photos],
    )


def _rejects(response: httpx.Response) -> list[RejectAnswer]:
    text = bytes_of("text/csv")(response).decode("utf-8", "replace")
    try:
        return msgspec.convert(list(csv.DictReader(io.StringIO(text, newline=""))), list[RejectAnswer], strict=False)
    except (msgspec.ValidationError, csv.Error) as error:
        raise unreadable(response, f"what are not rejects ({error})") from error
