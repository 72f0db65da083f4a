"""The search app's calls. What they do is done by `service`."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from litestar import Controller, Request, Response, get, post
from litestar.datastructures import UploadFile
from litestar.di import NamedDependency
from litestar.enums import RequestEncodingType
from litestar.exceptions import ClientException
from litestar.params import FromPath, QueryParameter

from db import listings, photos
from db.models import Photo
from services.errors import NotFound
from services.resources import Resources
from services.search.request_bodies import ClassifyBody, SearchBody
from services.search.schemas import (
    CategoryCount,
    ClassifyAnswer,
    FilterFields,
    ListingAnswer,
    SearchAnswer,
    classify_answer,
    listing_answer,
    search_answer,
)
from services.search.service import SearchService
from services.search.thumbnails import DEFAULT_SIDE, thumbnail
from services.settings import Engine
from services.web.problems import problem_responses
from services.web.requests import converted, form_values
from services.web.threads import Workers

FOREVER = "public, max-age=31536000, immutable"
_MEDIA_TYPES = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp", "GIF": "image/gif", "BMP": "image/bmp"}

AnyRequest = Request[Any, Any, Any]


class PhotoQuery(FilterFields, kw_only=True):
    """A search by an uploaded photo."""

    image: UploadFile


class ListingQuery(FilterFields, kw_only=True):
    """A search by a listing that is known."""

    listing_id: str


class ClassifyForm(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A photo whose category is asked for."""

    image: UploadFile
    k: Annotated[int, msgspec.Meta(ge=1, le=100)] = 5


class SearchController(Controller):
    """What looks like this?"""

    path = "/v1"
    tags = ("search",)

    @post(
        "/search",
        status_code=200,
        operation_class=SearchBody,
        responses=problem_responses(400, 404, 409, 413, 422, 503),
        summary="Find listings that look like a photo",
    )
    async def search(
        self, request: AnyRequest, search_service: NamedDependency[SearchService], workers: NamedDependency[Workers]
    ) -> SearchAnswer:
        """Search by an uploaded photo (multipart) or by a listing that is known (JSON)."""
        if request.content_type[0] == RequestEncodingType.MULTI_PART:
            form = converted(_listed(form_values(await request.form())), PhotoQuery, strict=False)
            content = await form.image.read()
            answer = await workers.run(search_service.by_photo, content, form.query())
        elif request.content_type[0] in (RequestEncodingType.JSON, ""):
            asked = converted(await request.json(), ListingQuery, strict=True)
            answer = await workers.run(search_service.by_listing, asked.listing_id, asked.query())
        else:
            raise ClientException(
                "Send multipart/form-data with an `image`, or application/json with a `listing_id`.", status_code=415
            )
        return search_answer(answer)

    @get(
        "/listings/{listing_id:str}/similar",
        responses=problem_responses(400, 404, 409, 503),
        summary="Find listings that look like a listing",
    )
    async def similar(
        self,
        listing_id: FromPath[str],
        search_service: NamedDependency[SearchService],
        workers: NamedDependency[Workers],
        k: Annotated[int, QueryParameter(ge=1, le=100)] = 10,
        category: Annotated[list[str] | None, QueryParameter()] = None,
        price_min: Annotated[float | None, QueryParameter(ge=0)] = None,
        price_max: Annotated[float | None, QueryParameter(ge=0)] = None,
        location: Annotated[str | None, QueryParameter()] = None,
        engine: Annotated[Engine, QueryParameter()] = Engine.AUTO,
    ) -> SearchAnswer:
        """Search by a listing's photos; the listing itself is left out."""
        asked = FilterFields(
            k=k,
            category=category or [],
            price_min=price_min,
            price_max=price_max,
            location=location,
            engine=engine,
        )
        return search_answer(await workers.run(search_service.by_listing, listing_id, asked.query()))

    @post(
        "/classify",
        status_code=200,
        operation_class=ClassifyBody,
        responses=problem_responses(400, 413, 422, 503),
        summary="Say which category a photo belongs to",
    )
    async def classify(
        self, request: AnyRequest, search_service: NamedDependency[SearchService], workers: NamedDependency[Workers]
    ) -> ClassifyAnswer:
        """Return the likeliest categories of an uploaded photo."""
        form = converted(form_values(await request.form()), ClassifyForm, strict=False)
        content = await form.image.read()
        return classify_answer(await workers.run(search_service.classify, content, form.k))


class CatalogueController(Controller):
    """Listings, photos and categories, as they are stored."""

    path = "/v1"
    tags = ("catalogue",)

    @get("/categories", sync_to_thread=True, summary="The categories, with their numbers of listings")
    def categories(self, resources: NamedDependency[Resources]) -> list[CategoryCount]:
        """Return every category, most listings first."""
        with resources.database.read() as session:
            return [CategoryCount(*row) for row in listings.category_counts(session).items()]

    @get("/listings/{listing_id:str}", sync_to_thread=True, responses=problem_responses(404), summary="A listing")
    def listing(self, listing_id: FromPath[str], resources: NamedDependency[Resources]) -> ListingAnswer:
        """Return a listing with its photos."""
        with resources.database.read() as session:
            rows = listings.listings_by_id(session, [listing_id])
            if not rows:
                raise NotFound("listing", listing_id)
            return listing_answer(rows[0], list(photos.photos_of(session, [listing_id])))

    @get(
        "/photos/{photo_id:int}",
        sync_to_thread=True,
        media_type="image/jpeg",
        responses=problem_responses(404),
        summary="A photo, as it was ingested",
    )
    def photo(
        self, request: AnyRequest, photo_id: FromPath[int], resources: NamedDependency[Resources]
    ) -> Response[bytes]:
        """Return the photo's file."""
        row = _photo(resources, photo_id)
        media_type = _MEDIA_TYPES[row.format]
        return _cached(request, row.sha256, media_type, lambda: _content(resources, row))

    @get(
        "/photos/{photo_id:int}/thumbnail",
        sync_to_thread=True,
        media_type="image/jpeg",
        responses=problem_responses(400, 404, 422),
        summary="A small copy of a photo",
    )
    def thumbnail(
        self,
        request: AnyRequest,
        photo_id: FromPath[int],
        resources: NamedDependency[Resources],
        size: Annotated[int, QueryParameter(ge=64, le=512, description="Longer side, in pixels.")] = DEFAULT_SIDE,
    ) -> Response[bytes]:
        """Return the photo as a JPEG, upright, without metadata."""
        row = _photo(resources, photo_id)
        return _cached(
            request,
            f"{row.sha256}-{size}",
            "image/jpeg",
            lambda: thumbnail(_content(resources, row), size, resources.photo_limits),
        )


def _listed(values: dict[str, Any]) -> dict[str, Any]:
    """Make a list of a category that occurs once."""
    category = values.get("category")
    return values | {"category": [category]} if isinstance(category, str) else values


def _photo(resources: Resources, photo_id: int) -> Photo:
    with resources.database.read() as session:
        rows = photos.photos_by_id(session, [photo_id])
    if not rows:
        raise NotFound("photo", photo_id)
    return rows[0]


def _content(resources: Resources, row: Photo) -> bytes:
    try:
        return resources.photo_files.read(row.sha256)
    except FileNotFoundError as error:
        raise NotFound("file of photo", row.id) from error


def _cached(request: AnyRequest, tag: str, media_type: str, content: Any) -> Response[bytes]:
    """Answer 304 to a client that has it already; else the content, with the headers that let it be kept."""
    headers = {"ETag": f'"{tag}"', "Cache-Control": FOREVER, "X-Content-Type-Options": "nosniff"}
    known = {entry.strip().removeprefix("W/") for entry in request.headers.get("if-none-match", "").split(",")}
    if f'"{tag}"' in known or "*" in known:
        return Response(b"", status_code=304, headers=headers)
    return Response(content(), media_type=media_type, headers=headers)
