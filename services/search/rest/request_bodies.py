"""The forms of the search calls, and the descriptions of the bodies that the calls read themselves."""

from __future__ import annotations

from typing import Annotated

import msgspec
from litestar.datastructures import UploadFile

from services import wire
from services.web.openapi.operations import file_part, form_content, json_content, operation
from services.web.openapi.schemas import object_schema, without_limits
from services.wire.fields import described

PhotoFile = Annotated[UploadFile, described("JPEG, PNG, WebP, GIF or BMP.")]
_IMAGE = file_part("image", "a.jpg")


class PhotoQuery(wire.SearchFields, kw_only=True):
    """A search by an uploaded photo."""

    image: PhotoFile


class ClassifyForm(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A photo to classify."""

    image: PhotoFile
    k: Annotated[int, described("Number of categories.", 5, minimum=1, maximum=wire.MAX_K)] = 5
    crop: wire.CropText | None = None


_ONE_SOURCE_OR_CURSOR = [
    {"properties": {name: {"type": kind}}, "required": [name]}
    for name, kind in {
        "listing_id": "string",
        "photo_id": "integer",
        "query_token": "string",
        "image_url": "string",
        "cursor": "string",
    }.items()
]
_FIRST_PAGE = {"cursor": {"type": "null"}}
_LIKED_OR_CURSOR = [
    {"properties": {"positive": {"minItems": 1}, **_FIRST_PAGE}, "required": ["positive"]},
    {"properties": {"query_token": {"type": "string"}, **_FIRST_PAGE}, "required": ["query_token"]},
    {"properties": {"positive": {"maxItems": 0}, "cursor": {"type": "string"}}, "required": ["cursor"]},
]
_STORED = object_schema(wire.StoredSearch, in_json=True, oneOf=_ONE_SOURCE_OR_CURSOR)

SEARCH = operation(
    body={
        **form_content(object_schema(PhotoQuery, in_json=False, without={"cursor"}), image=_IMAGE),
        **json_content(
            _STORED,
            listing={"listing_id": "lamp-1", "k": 5, "category": ["Home & Garden"], "price_max": 50},
            crop={"query_token": "...", "crop": "0.25,0.25,0.5,0.5"},
            next_page={"cursor": "...", "k": 20},
        ),
    },
    body_description="A form with a photo: `curl -F image=@lamp.jpg -F k=5 -F price_max=50 .../v1/search`. Or JSON "
    "that names a listing, a stored photo, an earlier query or a photo's address.",
)


def _batch_schema() -> dict[str, object]:
    """The limits are left out: a search whose values are not valid gets its own problem, and refuses no other."""
    schema = object_schema(wire.BatchSearch, in_json=True)
    schema["properties"]["queries"]["items"] = without_limits(_STORED)
    return schema


BATCH = operation(
    body=json_content(_batch_schema(), two={"queries": [{"listing_id": "lamp-1"}, {"photo_id": 7, "k": 3}]})
)
RECOMMEND = operation(
    body=json_content(
        object_schema(wire.Recommendation, in_json=True, anyOf=_LIKED_OR_CURSOR),
        liked={"positive": ["lamp-1", "lamp-2"], "negative": ["lamp-3"], "diversity": 0.3, "k": 10},
        less_like_this={"query_token": "...", "negative": ["lamp-3"]},
    )
)
CLASSIFY = operation(
    body=form_content(object_schema(ClassifyForm, in_json=False), image=_IMAGE),
    body_description="`curl -F image=@lamp.jpg -F k=3 .../v1/classify`",
)
SIMILAR = operation(query=wire.SearchFields)
