"""The search app's calls that search. What they do is done by `service`."""

from __future__ import annotations

from typing import Any

import anyio
import msgspec
from litestar import Controller, Request, get, post
from litestar.datastructures import UploadFile
from litestar.di import NamedDependency
from litestar.enums import RequestEncodingType
from litestar.exceptions import ClientException
from litestar.params import FromPath, SkipValidation

from db.models import Role
from services import wire
from services.errors import BadQuery, LookalikeError
from services.search.query.parsing import parse_crop, plain_fields
from services.search.rest.answers import classify_answer, search_answer
from services.search.rest.openapi_bodies import BatchBody, ClassifyBody, RecommendBody, SearchBody, SimilarQuery
from services.search.rest.openapi_examples import BATCH, CLASSIFY, SEARCH
from services.search.service import SearchService
from services.web.limits.threads import WorkerThreads
from services.web.problems import problem_of, problem_responses
from services.web.requests import converted, form_values

AnyRequest = Request[Any, Any, Any]

MOST_IN_BATCH = 20
"""Searches that one call may ask for."""

_LISTS = ("category", "seller", "exclude_seller", "exclude_listing")


class PhotoQuery(wire.SearchFields, kw_only=True):
    """A search by an uploaded photo."""

    image: UploadFile


class ClassifyForm(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A photo whose category is asked for."""

    image: UploadFile
    k: int = 5
    crop: str | None = None


class SearchController(Controller):
    """What looks like this?"""

    path = "/v1"
    tags = ("search",)
    opt = {"role": Role.READ}  # noqa: RUF012

    @post(
        "/search",
        status_code=200,
        operation_class=SearchBody,
        responses={**SEARCH, **problem_responses(404, 409, 415, 422)},
        summary="Find listings that look like a photo",
    )
    async def search(
        self,
        request: AnyRequest,
        search_service: NamedDependency[SearchService],
        workers: NamedDependency[WorkerThreads],
        search_workers: NamedDependency[WorkerThreads],
    ) -> wire.SearchAnswer:
        """Search by an uploaded photo (multipart); by a listing, a photo, its address or an earlier query (JSON)."""
        if request.content_type[0] == RequestEncodingType.MULTI_PART:
            form = converted(_listed(form_values(await request.form())), PhotoQuery, strict=False)
            content = await form.image.read()
            return search_answer(await workers.run(search_service.by_photo, content, plain_fields(form)))
        if request.content_type[0] in (RequestEncodingType.JSON, ""):
            asked = converted(await request.json(), wire.StoredSearch, strict=True)
            pool = workers if _embeds(asked) else search_workers
            return search_answer(await pool.run(search_service.search, asked))
        raise ClientException(
            "Send multipart/form-data with an `image`, or application/json with a `listing_id`, a `photo_id`, "
            "a `query_token` or an `image_url`.",
            status_code=415,
        )

    @post(
        "/search/batch",
        status_code=200,
        operation_class=BatchBody,
        responses=BATCH,
        summary="Several searches at once",
    )
    async def batch(
        self,
        request: AnyRequest,
        search_service: NamedDependency[SearchService],
        workers: NamedDependency[WorkerThreads],
    ) -> wire.BatchAnswer:
        """Answer each of up to 20 searches, or say what is wrong with it; the others are answered all the same."""
        asked = converted(await request.json(), wire.BatchSearch, strict=True).queries
        if not 1 <= len(asked) <= MOST_IN_BATCH:
            raise BadQuery("queries", f"has {len(asked)} searches, and may have 1 to {MOST_IN_BATCH}")
        answers = [wire.BatchEntry() for _ in asked]

        async def answer(at: int) -> None:
            try:
                answers[at].answer = search_answer(await workers.run(search_service.search, asked[at]))
            except LookalikeError as error:
                problem = problem_of(error)
                answers[at].problem = wire.BatchProblem(
                    problem.status, problem.title, problem.detail, problem.field, problem.reason
                )

        async with anyio.create_task_group() as tasks:
            for at in range(len(asked)):
                tasks.start_soon(answer, at)
        return wire.BatchAnswer(answers)

    @get(
        "/listings/{listing_id:str}/similar",
        operation_class=SimilarQuery,
        responses={**SEARCH, **problem_responses(404, 409)},
        summary="Find listings that look like a listing",
    )
    async def similar(
        self,
        listing_id: FromPath[str],
        search_fields: NamedDependency[SkipValidation[wire.SearchFields]],
        search_service: NamedDependency[SearchService],
        workers: NamedDependency[WorkerThreads],
        search_workers: NamedDependency[WorkerThreads],
    ) -> wire.SearchAnswer:
        """Search by a listing's photos; the listing itself is left out."""
        pool = workers if _embeds(search_fields) else search_workers
        if search_fields.cursor is not None:
            return search_answer(await pool.run(search_service.next_page, search_fields.cursor, search_fields))
        return search_answer(await pool.run(search_service.by_listing, listing_id, search_fields))

    @post(
        "/recommend",
        status_code=200,
        operation_class=RecommendBody,
        responses={**SEARCH, **problem_responses(409)},
        summary="Find listings for a buyer who liked some and not others",
    )
    async def recommend(
        self,
        request: AnyRequest,
        search_service: NamedDependency[SearchService],
        workers: NamedDependency[WorkerThreads],
    ) -> wire.SearchAnswer:
        """Search by what was liked, away from what was not; all of it is left out."""
        asked = converted(await request.json(), wire.Recommendation, strict=True)
        return search_answer(await workers.run(search_service.recommend, asked))

    @post(
        "/classify",
        status_code=200,
        operation_class=ClassifyBody,
        responses={**CLASSIFY, **problem_responses(422)},
        summary="Say which category a photo belongs to",
    )
    async def classify(
        self,
        request: AnyRequest,
        search_service: NamedDependency[SearchService],
        workers: NamedDependency[WorkerThreads],
    ) -> wire.Classification:
        """Return the likeliest categories of an uploaded photo."""
        form = converted(form_values(await request.form()), ClassifyForm, strict=False)
        crop = parse_crop(form.crop)
        content = await form.image.read()
        return classify_answer(await workers.run(search_service.classify, content, form.k, crop))


def _embeds(asked: wire.SearchFields) -> bool:
    """Say whether a search has to embed a photo, or to fetch one: it then waits, and may wait beside others.

    Searches that do not are given as many threads as there are cores. With more they only took turns at the
    interpreter's lock, 5 ms each: at 100 a second among a million photos, p95 was 450 ms.
    """
    return asked.crop is not None or (isinstance(asked, wire.StoredSearch) and asked.image_url is not None)


def _listed(values: dict[str, Any]) -> dict[str, Any]:
    """Make a list of each field that may have several values and occurs once."""
    return {
        name: [value] if name in _LISTS and not isinstance(value, list) else value for name, value in values.items()
    }
