"""The calls that read the catalogue: listings, categories and photos."""

from __future__ import annotations

from typing import Annotated, Any

from litestar import Controller, Request, Response, get
from litestar.di import NamedDependency

from db.models import Role
from db.rows import listings, photos
from db.rows.search_rows import newest_photos
from services import wire
from services.errors import BadQuery
from services.indexing.live import as_index_unavailable
from services.lookup import find_listing
from services.resources import Resources
from services.search.rest.operations import PHOTO, THUMBNAIL
from services.search.rest.photo_urls import PhotoUrls
from services.search.rest.pictures import CacheConditions, photo_response, query_photo_response, thumbnail_response
from services.search.rest.thumbnails import DEFAULT_SIDE
from services.search.rest.to_wire import attribute_summary, listing_answer, listing_summary
from services.search.results.facets import counting_engine
from services.search.service import SearchService
from services.search.stage_times import StageTimes
from services.signing import Purpose
from services.web.access.signed_urls import SIGNATURE
from services.web.limits.threads import WorkerThreads
from services.web.parameters import ListingIdInPath, in_path, query
from services.web.problems import problem_responses

AnyRequest = Request[Any, Any, Any]
PhotoId = Annotated[int, in_path(7)]
Version = Annotated[
    str | None,
    query("The photo's version, from `photo_url`; clients may then cache the answer for ever.", "9f86d081884c7d65"),
]
Signature = Annotated[
    str | None,
    query("The signature, from `photo_url`: with it the photo is shown without a key.", "AAAAAWsPCyDVkqFs..."),
]
Size = Annotated[int, query("Longer side, in pixels.", 256, ge=64, le=512)]


class CatalogueController(Controller):
    """Categories and photos."""

    path = "/v1"
    tags = ("catalogue",)
    opt = {"role": Role.READ}  # noqa: RUF012

    @get(
        "/categories",
        response_description="Every category",
        summary="List the categories with their number of listings",
    )
    async def categories(
        self, resources: NamedDependency[Resources], workers: NamedDependency[WorkerThreads]
    ) -> list[wire.CategoryCount]:
        """Return every category, the largest first."""
        return await workers.run(_categories, resources)

    @get(
        "/attributes",
        response_description="Every attribute",
        responses=problem_responses(503),
        summary="List the attributes of listings with their most frequent values",
    )
    async def attributes(
        self, resources: NamedDependency[Resources], workers: NamedDependency[WorkerThreads]
    ) -> list[wire.AttributeSummary]:
        """Return every attribute of searchable photos, the one with most photos first."""
        return await workers.run(_attributes, resources)

    @get(
        "/photos/{photo_id:int}",
        opt={"signed": Purpose.PHOTO},
        operation_class=PHOTO,
        media_type="image/*",
        responses=problem_responses(404, 422, 503),
        summary="Get a photo at full size",
    )
    async def photo(
        self,
        request: AnyRequest,
        photo_id: PhotoId,
        resources: NamedDependency[Resources],
        picture_workers: NamedDependency[WorkerThreads],
        v: Version = None,
        sig: Signature = None,  # noqa: ARG002  (the guard checks it)
    ) -> Response[bytes]:
        """Return the photo upright and without its metadata; 304 if `If-None-Match` has its ETag."""
        times = StageTimes(resources.settings.request_timeout_s)
        return await picture_workers.run(photo_response, resources, photo_id, _conditions(request, v), times=times)

    @get(
        "/photos/{photo_id:int}/thumbnail",
        opt={"signed": Purpose.PHOTO},
        operation_class=THUMBNAIL,
        media_type="image/*",
        responses=problem_responses(404, 422, 503),
        summary="Get a thumbnail of a photo",
    )
    async def thumbnail(
        self,
        request: AnyRequest,
        photo_id: PhotoId,
        resources: NamedDependency[Resources],
        picture_workers: NamedDependency[WorkerThreads],
        size: Size = DEFAULT_SIDE,
        v: Version = None,
        sig: Signature = None,  # noqa: ARG002  (the guard checks it)
    ) -> Response[bytes]:
        """Return the photo upright and without metadata: WebP if `Accept` names it, otherwise JPEG.

        The status is 304 if `If-None-Match` has its ETag.
        """
        conditions, times = _conditions(request, v), StageTimes(resources.settings.request_timeout_s)
        return await picture_workers.run(
            thumbnail_response, resources, photo_id, size, conditions=conditions, times=times
        )


@get(
    "/v1/search/photo",
    tags=["search"],
    opt={"role": Role.READ},
    operation_class=THUMBNAIL,
    media_type="image/*",
    responses=problem_responses(404, 422, 503),
    summary="Get the photo of an earlier search",
)
async def query_photo(
    request: AnyRequest,
    query_token: Annotated[
        str,
        query("The `query_token` of the search's answer.", "lKFsp2xhbXAtMQ"),
    ],
    resources: NamedDependency[Resources],
    search_service: NamedDependency[SearchService],
    picture_workers: NamedDependency[WorkerThreads],
    size: Size = 512,
) -> Response[bytes]:
    """Return a thumbnail of the query photo. The server keeps an uploaded photo for 15 minutes.

    The status is 304 if `If-None-Match` has its ETag.
    """
    conditions, times = _conditions(request, None), search_service.new_times()
    return await picture_workers.run(
        _query_photo, resources, search_service, query_token, size=size, conditions=conditions, times=times
    )


def _query_photo(
    resources: Resources,
    search: SearchService,
    token: str,
    *,
    size: int,
    conditions: CacheConditions,
    times: StageTimes,
) -> Response[bytes]:
    content = search.query_photo(token, times)
    return query_photo_response(resources, content, size, conditions=conditions, times=times)


@get(
    "/v1/listings/{listing_id:str}",
    tags=["catalogue"],
    opt={"role": Role.READ},
    response_description="The listing with its photos",
    responses=problem_responses(404),
    summary="Get a listing",
)
async def listing(
    listing_id: ListingIdInPath,
    resources: NamedDependency[Resources],
    photo_urls: NamedDependency[PhotoUrls],
    workers: NamedDependency[WorkerThreads],
) -> wire.ListingAnswer:
    """Return a listing with its photos."""
    return await workers.run(_listing, resources, listing_id, photo_urls)


@get(
    "/v1/listings",
    tags=["catalogue"],
    opt={"role": Role.READ},
    response_description="The newest listings, each with its first photo",
    summary="List the newest listings",
)
async def newest_listings(
    resources: NamedDependency[Resources],
    photo_urls: NamedDependency[PhotoUrls],
    workers: NamedDependency[WorkerThreads],
    limit: Annotated[int, query("Number of listings.", 20, ge=1, le=100)] = 20,
    cursor: Annotated[str | None, query("The `cursor` of the previous page.", "7")] = None,
    sold: Annotated[
        bool | None, query("Only sold listings (true), or only those still for sale (false).", False)
    ] = None,
) -> wire.NewestListings:
    """Return searchable listings, newest first, one page at a time."""
    return await workers.run(_newest, resources, limit, cursor, sold=sold, urls=photo_urls)


def _newest(
    resources: Resources, limit: int, cursor: str | None, *, sold: bool | None, urls: PhotoUrls
) -> wire.NewestListings:
    before = None if cursor is None else _from_cursor(cursor)
    with resources.database.read() as session:
        found = newest_photos(session, before=before, limit=limit + 1, sold=sold)
    page = found[:limit]
    return wire.NewestListings(
        [listing_summary(photo, urls) for photo in page], str(page[-1].id) if len(found) > limit else None
    )


def _from_cursor(cursor: str) -> int:
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) < 19):
        raise BadQuery("cursor", "is not valid. Copy it unchanged from an answer.")
    return int(cursor)


def _categories(resources: Resources) -> list[wire.CategoryCount]:
    with resources.database.read() as session:
        return [wire.CategoryCount(*counted) for counted in listings.category_counts(session).items()]


def _attributes(resources: Resources) -> list[wire.AttributeSummary]:
    live = resources.live.current()
    engine = counting_engine(live)
    with as_index_unavailable(engine):
        index = live.index(engine)
        facets = {name: index.facet(name) for name in index.attribute_names()}
    used = sorted((name for name, facet in facets.items() if facet.photos), key=lambda name: -facets[name].photos)
    return [attribute_summary(name, facets[name]) for name in used]


def _listing(resources: Resources, listing_id: str, urls: PhotoUrls) -> wire.ListingAnswer:
    with resources.database.read() as session:
        return listing_answer(find_listing(session, listing_id), photos.photos_of(session, [listing_id]), urls)


def _conditions(request: AnyRequest, version: str | None) -> CacheConditions:
    headers = request.headers
    is_private = bool(request.scope["state"].get("key_id")) or SIGNATURE in request.query_params
    return CacheConditions(version, headers.get("if-none-match", ""), headers.get("accept", ""), is_private)
