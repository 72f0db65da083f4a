"""The descriptions of the request bodies of the ingest app, for OpenAPI."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from litestar.datastructures import UploadFile

from services.web.openapi.operations import file_part, form_content, json_content, operation
from services.web.openapi.schemas import object_schema
from services.wire import DuplicateDecision, ListingChange, NewListing, ReindexRequest, WholeListing
from services.wire.fields import described

if TYPE_CHECKING:
    from litestar.openapi.spec import Operation


@dataclass
class BulkUpload:
    """The files of a bulk upload."""

    listings: Annotated[UploadFile, described("CSV, TSV, JSON Lines or Parquet; also gzipped.")]
    photos_table: Annotated[UploadFile | None, described("CSV: which photo belongs to which listing.")] = None
    photos: Annotated[UploadFile | None, described("A zip or tar archive of the photos.")] = None


_PHOTO_FILES = {
    "type": "array",
    "items": {"type": "string", "format": "binary"},
    "description": "The photos, as files: JPEG, PNG, WebP, GIF or BMP.",
}


def _listing(struct: type, **example: Any) -> type[Operation]:
    form = object_schema(struct, in_json=False, replaced={"photos": _PHOTO_FILES})
    return operation(
        body={
            **json_content(object_schema(struct, in_json=True), lamp=example),
            **form_content(form, photos=file_part("photos", "a.jpg")),
        },
        body_description="JSON with the photos' addresses, or a form with the photos: "
        "`curl -F title=Lamp -F photos=@a.jpg`.",
    )


_LAMP = {
    "title": "Brass desk lamp",
    "category": "Home & Garden / Lamps",
    "price": "£24.50",
    "location": "Delph, Manchester",
}
NEW_LISTING = _listing(NewListing, listing_id="lamp-9", **_LAMP)
WHOLE_LISTING = _listing(WholeListing, **_LAMP)
CHANGED_LISTING = _listing(ListingChange, price="£19.00")

BULK_UPLOAD = operation(
    body=form_content(
        object_schema(BulkUpload, in_json=False),
        listings=file_part("listings", "listings.csv", "text/csv"),
        photos_table=file_part("photos_table", "photos.csv", "text/csv"),
        photos=file_part("photos", "photos.zip", "application/zip"),
    ),
    body_description="`curl -F listings=@listings.csv -F photos_table=@photos.csv -F photos=@photos.zip "
    ".../v1/listings/bulk`",
)
REINDEX = operation(
    body=json_content(object_schema(ReindexRequest, in_json=True), live={"force": False}), body_required=False
)
REVIEW = operation(
    body=json_content(
        object_schema(DuplicateDecision, in_json=True),
        accept={"listing_id": "lamp-1", "other_listing_id": "lamp-2", "decision": "accept"},
    )
)
