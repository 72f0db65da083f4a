"""The client, for code that waits."""

from __future__ import annotations

import time
from contextlib import closing
from itertools import count
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

import httpx

from services.client import ingest_calls, search_calls
from services.client.calls import Call, as_method, request_of
from services.client.connection import settings_of
from services.client.events import JobEvents
from services.client.retries import Retries

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from services.client.calls import Outcome
    from services.client.events import JobEvent
    from services.wire import Result, SearchAnswer

P = ParamSpec("P")
T = TypeVar("T")


def _asking(build: Callable[P, Call[T]]) -> Callable[Concatenate[Client, P], T]:
    """Return the method that makes the call which `build` describes."""

    def method(self: Client, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self._ask(build(*args, **kwargs))

    as_method(method, build)
    return method


class Client:
    """Asks a server; `AsyncClient` is its twin. Threads may share one. It keeps connections: close it, or use `with`.

    Calls raise ApiError. What may be repeated is tried again, as `Retries` says. Where search and ingest run apart,
    each is asked by a client of its own.
    """

    def __init__(
        self, base_url: str, *, key: str = "", timeout_s: float = 30.0, retries: Retries | None = None
    ) -> None:
        """Connect to nothing yet; `timeout_s` is for a connection, and for each piece of an answer.

        Raises:
            ValueError: the address is not an HTTP URL, or the key cannot be one.
        """
        self._http = httpx.Client(**settings_of(base_url, key=key, timeout_s=timeout_s))
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

    def pages(self, first: SearchAnswer, *, k: int | None = None) -> Iterator[SearchAnswer]:
        """Yield an answer, then those that follow it, `k` results each (as many as the first has), to the last."""
        page, k = first, k or len(first.results)
        yield page
        while following := search_calls.after(page, k):
            page = self._ask(following)
            yield page

    def results(self, first: SearchAnswer, *, k: int | None = None) -> Iterator[Result]:
        """Yield every result of an answer and of the pages that follow it."""
        for page in self.pages(first, k=k):
            yield from page.results

    def events(self, job_id: str, *, last_event_id: str = "") -> Iterator[JobEvent]:
        """Yield a job as it is, and whenever it has changed, until it has ended; a lost connection is made again.

        With the id of an event that was seen before, what has not changed since is not yielded.

        Raises:
            NotFound: there is no such job.
        """
        heard = JobEvents(job_id, last_event_id, self._retries)
        pause: float | None = 0.0
        while pause is not None:
            time.sleep(pause)
            with request_of(heard.call(), self._http) as request:
                outcome: Outcome
                try:
                    with closing(self._http.send(request, stream=True)) as outcome:
                        if heard.opened(outcome):
                            for chunk in outcome.iter_bytes():
                                yield from heard.feed(chunk)
                        else:
                            outcome.read()
                except httpx.TransportError as error:
                    outcome = error
            pause = heard.closed(outcome)

    def close(self) -> None:
        """Close every connection."""
        self._http.close()

    def __enter__(self) -> Client:
        """Return the client."""
        return self

    def __exit__(self, *_raised: object) -> None:
        """Close every connection."""
        self.close()

    def _ask(self, call: Call[T]) -> T:
        for number in count(1):
            outcome = self._try(call)
            pause = self._retries.pause_after(number, outcome) if call.repeatable else None
            if pause is None:
                return call.result(outcome)
            time.sleep(pause)
        raise AssertionError("tries come to an end")

    def _try(self, call: Call[Any]) -> Outcome:
        with request_of(call, self._http) as request:
            try:
                return self._http.send(request)
            except httpx.RequestError as error:
                return error
