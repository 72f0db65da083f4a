"""The search app's calls. What they do is done by `service`, `catalogue` and `pictures`."""

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
from db.models import Role
from services.errors import BadQuery
from services.resources import Resources
from services.search.catalogue import find_listing
from services.search.pictures import Conditions, photo_response, thumbnail_response
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
from services.search.service import Answer, SearchService
from services.search.thumbnails import DEFAULT_SIDE
from services.settings import Engine
from services.web.problems import problem_responses
from services.web.requests import converted, form_values
from services.web.threads import Workers

AnyRequest = Request[Any, Any, Any]
Version = Annotated[
    str | None, QueryParameter(description="The photo's version, as it stands in `photo_url`: the answer may be kept.")
]


class PhotoQuery(FilterFields, kw_only=True):
    """A search by an uploaded photo."""

    image: UploadFile


class StoredQuery(FilterFields, kw_only=True):
    """A search by a listing, or one photo of a listing, that is known."""

    listing_id: str | None = None
    photo_id: int | None = None

    def answer(self, search_service: SearchService) -> Answer:
        """Search.

        Raises:
            BadQuery: neither or both are named.
        """
        if self.listing_id is not None and self.photo_id is None:
            return search_service.by_listing(self.listing_id, self.query())
        if self.photo_id is not None and self.listing_id is None:
            return search_service.by_stored_photo(self.photo_id, self.query())
        raise BadQuery("listing_id", "give either a `listing_id` or a `photo_id`, or upload an `image` as a form")


class ClassifyForm(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A photo whose category is asked for."""

    image: UploadFile
    k: int = 5


class SearchController(Controller):
    """What looks like this?"""

    path = "/v1"
    tags = ("search",)
    opt = {"role": Role.READ}  # noqa: RUF012

    @post(
        "/search",
        status_code=200,
        operation_class=SearchBody,
        responses=problem_responses(400, 404, 409, 413, 415, 422, 503),
        summary="Find listings that look like a photo",
    )
    async def search(
        self, request: AnyRequest, search_service: NamedDependency[SearchService], workers: NamedDependency[Workers]
    ) -> SearchAnswer:
        """Search by an uploaded photo (multipart), or by a listing or photo that is known (JSON)."""
        if request.content_type[0] == RequestEncodingType.MULTI_PART:
            form = converted(_listed(form_values(await request.form())), PhotoQuery, strict=False)
            content = await form.image.read()
            answer = await workers.run(search_service.by_photo, content, form.query())
        elif request.content_type[0] in (RequestEncodingType.JSON, ""):
            asked = converted(await request.json(), StoredQuery, strict=True)
            answer = await workers.run(asked.answer, search_service)
        else:
            raise ClientException(
                "Send multipart/form-data with an `image`, or application/json with a `listing_id` or a `photo_id`.",
                status_code=415,
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
    opt = {"role": Role.READ}  # noqa: RUF012

    @get("/categories", responses=problem_responses(503), summary="The categories, with their numbers of listings")
    async def categories(
        self, resources: NamedDependency[Resources], workers: NamedDependency[Workers]
    ) -> list[CategoryCount]:
        """Return every category, most listings first."""
        return await workers.run(_categories, resources)

    @get(
        "/photos/{photo_id:int}",
        media_type="image/*",
        responses=problem_responses(400, 404, 503),
        summary="A photo, as it was ingested",
    )
    async def photo(
        self,
        request: AnyRequest,
        photo_id: FromPath[int],
        resources: NamedDependency[Resources],
        workers: NamedDependency[Workers],
        v: Version = None,
    ) -> Response[bytes]:
        """Return the photo's file, byte for byte. 304 without a body answers a fitting If-None-Match."""
        return await workers.run(photo_response, resources, photo_id, _conditions(request, v))

    @get(
        "/photos/{photo_id:int}/thumbnail",
        media_type="image/jpeg",
        responses=problem_responses(400, 404, 422, 503),
        summary="A small copy of a photo",
    )
    async def thumbnail(
        self,
        request: AnyRequest,
        photo_id: FromPath[int],
        resources: NamedDependency[Resources],
        workers: NamedDependency[Workers],
        size: Annotated[int, QueryParameter(ge=64, le=512, description="Longer side, in pixels.")] = DEFAULT_SIDE,
        v: Version = None,
    ) -> Response[bytes]:
        """Return the photo as a JPEG, upright, without metadata. 304 answers a fitting If-None-Match."""
        conditions = _conditions(request, v)
        return await workers.run(thumbnail_response, resources, photo_id, size, conditions=conditions)


@get(
    "/v1/listings/{listing_id:str}",
    tags=["catalogue"],
    opt={"role": Role.READ},
    responses=problem_responses(400, 404, 503),
    summary="A listing",
)
async def get_listing(
    listing_id: FromPath[str], resources: NamedDependency[Resources], workers: NamedDependency[Workers]
) -> ListingAnswer:
    """Return a listing with its photos."""
    return await workers.run(_listing, resources, listing_id)


def _categories(resources: Resources) -> list[CategoryCount]:
    with resources.database.read() as session:
        return [CategoryCount(*counted) for counted in listings.category_counts(session).items()]


def _listing(resources: Resources, listing_id: str) -> ListingAnswer:
    with resources.database.read() as session:
        return listing_answer(find_listing(session, listing_id), photos.photos_of(session, [listing_id]))


def _conditions(request: AnyRequest, version: str | None) -> Conditions:
    return Conditions(version, request.headers.get("if-none-match", ""))


def _listed(values: dict[str, Any]) -> dict[str, Any]:
    """Make a list of a category that occurs once."""
    category = values.get("category")
    return values | {"category": [category]} if isinstance(category, str) else values
