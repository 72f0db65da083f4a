"""The client, for code that is async: under asyncio or trio."""

from __future__ import annotations

from contextlib import aclosing
from itertools import count
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

import anyio
import httpx

from services.client import ingest_calls, search_calls
from services.client.calls import Call, as_method, request_of
from services.client.connection import settings_of
from services.client.events import JobEvents
from services.client.retries import Retries

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine

    from services.client.calls import Outcome
    from services.client.events import JobEvent
    from services.wire import Result, SearchAnswer

P = ParamSpec("P")
T = TypeVar("T")


def _asking(build: Callable[P, Call[T]]) -> Callable[Concatenate[AsyncClient, P], Coroutine[Any, Any, T]]:
    """Return the method that makes the call which `build` describes."""

    async def method(self: AsyncClient, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._ask(build(*args, **kwargs))

    as_method(method, build)
    return method


class AsyncClient:
    """What `Client` is, with calls that are awaited. Tasks of one event loop may share one; use `async with`."""

    def __init__(
        self, base_url: str, *, key: str = "", timeout_s: float = 30.0, retries: Retries | None = None
    ) -> None:
        """Connect to nothing yet: see `Client`."""
        self._http = httpx.AsyncClient(**settings_of(base_url, key=key, timeout_s=timeout_s))
        self._retries = retries or Retries()

    search = _asking(search_calls.search)
    search_by = _asking(search_calls.search_by)
    similar = _asking(search_calls.similar)
    search_batch = _asking(search_calls.search_batch)
    recommend = _asking(search_calls.recommend)
    classify = _asking(search_calls.classify)
    listing = _asking(search_calls.listing)
    photo = _asking(search_calls.photo)
    thumbnail = _asking(search_calls.thumbnail)
    duplicates = _asking(search_calls.duplicates)
    newest_listings = _asking(search_calls.newest_listings)
    categories = _asking(search_calls.categories)

    add_listing = _asking(ingest_calls.add_listing)
    replace_listing = _asking(ingest_calls.replace_listing)
    change_listing = _asking(ingest_calls.change_listing)
    delete_listing = _asking(ingest_calls.delete_listing)
    upload = _asking(ingest_calls.upload)
    job = _asking(ingest_calls.job)
    jobs = _asking(ingest_calls.jobs)
    rejects = _asking(ingest_calls.rejects)
    cancel = _asking(ingest_calls.cancel)
    reindex = _asking(ingest_calls.reindex)

    async def pages(self, first: SearchAnswer, *, k: int | None = None) -> AsyncIterator[SearchAnswer]:
        """Yield an answer, then those that follow it: see `Client.pages`."""
        page, k = first, k or len(first.results)
        yield page
        while following := search_calls.after(page, k):
            page = await self._ask(following)
            yield page

    async def results(self, first: SearchAnswer, *, k: int | None = None) -> AsyncIterator[Result]:
        """Yield every result of an answer and of the pages that follow it."""
        async for page in self.pages(first, k=k):
            for result in page.results:
                yield result

    async def events(self, job_id: str, *, last_event_id: str = "") -> AsyncIterator[JobEvent]:
        """Yield a job as it is, and whenever it has changed, until it has ended: see `Client.events`."""
        heard = JobEvents(job_id, last_event_id, self._retries)
        pause: float | None = 0.0
        while pause is not None:
            await anyio.sleep(pause)
            with request_of(heard.call(), self._http) as request:
                outcome: Outcome
                try:
                    async with aclosing(await self._http.send(request, stream=True)) as outcome:
                        if heard.opened(outcome):
                            async for chunk in outcome.aiter_bytes():
                                for event in heard.feed(chunk):
                                    yield event
                        else:
                            await outcome.aread()
                except httpx.TransportError as error:
                    outcome = error
            pause = heard.closed(outcome)

    async def aclose(self) -> None:
        """Close every connection."""
        await self._http.aclose()

    async def __aenter__(self) -> AsyncClient:
        """Return the client."""
        return self

    async def __aexit__(self, *_raised: object) -> None:
        """Close every connection."""
        await self.aclose()

    async def _ask(self, call: Call[T]) -> T:
        for number in count(1):
            outcome = await self._try(call)
            pause = self._retries.pause_after(number, outcome) if call.repeatable else None
            if pause is None:
                return call.result(outcome)
            await anyio.sleep(pause)
        raise AssertionError("tries come to an end")

    async def _try(self, call: Call[Any]) -> Outcome:
        with request_of(call, self._http) as request:
            try:
                return await self._http.send(request)
            except httpx.RequestError as error:
                return error
