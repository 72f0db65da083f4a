"""The client for async code, under asyncio or trio."""

from __future__ import annotations

from contextlib import aclosing
from itertools import count
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

import anyio
import httpx

from services.client import ingest_calls, search_calls
from services.client.calls import Call, build_request, document_method, httpx_options
from services.client.events import JobEventStream
from services.client.retries import Retries

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine

    from services.client.calls import Outcome
    from services.client.events import JobEvent
    from services.wire import Result, SearchAnswer

P = ParamSpec("P")
T = TypeVar("T")


def _method(build: Callable[P, Call[T]]) -> Callable[Concatenate[AsyncClient, P], Coroutine[Any, Any, T]]:
    """Return the client method that sends the call that `build` returns."""

    async def method(self: AsyncClient, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._send(build(*args, **kwargs))

    document_method(method, build)
    return method


class AsyncClient:
    """The async twin of `Client`, used with `async with`. Tasks of one event loop may share it."""

    def __init__(
        self, base_url: str, *, key: str = "", timeout_s: float = 30.0, retries: Retries | None = None
    ) -> None:
        """Set up without connecting; see `Client`."""
        self._http = httpx.AsyncClient(**httpx_options(base_url, key=key, timeout_s=timeout_s))
        self._retries = retries or Retries()

    search = _method(search_calls.search)
    search_by = _method(search_calls.search_by)
    similar = _method(search_calls.similar)
    search_batch = _method(search_calls.search_batch)
    recommend = _method(search_calls.recommend)
    classify = _method(search_calls.classify)
    listing = _method(search_calls.listing)
    photo = _method(search_calls.photo)
    thumbnail = _method(search_calls.thumbnail)
    duplicates = _method(search_calls.duplicates)
    newest_listings = _method(search_calls.newest_listings)
    categories = _method(search_calls.categories)
    attributes = _method(search_calls.attributes)

    add_listing = _method(ingest_calls.add_listing)
    replace_listing = _method(ingest_calls.replace_listing)
    change_listing = _method(ingest_calls.change_listing)
    delete_listing = _method(ingest_calls.delete_listing)
    delete_listings = _method(ingest_calls.delete_listings)
    upload = _method(ingest_calls.upload)
    preview_upload = _method(ingest_calls.preview_upload)
    job = _method(ingest_calls.job)
    jobs = _method(ingest_calls.jobs)
    rejects = _method(ingest_calls.rejects)
    warnings = _method(ingest_calls.warnings)
    cancel = _method(ingest_calls.cancel)
    reindex = _method(ingest_calls.reindex)

    async def pages(self, first: SearchAnswer, *, k: int | None = None) -> AsyncIterator[SearchAnswer]:
        """Yield an answer and the pages that follow it; see `Client.pages`."""
        page, k = first, k or len(first.results)
        yield page
        while next_call := search_calls.next_page(page, k):
            page = await self._send(next_call)
            yield page

    async def results(self, first: SearchAnswer, *, limit: int = 100, k: int | None = None) -> AsyncIterator[Result]:
        """Yield at most `limit` results of an answer and of the pages that follow it; see `Client.results`."""
        if limit < 1:
            return
        async for page in self.pages(first, k=k):
            for result in page.results:
                yield result
                limit -= 1
                if limit == 0:
                    return

    async def events(self, job_id: str, *, last_event_id: str = "") -> AsyncIterator[JobEvent]:
        """Yield a job's present state and each change of it until it ends; see `Client.events`."""
        stream = JobEventStream(job_id, last_event_id, self._retries)
        pause: float | None = 0.0
        while pause is not None:
            await anyio.sleep(pause)
            with build_request(stream.call(), self._http) as request:
                outcome: Outcome
                try:
                    async with aclosing(await self._http.send(request, stream=True)) as outcome:
                        if stream.opened(outcome):
                            async with aclosing(stream.read_async(outcome)) as events:
                                async for event in events:
                                    yield event
                        else:
                            await outcome.aread()
                except httpx.TransportError as error:
                    outcome = error
            pause = stream.closed(outcome)

    async def aclose(self) -> None:
        """Close every connection."""
        await self._http.aclose()

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(self, *_raised: object) -> None:
        await self.aclose()

    async def _send(self, call: Call[T]) -> T:
        for attempt in count(1):
            outcome = await self._send_once(call)
            pause = self._retries.pause_after(attempt, outcome) if call.repeatable else None
            if pause is None:
                return call.result(outcome)
            await anyio.sleep(pause)
        raise AssertionError("unreachable: the last attempt returns or raises")

    async def _send_once(self, call: Call[Any]) -> Outcome:
        with build_request(call, self._http) as request:
            try:
                return await self._http.send(request)
            except httpx.RequestError as error:
                return error
