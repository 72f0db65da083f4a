"""The calls that write single listings; `pipeline.changes` does the work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

from litestar import Controller, Request, Response, delete, patch, post, put
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import Example
from litestar.params import SkipValidation
from msgspec import UNSET

from db.models import Role
from services.ingest.cleaning.text import shorten
from services.ingest.photos.urls import shown_name
from services.ingest.pipeline.changes import ListingChanges
from services.ingest.pipeline.deletions import delete_by_filter
from services.ingest.rest import operations
from services.ingest.rest.listing_bodies import listing_input, read_listing, set_fields
from services.resources import Resources
from services.web.limits.threads import WorkerThreads
from services.web.parameters import ListingIdInPath
from services.web.problems import problem_responses
from services.wire import (
    ListingChange,
    ListingDeletion,
    ListingsDeleted,
    ListingWritten,
    NewListing,
    WholeListing,
    WriteWarning,
    WrittenPhoto,
)
from services.wire.examples import example_of

if TYPE_CHECKING:
    from services.ingest.pipeline.changes import WriteResult

AnyRequest = Request[Any, Any, Any]

_ADDED = "The listing was added"
_CREATED = ResponseSpec(ListingWritten, generate_examples=False, description=_ADDED)
_UPDATED = example_of(ListingWritten) | {"outcome": "updated"}
_WRITTEN = ResponseSpec(
    ListingWritten,
    generate_examples=False,
    description="The listing was written",
    examples=[Example(id="answer", value=_UPDATED)],
)


class ListingController(Controller):
    """Single listings. An answered change is durable; its photos are searchable a moment later."""

    path = "/v1/listings"
    tags = ("ingest",)
    opt = {"role": Role.WRITE}  # noqa: RUF012

    @post(
        "/",
        operation_class=operations.NEW_LISTING,
        response_description=_ADDED,
        responses=problem_responses(409, 415, 422),
        summary="Add a listing",
    )
    async def add_listing(
        self,
        request: AnyRequest,
        resources: NamedDependency[Resources],
        listing_changes: NamedDependency[ListingChanges],
        change_workers: NamedDependency[WorkerThreads],
    ) -> ListingWritten:
        """Add a listing with its photos: as URLs (JSON) or as files (form)."""
        listing, photos = await read_listing(request, NewListing, resources)
        listing_id = uuid4().hex if listing.listing_id is UNSET else listing.listing_id
        return _answer(
            await change_workers.run(listing_changes.create, listing_id, listing_input(listing), photos or ())
        )

    @put(
        "/{listing_id:str}",
        operation_class=operations.WHOLE_LISTING,
        responses={200: _WRITTEN, 201: _CREATED, **problem_responses(415, 422)},
        summary="Add or replace a listing",
    )
    async def replace_listing(
        self,
        request: AnyRequest,
        listing_id: ListingIdInPath,
        resources: NamedDependency[Resources],
        listing_changes: NamedDependency[ListingChanges],
        change_workers: NamedDependency[WorkerThreads],
    ) -> Response[ListingWritten]:
        """Store the listing with exactly these photos. The status is 201 if the id is new, else 200."""
        listing, photos = await read_listing(request, WholeListing, resources)
        written = await change_workers.run(listing_changes.put, listing_id, listing_input(listing), photos or ())
        return Response(_answer(written), status_code=201 if written.outcome == "created" else 200)

    @patch(
        "/{listing_id:str}",
        operation_class=operations.CHANGED_LISTING,
        responses={200: _WRITTEN, **problem_responses(404, 415, 422)},
        summary="Change fields of a listing",
    )
    async def change_listing(
        self,
        request: AnyRequest,
        listing_id: ListingIdInPath,
        resources: NamedDependency[Resources],
        listing_changes: NamedDependency[ListingChanges],
        change_workers: NamedDependency[WorkerThreads],
    ) -> ListingWritten:
        """Change the fields that are sent; `photos` replaces all photos."""
        change, photos = await read_listing(request, ListingChange, resources)
        return _answer(await change_workers.run(listing_changes.patch, listing_id, set_fields(change), photos))

    @delete(
        "/",
        status_code=200,
        opt={"role": Role.ADMIN},
        operation_class=operations.DELETION,
        response_description="The listings were deleted, or counted",
        responses=problem_responses(409),
        summary="Delete all listings that pass a filter",
    )
    async def delete_listings(
        self,
        deletion: NamedDependency[SkipValidation[ListingDeletion]],
        resources: NamedDependency[Resources],
        change_workers: NamedDependency[WorkerThreads],
    ) -> ListingsDeleted:
        """Delete the listings that pass all conditions, with their photos; first count them with `dry_run=true`."""
        return await change_workers.run(delete_by_filter, resources.database, deletion)

    @delete("/{listing_id:str}", responses=problem_responses(404), summary="Delete a listing")
    async def delete_listing(
        self,
        listing_id: ListingIdInPath,
        listing_changes: NamedDependency[ListingChanges],
        change_workers: NamedDependency[WorkerThreads],
    ) -> None:
        """Delete the listing with its photos; searches no longer find it."""
        await change_workers.run(listing_changes.delete, listing_id)


def _answer(written: WriteResult) -> ListingWritten:
    photos = [
        WrittenPhoto(photo.id or 0, shown_name(photo.external_id, photo.source), photo.state)
        for photo in written.photos
    ]
    warnings = [WriteWarning(one.field, one.flag, shorten(one.before), shorten(one.after)) for one in written.repairs]
    return ListingWritten(written.listing_id, written.outcome, photos, warnings)
