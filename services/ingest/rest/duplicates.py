"""Duplicates by REST, for who reviews them."""

from __future__ import annotations

from typing import Annotated, Any

from litestar import Controller, Request, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody

from db.models import Role
from db.rows.duplicate_groups import Group, GroupState
from services.ingest.duplicates.review import page_of_groups, review
from services.ingest.rest.answer_examples import DUPLICATES
from services.ingest.rest.request_bodies import REVIEW
from services.resources import Resources
from services.web.parameters import query
from services.web.problems import problem_responses
from services.wire import DuplicateGroup, DuplicateGroupPage, DuplicateLink, DuplicateReview


class DuplicateController(Controller):
    """Groups of listings with photos in common, and what was decided of them."""

    path = "/v1/admin/duplicates"
    tags = ("admin",)
    opt = {"role": Role.ADMIN}  # noqa: RUF012

    @get(
        "/",
        sync_to_thread=True,
        responses=DUPLICATES,
        summary="Listings with photos in common, in groups",
    )
    def groups(
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
        """Return groups, a page at a time; what was rejected holds no group together."""
        found, further = page_of_groups(resources.database, in_state, limit=limit, cursor=cursor)
        return DuplicateGroupPage([group_answer(group) for group in found], further)

    @post(
        "/review",
        status_code=204,
        operation_class=REVIEW,
        sync_to_thread=True,
        responses=problem_responses(404),
        summary="Say whether two listings are duplicates",
    )
    def review(
        self, request: Request[Any, Any, Any], data: JSONBody[DuplicateReview], resources: NamedDependency[Resources]
    ) -> None:
        """Keep a decision. It may be changed, and stands when further photos in common are found."""
        review(
            resources.database,
            (data.listing_id, data.other_listing_id),
            data.decision,
            key_id=request.scope["state"].get("key_id"),
        )


def group_answer(group: Group) -> DuplicateGroup:
    """Return a group as it is answered."""
    links = [
        DuplicateLink(
            link.listing_id,
            link.other_listing_id,
            link.photo_id,
            link.other_photo_id,
            link.verdict,
            link.score,
            link.decision,
        )
        for link in group.links
    ]
    return DuplicateGroup(group.listing_ids, links)
