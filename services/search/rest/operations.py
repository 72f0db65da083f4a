"""The forms of the search app, and its bodies and answers that Litestar cannot derive, described for OpenAPI."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from litestar.datastructures import UploadFile

from ml.photos.formats import FORMAT_NAMES
from services import wire
from services.search.rest.pictures import MEDIA_TYPES
from services.search.rest.thumbnails import FORMATS
from services.web.openapi.operations import PHOTO_FILE, form_content, json_content, operation, request_header, response
from services.web.openapi.schemas import without_limits
from services.wire.fields import described

if TYPE_CHECKING:
    from collections.abc import Iterable

    from litestar.openapi.spec import Operation


PhotoFile = Annotated[UploadFile, described(f"{FORMAT_NAMES}.")]
_IMAGE = {"image": PHOTO_FILE}


class PhotoQuery(wire.TextOptions, kw_only=True):
    """A search by an uploaded photo."""

    image: PhotoFile


class ClassifyForm(wire.WordsToClassify, kw_only=True, forbid_unknown_fields=True):
    """An item to classify: photos, words, or both."""

    image: Annotated[
        list[UploadFile], described(f"Photos of the item. {FORMAT_NAMES}.", maxItems=wire.MAX_CLASSIFIED_PHOTOS)
    ] = []  # noqa: RUF012 - msgspec copies it
    crop: wire.CropText | None = None


_A_PHOTO = {"properties": {"image": {"minItems": 1}}, "required": ["image"]}
_A_WORD = [{"properties": {name: {"pattern": r"\S"}}, "required": [name]} for name in ("title", "description")]
_ONE_SOURCE_OR_CURSOR = [
    {"properties": {name: {"type": "integer" if name == "photo_id" else "string"}}, "required": [name]}
    for name in ("listing_id", "photo_id", "query_token", "image_url", "cursor")
]
_FIRST_PAGE = {"cursor": {"type": "null"}}
_LIKED_OR_CURSOR = [
    {"properties": {"positive": {"minItems": 1}, **_FIRST_PAGE}, "required": ["positive"]},
    {"properties": {"query_token": {"type": "string"}, **_FIRST_PAGE}, "required": ["query_token"]},
    {"properties": {"positive": {"maxItems": 0}, "cursor": {"type": "string"}}, "required": ["cursor"]},
]
_STORED = json_content(
    wire.StoredSearch,
    {
        "listing": {"listing_id": "lamp-1", "k": 5, "category": ["Home & Garden"], "price_max": 50},
        "attributes": {
            "listing_id": "lamp-1",
            "attributes": {"brand": ["Acme", "Bolt"], "size": {"min": 3, "max": 5}},
            "sold": False,
            "facets": ["category", "brand"],
        },
        "crop": {"query_token": "...", "crop": "0.25,0.25,0.5,0.5"},
        "next_page": {"cursor": "...", "k": 20},
    },
    oneOf=_ONE_SOURCE_OR_CURSOR,
)
SEARCH = operation(
    body={**form_content(PhotoQuery, _IMAGE), **_STORED},
    body_description="A form with a photo: `curl -F image=@lamp.jpg -F k=5 -F price_max=50 .../v1/search`. Or JSON "
    "that names a listing, a stored photo, an earlier query or a photo's address.",
)


def _batch_content() -> dict[str, Any]:
    """The limits are left out: a search whose values are not valid gets its own problem, and refuses no other."""
    content = json_content(wire.BatchSearch, {"two": {"queries": [{"listing_id": "lamp-1"}, {"photo_id": 7, "k": 3}]}})
    queries = content["application/json"]["schema"]["properties"]["queries"]
    queries["items"] = without_limits(_STORED["application/json"]["schema"])
    return content


BATCH = operation(body=_batch_content())
RECOMMEND = operation(
    body=json_content(
        wire.Recommendation,
        {
            "liked": {"positive": ["lamp-1", "lamp-2"], "negative": ["lamp-3"], "diversity": 0.3, "k": 10},
            "less_like_this": {"query_token": "...", "negative": ["lamp-3"]},
        },
        anyOf=_LIKED_OR_CURSOR,
    )
)
CLASSIFY = operation(
    body={
        **form_content(ClassifyForm, _IMAGE, anyOf=[_A_PHOTO, *_A_WORD]),
        **json_content(wire.WordsToClassify, anyOf=_A_WORD),
    },
    body_description="`curl -F image=@lamp.jpg -F title='Brass lamp' -F k=3 .../v1/classify`",
)
SIMILAR = operation(query=wire.SearchParameters)

_CACHE_HEADERS = {
    "ETag": "Identifies the file's bytes; send it back as `If-None-Match`.",
    "Cache-Control": "For ever, if `v` is the photo's current version; otherwise clients must revalidate.",
}


def _picture(media_types: Iterable[str], **headers: str) -> type[Operation]:
    """Describe a call that answers with a picture in one of these formats, or 304."""
    headers = {**_CACHE_HEADERS, **headers}
    return operation(
        headers=[request_header("If-None-Match", "The `ETag` of a copy that you have.", '"9f86d081884c7d65"')],
        responses={
            200: response("The picture", {media_type: {} for media_type in media_types}, headers),
            304: response("You have this picture already", headers=headers),
        },
    )


PHOTO = _picture(sorted(MEDIA_TYPES.values()))
THUMBNAIL = _picture([MEDIA_TYPES[kind] for kind in FORMATS], Vary="`Accept`")
