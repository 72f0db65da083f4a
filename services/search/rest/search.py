"""The search calls: by photo, by listing, in batches, for a buyer's taste; and classification."""

from __future__ import annotations

from typing import Any

import anyio
from litestar import Controller, Request, get, post
from litestar.di import NamedDependency
from litestar.exceptions import ClientException
from litestar.params import SkipValidation

from db.models import Role
from ml.text.classifier import Words
from services import wire
from services.errors import BadQuery, LookalikeError
from services.search.query.parsing import parse_crop, plain_fields
from services.search.rest import operations
from services.search.rest.operations import ClassifyForm, PhotoQuery
from services.search.rest.photo_urls import PhotoUrls
from services.search.rest.to_wire import search_answer
from services.search.results.paging import ResultPage
from services.search.service import SearchService
from services.web.limits.threads import WorkerThreads
from services.web.parameters import ListingIdInPath
from services.web.problems import problem_of, problem_responses
from services.web.requests import converted, form_values, is_form, is_json

AnyRequest = Request[Any, Any, Any]


class SearchController(Controller):
    """Searches, and classification."""

    path = "/v1"
    tags = ("search",)
    opt = {"role": Role.READ}  # noqa: RUF012

    @post(
        "/search",
        status_code=200,
        operation_class=operations.SEARCH,
        response_description="The results, best first",
        responses=problem_responses(404, 409, 415, 422),
        summary="Find listings that look like a photo",
    )
    async def search(
        self,
        request: AnyRequest,
        search_service: NamedDependency[SearchService],
        photo_urls: NamedDependency[PhotoUrls],
        workers: NamedDependency[WorkerThreads],
        search_workers: NamedDependency[WorkerThreads],
        fetch_workers: NamedDependency[WorkerThreads],
    ) -> wire.SearchAnswer:
        """Search by a photo (form), or by a listing, a stored photo, an address or an earlier query (JSON)."""
        if is_form(request):
            values = form_values(await request.form(), PhotoQuery)
            if "cursor" in values:
                raise BadQuery("cursor", "cannot be sent with a photo; send it as JSON to get the next page")
            form = converted(values, PhotoQuery, strict=False)
            content, times = await form.image.read(), search_service.new_times()
            return search_answer(
                await workers.run(search_service.by_photo, content, plain_fields(form), times), photo_urls
            )
        if is_json(request):
            fields = converted(await request.json(), wire.StoredSearch, strict=True)
            pool = workers if _needs_photo(fields) else search_workers
            return search_answer(await _search(search_service, fields, pool, fetchers=fetch_workers), photo_urls)
        raise ClientException(
            "Send multipart/form-data with an `image`, or application/json with a `listing_id`, a `photo_id`, "
            "a `query_token` or an `image_url`.",
            status_code=415,
        )

    @post(
        "/search/batch",
        status_code=200,
        operation_class=operations.BATCH,
        response_description="An answer or a problem for each search",
        summary="Run several searches at once",
    )
    async def search_batch(
        self,
        request: AnyRequest,
        search_service: NamedDependency[SearchService],
        photo_urls: NamedDependency[PhotoUrls],
        workers: NamedDependency[WorkerThreads],
        fetch_workers: NamedDependency[WorkerThreads],
    ) -> wire.BatchAnswer:
        """Answer up to 20 searches. A search that fails gets a problem of its own; the others are still answered."""
        queries = converted(await request.json(), wire.BatchSearch, strict=True).queries
        if not 1 <= len(queries) <= wire.MAX_BATCH:
            raise BadQuery("queries", f"has {len(queries)} searches; send 1 to {wire.MAX_BATCH}")
        entries = [wire.BatchEntry() for _ in queries]

        async def answer(at: int) -> None:
            try:
                page = await _search(search_service, queries[at], workers, fetchers=fetch_workers)
                entries[at].answer = search_answer(page, photo_urls)
            except LookalikeError as error:
                problem = problem_of(error)
                entries[at].problem = wire.BatchProblem(
                    problem.status, problem.title, problem.detail, problem.field, problem.reason
                )

        async with anyio.create_task_group() as tasks:
            for at in range(len(queries)):
                tasks.start_soon(answer, at)
        return wire.BatchAnswer(entries)

    @get(
        "/listings/{listing_id:str}/similar",
        operation_class=operations.SIMILAR,
        response_description="The results, best first",
        responses=problem_responses(404, 409),
        summary="Find listings that look like a listing",
    )
    async def similar(
        self,
        listing_id: ListingIdInPath,
        search_fields: NamedDependency[SkipValidation[wire.SearchParameters]],
        search_service: NamedDependency[SearchService],
        photo_urls: NamedDependency[PhotoUrls],
        workers: NamedDependency[WorkerThreads],
        search_workers: NamedDependency[WorkerThreads],
    ) -> wire.SearchAnswer:
        """Search by a listing's photos; the listing itself is left out."""
        pool = workers if _needs_photo(search_fields) else search_workers
        fields, times = plain_fields(search_fields), search_service.new_times()
        if search_fields.cursor is not None:
            return search_answer(
                await pool.run(search_service.next_page, search_fields.cursor, fields, times), photo_urls
            )
        return search_answer(await pool.run(search_service.by_listing, listing_id, fields, times), photo_urls)

    @post(
        "/recommend",
        status_code=200,
        operation_class=operations.RECOMMEND,
        response_description="The results, best first",
        responses=problem_responses(409),
        summary="Recommend listings from likes and dislikes",
    )
    async def recommend(
        self,
        request: AnyRequest,
        search_service: NamedDependency[SearchService],
        photo_urls: NamedDependency[PhotoUrls],
        workers: NamedDependency[WorkerThreads],
    ) -> wire.SearchAnswer:
        """Search near the liked listings and away from the disliked ones; all of them are left out."""
        taste = converted(await request.json(), wire.Recommendation, strict=True)
        return search_answer(await workers.run(search_service.recommend, taste, search_service.new_times()), photo_urls)

    @post(
        "/classify",
        status_code=200,
        operation_class=operations.CLASSIFY,
        response_description="The most probable categories",
        responses=problem_responses(409, 422),
        summary="Predict the category of an item",
    )
    async def classify(
        self,
        request: AnyRequest,
        search_service: NamedDependency[SearchService],
        workers: NamedDependency[WorkerThreads],
    ) -> wire.Classification:
        """Return the most probable categories of an item, by photos (form), by words (JSON), or by both (form)."""
        if is_json(request):
            asked = converted(await request.json(), wire.WordsToClassify, strict=True)
            form = ClassifyForm(title=asked.title, description=asked.description, k=asked.k)
        else:
            form = converted(form_values(await request.form(), ClassifyForm), ClassifyForm, strict=False)
        crop = parse_crop(form.crop)
        photos, times = [await photo.read() for photo in form.image], search_service.new_times()
        words = Words(form.title, form.description)
        return await workers.run(search_service.classify, photos, words, k=form.k, crop=crop, times=times)


async def _search(
    search_service: SearchService, request: wire.StoredSearch, pool: WorkerThreads, *, fetchers: WorkerThreads
) -> ResultPage:
    """Search in the threads of a pool; a photo at an address is fetched in others first."""
    times = search_service.new_times()
    if request.image_url is None or request.cursor is not None:
        return await pool.run(search_service.search, request, times)
    content = await fetchers.run(search_service.fetch, request, times)
    return await pool.run(search_service.by_photo, content, plain_fields(request), times)


def _needs_photo(fields: wire.SharedOptions) -> bool:
    """Say whether a search embeds or fetches a photo. It then mostly waits, and shares threads with others that wait.

    Other searches get as many threads as there are cores. With more threads they only took turns at the interpreter's
    lock, 5 ms each: at 100 searches a second among a million photos, p95 was 450 ms.
    """
    return fields.crop is not None or (isinstance(fields, wire.StoredSearch) and fields.image_url is not None)
