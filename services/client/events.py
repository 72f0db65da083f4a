"""The events of a job, received as server-sent events over as many connections as it takes."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

import httpx
import msgspec
from httpx_sse import EventSource

from services.client.calls import Call, no_content, path_segment
from services.client.errors import ApiError, unreadable_answer
from services.wire import JobAnswer

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator

    from httpx_sse import ServerSentEvent

    from services.client.calls import Outcome
    from services.client.retries import Retries

MEDIA_TYPE = "text/event-stream"

_SILENCE_LIMIT_S = 60.0
"""A connection silent for this long counts as lost: the server sends something every 15 seconds."""


class JobEvent(msgspec.Struct, frozen=True):
    """The state of a job after a change; pass `event_id` as `last_event_id` to continue from here."""

    event_id: str
    job: JobAnswer


class JobEventStream:
    """Reads a job's events from one connection after the other, and decides when to connect again.

    For each connection: `call`, `opened`, then `read` or `read_async`, then `closed`.

    Attributes:
        last_event_id: id of the last event received.
    """

    def __init__(self, job_id: str, last_event_id: str, retries: Retries) -> None:
        self.last_event_id = last_event_id
        self._path, self._retries = f"/v1/jobs/{path_segment(job_id)}/events", retries
        self._response: httpx.Response | None = None
        self._failures_in_row, self._job_ended = 0, False

    def call(self) -> Call[None]:
        """Return the call that connects and continues after the last event received."""
        headers = {"Accept": MEDIA_TYPE} | ({"Last-Event-ID": self.last_event_id} if self.last_event_id else {})
        return Call("GET", self._path, no_content, headers=headers, timeout_s=_SILENCE_LIMIT_S)

    def opened(self, response: httpx.Response) -> bool:
        """Say whether the answer is a stream of events; False for an error or for 204, no further events.

        Raises:
            ApiError: the answer is of another media type.
        """
        if response.status_code != HTTPStatus.OK:
            return False
        media_type = response.headers.get("content-type", "nothing")
        if not media_type.startswith(MEDIA_TYPE):
            raise unreadable_answer(response, f"{media_type} instead of {MEDIA_TYPE}")
        self._response = response
        return True

    def read(self, response: httpx.Response) -> Iterator[JobEvent]:
        """Yield the events of one connection."""
        for event in EventSource(response).iter_sse():
            if event.data:  # httpx-sse also yields keep-alive comments, as events without data
                yield self._job_event(event)

    async def read_async(self, response: httpx.Response) -> AsyncGenerator[JobEvent, None]:
        """Yield the events of one connection."""
        async for event in EventSource(response).aiter_sse():
            if event.data:
                yield self._job_event(event)

    def closed(self, outcome: Outcome) -> float | None:
        """Return the seconds to pause before connecting again; None when the job has ended.

        Raises:
            ApiError: the server refuses, or too many connections in a row brought nothing.
        """
        if self._job_ended or (isinstance(outcome, httpx.Response) and outcome.status_code == HTTPStatus.NO_CONTENT):
            return None
        if isinstance(outcome, httpx.Response) and outcome.is_success:
            problem = "the event stream ended before the job did"
            outcome = httpx.RemoteProtocolError(problem, request=outcome.request)
        brought_something = self._response is not None and self._response.num_bytes_downloaded > 0
        self._failures_in_row, self._response = 1 if brought_something else self._failures_in_row + 1, None
        pause = self._retries.pause_after(self._failures_in_row, outcome)
        if pause is None:
            self.call().result(outcome)
        return pause

    def _job_event(self, event: ServerSentEvent) -> JobEvent:
        try:
            job = msgspec.json.decode(event.data, type=JobAnswer)
        except msgspec.MsgspecError as error:
            detail = f"An event does not describe a job ({error})."
            raise ApiError(HTTPStatus.OK, "The answer cannot be read", detail) from error
        self.last_event_id, self._job_ended = event.id or self.last_event_id, job.ended
        return JobEvent(self.last_event_id, job)
