"""Describes, for OpenAPI, the bodies and answers of the ingest app that Litestar cannot derive."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from litestar.datastructures import UploadFile

from ml.photos.formats import FORMAT_NAMES
from services.ingest.tables.formats import TABLE_FORMATS
from services.web.openapi.operations import (
    PHOTO_FILE,
    form_content,
    json_content,
    operation,
    request_header,
    response,
    text_content,
)
from services.web.requests import TextPart
from services.wire import (
    BulkMode,
    DuplicateDecision,
    ListingChange,
    ListingDeletion,
    NewListing,
    ReindexRequest,
    WholeListing,
    bulk,
)
from services.wire.fields import described

if TYPE_CHECKING:
    from collections.abc import Mapping

    from litestar.openapi.spec import Operation


@dataclass
class ListingsUpload:
    """A listings file, and how to ingest it."""

    listings: Annotated[UploadFile, described(f"{TABLE_FORMATS}.")]
    columns: Annotated[TextPart | None, described("The column mapping: a TOML file, or its text.")] = None
    preset: bulk.Preset = ""
    fetch_photos: bulk.FetchPhotos = False
    keep_photos: bulk.KeepPhotos = False
    keep_unpriced: bulk.KeepUnpriced = False
    seller: bulk.Seller = ""
    mode: bulk.Mode = BulkMode.ADD
    dry_run: bulk.DryRun = False
    max_removed: bulk.MaxRemoved = None
    mark_sold: bulk.MarkSold = False


@dataclass
class BulkUpload(ListingsUpload):
    """The files of a bulk upload, and how to ingest them."""

    photos_table: Annotated[
        UploadFile | None, described("Table that maps photo ids to listing ids, in any of these formats.")
    ] = None
    photos: Annotated[UploadFile | None, described("A zip or tar archive of the photos.")] = None


_PHOTO_FILES = {
    "type": "array",
    "items": {"type": "string", "format": "binary"},
    "description": f"The photos, as files: {FORMAT_NAMES}.",
}


def _listing(struct: type, examples: Mapping[str, Any] | None = None) -> type[Operation]:
    return operation(
        body={
            **json_content(struct, examples),
            **form_content(struct, {"photos": PHOTO_FILE}, replaced={"photos": _PHOTO_FILES}),
        },
        body_description="JSON with the photos' addresses, or a form with the photos: "
        "`curl -F title=Lamp -F photos=@a.jpg`.",
    )


NEW_LISTING = _listing(NewListing)
WHOLE_LISTING = _listing(WholeListing)
CHANGED_LISTING = _listing(ListingChange, {"price": {"price": "£19.00"}})
DELETION = operation(query=ListingDeletion)
BULK_UPLOAD = operation(
    body=form_content(
        BulkUpload,
        {
            "listings": ("listings.csv", "text/csv"),
            "photos_table": ("photos.csv", "text/csv"),
            "photos": ("photos.zip", "application/zip"),
            "columns": ("columns.toml", "application/toml"),
        },
    ),
    body_description="`curl -F listings=@listings.csv -F photos_table=@photos.csv -F photos=@photos.zip "
    ".../v1/listings/bulk`",
)
BULK_PREVIEW = operation(
    body=form_content(
        ListingsUpload,
        {"listings": ("listings.csv", "text/csv"), "columns": ("columns.toml", "application/toml")},
    ),
    body_description="`curl -F listings=@listings.csv -F columns=@columns.toml .../v1/listings/bulk/preview`",
)
REINDEX = operation(body=json_content(ReindexRequest), body_required=False)
REVIEW = operation(body=json_content(DuplicateDecision))

_EVENT_FIELDS = {name: {"type": "string"} for name in ("id", "event", "data")}
_EVENT = 'id: 3f1c0a9b7d2e4f60\nevent: job\ndata: {"job_id": "5f0c7a8e", "state": "running"}\n\n'
_EVENTS = {"schema": {"type": "object", "properties": _EVENT_FIELDS}, "examples": {"event": {"value": _EVENT}}}
EVENTS = operation(
    headers=[request_header("Last-Event-ID", "The id of the last event that you received.", "3f1c0a9b7d2e4f60")],
    responses={
        200: response("Server-sent events", {"text/event-stream": _EVENTS}),
        204: response("The job has ended, and you received its last event"),
    },
)

_REJECTS = "file,line,id,field,reason,text\nlistings.csv,7,lamp-9,price,unreadable_price,ask\n"
_FILE_NAME = {"Content-Disposition": "Names the file."}
REJECTS = operation(
    responses={200: response("A table with a header row", text_content("text/csv", _REJECTS), _FILE_NAME)}
)
_WARNINGS = "file,line,id,field,flag,before,after\nlistings.csv,7,lamp-9,price,absurd_price,11111,11111\n"
WARNINGS = operation(
    responses={200: response("A table with a header row", text_content("text/csv", _WARNINGS), _FILE_NAME)}
)
REPORT = operation(
    responses={200: response("A page", text_content("text/html", "<!doctype html><title>Report</title>"))}
)
