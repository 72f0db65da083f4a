"""The client for code without async."""

from __future__ import annotations

import time
from contextlib import closing
from itertools import count, islice
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

import httpx

from services.client import ingest_calls, search_calls
from services.client.calls import Call, build_request, document_method, httpx_options
from services.client.events import JobEventStream
from services.client.retries import Retries

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from services.client.calls import Outcome
    from services.client.events import JobEvent
    from services.wire import Result, SearchAnswer

P = ParamSpec("P")
T = TypeVar("T")


def _method(build: Callable[P, Call[T]]) -> Callable[Concatenate[Client, P], T]:
    """Return the client method that sends the call that `build` returns."""

    def method(self: Client, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self._send(build(*args, **kwargs))

    document_method(method, build)
    return method


class Client:
    """A client of one server; `AsyncClient` is its async twin. Threads may share it.

    It keeps connections open: close it, or use it in a `with` block. Calls raise ApiError, and are retried as `Retries`
    says. If search and ingest run on different addresses, use one client for each.
    """

    def __init__(
        self, base_url: str, *, key: str = "", timeout_s: float = 30.0, retries: Retries | None = None
    ) -> None:
        """Set up without connecting; `timeout_s` applies to connecting and to each piece of an answer.

        Raises:
            ValueError: `base_url` is not an HTTP URL, or `key` has characters that no API key has.
        """
        self._http = httpx.Client(**httpx_options(base_url, key=key, timeout_s=timeout_s))
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

    def pages(self, first: SearchAnswer, *, k: int | None = None) -> Iterator[SearchAnswer]:
        """Yield an answer and the pages that follow it, each when it is needed.

        Args:
            first: the answer of a search.
            k: the results of each further page (default: as many as the first).
        """
        page, k = first, k or len(first.results)
        yield page
        while next_call := search_calls.next_page(page, k):
            page = self._send(next_call)
            yield page

    def results(self, first: SearchAnswer, *, limit: int = 100, k: int | None = None) -> Iterator[Result]:
        """Yield at most `limit` results of an answer and of the pages that follow it; see `pages`.

        A page is asked for when its first result is needed.
        """
        found = (result for page in self.pages(first, k=k) for result in page.results)
        return islice(found, limit)

    def events(self, job_id: str, *, last_event_id: str = "") -> Iterator[JobEvent]:
        """Yield a job's present state and each change of it until it ends; reconnects when the connection is lost.

        With the `event_id` of an earlier event as `last_event_id`, a state that has not changed since is not repeated.

        Raises:
            NotFound: there is no such job.
        """
        stream = JobEventStream(job_id, last_event_id, self._retries)
        pause: float | None = 0.0
        while pause is not None:
            time.sleep(pause)
            with build_request(stream.call(), self._http) as request:
                outcome: Outcome
                try:
                    with closing(self._http.send(request, stream=True)) as outcome:
                        if stream.opened(outcome):
                            yield from stream.read(outcome)
                        else:
                            outcome.read()
                except httpx.TransportError as error:
                    outcome = error
            pause = stream.closed(outcome)

    def close(self) -> None:
        """Close every connection."""
        self._http.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_raised: object) -> None:
        self.close()

    def _send(self, call: Call[T]) -> T:
        for attempt in count(1):
            outcome = self._send_once(call)
            pause = self._retries.pause_after(attempt, outcome) if call.repeatable else None
            if pause is None:
                return call.result(outcome)
            time.sleep(pause)
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _send_once(self, call: Call[Any]) -> Outcome:
        with build_request(call, self._http) as request:
            try:
                return self._http.send(request)
            except httpx.RequestError as error:
                return error
