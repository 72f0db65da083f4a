"""Examples of the search app's answers, for OpenAPI."""

from __future__ import annotations

from typing import TYPE_CHECKING

from litestar.openapi.spec import OpenAPIMediaType, OpenAPIResponse

from services import wire
from services.search.rest.pictures import MEDIA_TYPES
from services.search.rest.thumbnails import FORMATS
from services.web.openapi.operations import operation, request_header
from services.web.openapi.responses import answered, header

if TYPE_CHECKING:
    from collections.abc import Iterable

    from litestar.openapi.spec import OpenAPIHeader, Operation, Reference

_URL = "/v1/photos/7?v=9f86d081884c7d65"
_FOUND = wire.SearchAnswer(
    results=[
        wire.Result(
            listing_id="lamp-2",
            photo_id=7,
            score=0.8731,
            title="Brass desk lamp",
            category="Home & Garden",
            price=24.5,
            currency="GBP",
            location="Delph, Manchester",
            photo_url=_URL,
        )
    ],
    model_version="resnet50-2026-03-01",
    engine="faiss",
    plan=wire.Plan("faiss exact", "1 of 1,200 photos pass the filter; about 0.1 ms"),
    generation=3,
    took_ms={"embed": 21.4, "search": 0.6, "rows": 1.9, "total": 24.1},
    query_token="lKFsp2xhbXAtMQ",  # noqa: S106  (no secret)
    categories=[wire.CategoryProbability("Home & Garden", 0.914), wire.CategoryProbability("Electronics", 0.052)],
)
SEARCH = answered(200, _FOUND, description="The results, best first")
BATCH = answered(
    200,
    wire.BatchAnswer(
        [
            wire.BatchEntry(answer=_FOUND),
            wire.BatchEntry(problem=wire.BatchProblem(404, "Not found", "There is no photo 7.")),
        ]
    ),
    description="An answer or a problem for each search",
)
CLASSIFY = answered(
    200,
    wire.Classification(
        [wire.CategoryProbability("Home & Garden", 0.914), wire.CategoryProbability("Electronics", 0.052)],
        confident=True,
        model_version="resnet50-2026-03-01",
    ),
    description="The likeliest categories",
)
NEWEST = answered(
    200,
    wire.NewestListings(
        [wire.ListingSummary("lamp-2", 7, "Brass desk lamp", "Home & Garden", 24.5, "GBP", "Delph, Manchester", _URL)],
        "7",
    ),
    description="The newest listings, each with its first photo",
)
CATEGORIES = answered(
    200,
    [wire.CategoryCount("Home & Garden", 812), wire.CategoryCount("Phones", 388)],
    kind=list[wire.CategoryCount],
    description="Every category",
)
LISTING = answered(
    200,
    wire.ListingAnswer(
        listing_id="lamp-2",
        title="Brass desk lamp",
        description="As new",
        category="Home & Garden",
        category_path=["Home & Garden", "Lamps"],
        price=24.5,
        currency="GBP",
        location="Delph, Manchester",
        region="Manchester",
        seller="seller-9",
        listed_at="2026-03-01T09:30:00+00:00",
        flags=[],
        photos=[wire.ListingPhoto(7, "embedded", 1200, 900, _URL, _URL.replace("?", "/thumbnail?"))],
    ),
    description="The listing with its photos",
)

DUPLICATES = answered(
    200,
    [
        wire.Duplicate("lamp-9", 31, "same photo edited", 0.94),
        wire.Duplicate("lamp-2", 7, "similar", 0.8731),
    ],
    kind=list[wire.Duplicate],
    description="Copies, then similar listings",
)


def _pictures(media_types: Iterable[str], **headers: OpenAPIHeader) -> type[Operation]:
    """Describe a call that answers with a picture in one of these formats, or 304."""
    return operation(
        headers=[request_header("If-None-Match", "The `ETag` of a copy that you have.", '"9f86d081884c7d65"')],
        responses={
            200: OpenAPIResponse(
                description="The picture",
                headers={**_HEADERS, **headers},
                content={media_type: OpenAPIMediaType() for media_type in media_types},
            ),
            304: OpenAPIResponse(description="You have this picture already", headers={**_HEADERS, **headers}),
        },
    )


_HEADERS: dict[str, OpenAPIHeader | Reference] = {
    "ETag": header("Identifies the file's bytes; send it back as `If-None-Match`."),
    "Cache-Control": header("For ever, if `v` is the photo's current version; otherwise clients must revalidate."),
}
PHOTO = _pictures(sorted(MEDIA_TYPES.values()))
THUMBNAIL = _pictures([MEDIA_TYPES[kind] for kind in FORMATS], Vary=header("`Accept`"))
