"""The OpenAPI description of request bodies that a call reads by itself, since it takes more than one kind."""

from __future__ import annotations

from dataclasses import dataclass, replace

from litestar.openapi.spec import OpenAPIMediaType, OpenAPIType, Operation, RequestBody, Schema

_IMAGE = Schema(
    type=OpenAPIType.STRING, content_media_type="application/octet-stream", description="JPEG, PNG, WebP, GIF or BMP."
)
_K = Schema(type=OpenAPIType.INTEGER, minimum=1, maximum=100, default=10, description="Number of listings.")
_FILTERS = {
    "k": _K,
    "category": Schema(
        type=OpenAPIType.ARRAY, items=Schema(type=OpenAPIType.STRING), description="Any of these; may be repeated."
    ),
    "price_min": Schema(type=OpenAPIType.NUMBER, minimum=0),
    "price_max": Schema(type=OpenAPIType.NUMBER, minimum=0),
    "location": Schema(
        type=OpenAPIType.STRING, description="A place, or one part of it: `Delph, Manchester` or `Delph`."
    ),
    "engine": Schema(type=OpenAPIType.STRING, enum=["auto", "faiss", "qdrant"], default="auto"),
}


def _form(fields: dict[str, Schema]) -> OpenAPIMediaType:
    return OpenAPIMediaType(
        schema=Schema(
            type=OpenAPIType.OBJECT,
            properties={"image": _IMAGE, **fields},
            required=["image"],
            additional_properties=False,
        )
    )


@dataclass
class SearchBody(Operation):
    """An uploaded photo, or a listing or photo that is known."""

    def __post_init__(self) -> None:
        """Describe both kinds of body."""
        listing_id = Schema(type=OpenAPIType.STRING, description="Search by this listing's photos.")
        photo_id = Schema(type=OpenAPIType.INTEGER, description="Search by this photo.")
        known = Schema(
            type=OpenAPIType.OBJECT,
            properties={"listing_id": listing_id, "photo_id": photo_id, **_FILTERS},
            one_of=[Schema(required=["listing_id"]), Schema(required=["photo_id"])],
            additional_properties=False,
        )
        self.request_body = RequestBody(
            content={"multipart/form-data": _form(_FILTERS), "application/json": OpenAPIMediaType(schema=known)},
            required=True,
        )


@dataclass
class ClassifyBody(Operation):
    """An uploaded photo."""

    def __post_init__(self) -> None:
        """Describe the body."""
        k = replace(_K, default=5, description="Number of categories.")
        self.request_body = RequestBody(content={"multipart/form-data": _form({"k": k})}, required=True)
