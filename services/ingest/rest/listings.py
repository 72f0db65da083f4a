"""The calls that change single listings. What they do is done by `changes`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from litestar import Controller, Request, Response, delete, patch, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath

from db.models import Role
from services.ingest.pipeline.changes import ListingChanges
from services.ingest.rest.listing_bodies import (
    ChangedFields,
    ChangedListingBody,
    ListingFields,
    NewListingBody,
    NewListingFields,
    WholeListingBody,
    read_body,
    take_photos,
)
from services.ingest.rest.openapi_examples import CHANGED, CREATED
from services.resources import Resources
from services.web.limits.threads import WorkerThreads
from services.web.problems import problem_responses
from services.web.requests import converted
from services.wire import ListingWritten, WrittenPhoto

if TYPE_CHECKING:
    from collections.abc import Sequence

    from services.ingest.pipeline.changes import GivenPhoto, Written

AnyRequest = Request[Any, Any, Any]


class ListingController(Controller):
    """Single listings. A change that is answered is kept; its photos are searchable a moment later."""

    path = "/v1/listings"
    tags = ("ingest",)
    opt = {"role": Role.WRITE}  # noqa: RUF012

    @post(
        "/",
        operation_class=NewListingBody,
        responses={**CREATED, **problem_responses(409, 415, 422)},
        summary="Add a listing",
    )
    async def create(
        self,
        request: AnyRequest,
        resources: NamedDependency[Resources],
        listing_changes: NamedDependency[ListingChanges],
        change_workers: NamedDependency[WorkerThreads],
    ) -> ListingWritten:
        """Add a listing with its photos, by URL (JSON) or as files (a form)."""
        values, is_json, photos = await _read(request, resources)
        fields = converted(values, NewListingFields, strict=is_json)
        return _answer(
            await change_workers.run(listing_changes.create, fields.listing_id, fields.to_listing(), photos or ())
        )

    @put(
        "/{listing_id:str}",
        operation_class=WholeListingBody,
        responses={**CHANGED, **CREATED, **problem_responses(415, 422)},
        summary="Add or replace a listing",
    )
    async def replace(
        self,
        request: AnyRequest,
        listing_id: FromPath[str],
        resources: NamedDependency[Resources],
        listing_changes: NamedDependency[ListingChanges],
        change_workers: NamedDependency[WorkerThreads],
    ) -> Response[ListingWritten]:
        """Make the listing be as given, with these photos and no others. 201 if there was none of this id."""
        values, is_json, photos = await _read(request, resources)
        listing = converted(values, ListingFields, strict=is_json).to_listing()
        written = await change_workers.run(listing_changes.put, listing_id, listing, photos or ())
        return Response(_answer(written), status_code=201 if written.outcome == "created" else 200)

    @patch(
        "/{listing_id:str}",
        operation_class=ChangedListingBody,
        responses={**CHANGED, **problem_responses(404, 415, 422)},
        summary="Change some of a listing",
    )
    async def change(
        self,
        request: AnyRequest,
        listing_id: FromPath[str],
        resources: NamedDependency[Resources],
        listing_changes: NamedDependency[ListingChanges],
        change_workers: NamedDependency[WorkerThreads],
    ) -> ListingWritten:
        """Change the fields that are given; `photos` replaces all of them."""
        values, is_json, photos = await _read(request, resources)
        changed = converted(values, ChangedFields, strict=is_json).stated()
        return _answer(await change_workers.run(listing_changes.patch, listing_id, changed, photos))

    @delete("/{listing_id:str}", responses=problem_responses(404), summary="Delete a listing")
    async def remove(
        self,
        listing_id: FromPath[str],
        listing_changes: NamedDependency[ListingChanges],
        change_workers: NamedDependency[WorkerThreads],
    ) -> None:
        """Delete the listing with its photos; no search finds it from now on."""
        await change_workers.run(listing_changes.delete, listing_id)


async def _read(request: AnyRequest, resources: Resources) -> tuple[dict[str, Any], bool, Sequence[GivenPhoto] | None]:
    values, is_json = await read_body(request)
    limit = resources.settings.max_upload_bytes
    return values, is_json, take_photos(values, is_json=is_json, fetcher=resources.photo_fetcher, max_bytes=limit)


def _answer(written: Written) -> ListingWritten:
    photos = [WrittenPhoto(photo.id or 0, photo.external_id, photo.state) for photo in written.photos]
    return ListingWritten(written.listing_id, written.outcome, photos)
