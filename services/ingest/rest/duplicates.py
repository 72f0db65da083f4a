"""The calls for reviewing duplicates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from litestar import Controller, Request, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody

from db.models import Role
from db.rows.review_groups import GroupState, ReviewGroup
from services.ingest.duplicates.review import page_of_groups, review
from services.ingest.rest.operations import REVIEW
from services.resources import Resources
from services.web.access.audit_trail import audit_fields
from services.web.parameters import query
from services.web.problems import problem_responses
from services.wire import DuplicateDecision, DuplicateGroup, DuplicateGroupPage, DuplicateLink, DuplicateListing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from db.models import Listing


class DuplicateController(Controller):
    """Groups of listings that share photos, and decisions about them."""

    path = "/v1/admin/duplicates"
    tags = ("admin",)
    opt = {"role": Role.ADMIN}  # noqa: RUF012

    @get(
        "/",
        sync_to_thread=True,
        response_description="Groups, largest first",
        summary="List groups of listings that share photos",
    )
    def duplicate_groups(
        self,
        resources: NamedDependency[Resources],
        in_state: Annotated[
            GroupState,
            query(
                "`open`: a link is undecided. `accepted`: every link is accepted. `rejected`: a rejected link.",
                "open",
                name="state",
            ),
        ] = GroupState.OPEN,
        limit: Annotated[int, query("Number of groups.", 20, ge=1, le=200)] = 50,
        cursor: Annotated[
            str | None,
            query("The `cursor` of the previous page.", "LTIgbGFtcC0x"),
        ] = None,
    ) -> DuplicateGroupPage:
        """Return groups, one page at a time. A rejected pair does not connect a group."""
        page = page_of_groups(resources.database, in_state, limit=limit, cursor=cursor)
        groups = [group_answer(group, page.listings) for group in page.groups]
        return DuplicateGroupPage(groups, page.undecided_pairs, page.cursor)

    @post(
        "/review",
        status_code=204,
        operation_class=REVIEW,
        sync_to_thread=True,
        responses=problem_responses(404, 409),
        summary="Decide whether two listings are the same item",
    )
    def review_duplicates(
        self, request: Request[Any, Any, Any], data: JSONBody[DuplicateDecision], resources: NamedDependency[Resources]
    ) -> None:
        """Store a decision. A later decision replaces it; further shared photos do not change it.

        Searches show accepted listings as one result at once, and as several again once the decision is undone. "The
        same item" holds for chains: if A and B, and B and C, are accepted, A and C are one item too, and rejecting
        them is refused.
        """
        audit_fields(request.scope, msgspec.to_builtins(data))
        review(
            resources.database,
            (data.listing_id, data.other_listing_id),
            None if data.decision == "undecided" else data.decision,
            key_id=request.scope["state"].get("key_id"),
        )


def group_answer(group: ReviewGroup, listings: Mapping[str, Listing]) -> DuplicateGroup:
    links = [
        DuplicateLink(
            link.listing_id,
            link.other_listing_id,
            link.photo_id,
            link.other_photo_id,
            link.verdict,
            link.score,
            link.decision,
            link.implied,
        )
        for link in group.links
    ]
    compared = [_listing_answer(listings[listing_id]) for listing_id in group.listing_ids]
    return DuplicateGroup(group.listing_ids, links, compared)


def _listing_answer(listing: Listing) -> DuplicateListing:
    return DuplicateListing(
        listing_id=listing.id,
        title=listing.title,
        price=None if listing.price is None else float(listing.price),
        currency=listing.currency,
        category_path=listing.category_path,
        location=listing.location,
        seller=listing.seller,
        listed_at=(listing.listed_at or listing.created_at).isoformat(timespec="seconds"),
        url=listing.url,
        sold=listing.sold,
    )
