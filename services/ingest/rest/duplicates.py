"""Duplicates by REST, for who reviews them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec
from litestar import Controller, Request, get, post
from litestar.di import NamedDependency
from litestar.openapi.spec import Example, OpenAPIMediaType, OpenAPIType, Operation, RequestBody, Schema
from litestar.params import JSONBody, QueryParameter

from db.models import Role
from db.rows.duplicate_groups import Group, GroupState
from services.ingest.duplicates.review import page_of_groups, review
from services.resources import Resources
from services.web.openapi.responses import answered
from services.web.problems import problem_responses


class LinkAnswer(msgspec.Struct):
    """Two listings with a photo in common, by the surest pair of photos; `decision`: accept, reject, or none yet."""

    listing_id: str
    other_listing_id: str
    photo_id: int
    other_photo_id: int
    verdict: str
    score: float
    decision: str | None


class GroupAnswer(msgspec.Struct):
    """Listings that hang together by photos in common, and by which."""

    listing_ids: tuple[str, ...]
    links: list[LinkAnswer]


class GroupPage(msgspec.Struct):
    """Groups, the largest first; `cursor` leads to the next ones, and is null when there are none."""

    groups: list[GroupAnswer]
    cursor: str | None


class Review(msgspec.Struct, forbid_unknown_fields=True):
    """What is decided of two listings: they are one item (accept), or they are not (reject)."""

    listing_id: str
    other_listing_id: str
    decision: Literal["accept", "reject"]


GROUPS = answered(
    200,
    GroupPage(
        [GroupAnswer(("lamp-1", "lamp-2"), [LinkAnswer("lamp-1", "lamp-2", 7, 9, "same photo edited", 0.97, None)])],
        "LTIgbGFtcC0x",
    ),
    description="Groups, the largest first",
)


@dataclass
class ReviewBody(Operation):
    """What is decided of two listings."""

    def __post_init__(self) -> None:
        """Describe the body: Litestar 2.25 does not say that it takes no other fields."""
        text = Schema(type=OpenAPIType.STRING)
        schema = Schema(
            type=OpenAPIType.OBJECT,
            properties={
                "listing_id": text,
                "other_listing_id": text,
                "decision": Schema(type=OpenAPIType.STRING, enum=["accept", "reject"]),
            },
            required=["listing_id", "other_listing_id", "decision"],
            additional_properties=False,
        )
        example = Example(value={"listing_id": "lamp-1", "other_listing_id": "lamp-2", "decision": "accept"})
        content = OpenAPIMediaType(schema=schema, examples={"accept": example})
        self.request_body = RequestBody(content={"application/json": content}, required=True)


class DuplicateController(Controller):
    """Groups of listings with photos in common, and what was decided of them."""

    path = "/v1/admin/duplicates"
    tags = ("admin",)
    opt = {"role": Role.ADMIN}  # noqa: RUF012

    @get(
        "/",
        sync_to_thread=True,
        responses=GROUPS,
        summary="Listings with photos in common, in groups",
    )
    def groups(
        self,
        resources: NamedDependency[Resources],
        in_state: Annotated[
            GroupState, QueryParameter(name="state", examples=[Example(value="open")])
        ] = GroupState.OPEN,
        limit: Annotated[int, QueryParameter(ge=1, le=200)] = 50,
        cursor: Annotated[
            str | None, QueryParameter(description="From the answer before.", examples=[Example(value="LTIgbGFtcC0x")])
        ] = None,
    ) -> GroupPage:
        """Return groups, a page at a time; what was rejected holds no group together."""
        found, further = page_of_groups(resources.database, in_state, limit=limit, cursor=cursor)
        return GroupPage([group_answer(group) for group in found], further)

    @post(
        "/review",
        status_code=204,
        operation_class=ReviewBody,
        sync_to_thread=True,
        responses=problem_responses(404),
        summary="Say whether two listings are duplicates",
    )
    def review(
        self, request: Request[Any, Any, Any], data: JSONBody[Review], resources: NamedDependency[Resources]
    ) -> None:
        """Keep a decision. It may be changed, and stands when further photos in common are found."""
        review(
            resources.database,
            (data.listing_id, data.other_listing_id),
            data.decision,
            key_id=request.scope["state"].get("key_id"),
        )


def group_answer(group: Group) -> GroupAnswer:
    """Return a group as it is answered."""
    links = [
        LinkAnswer(
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
    return GroupAnswer(group.listing_ids, links)
