"""What is heard of a job while it changes: server-sent events, over as many connections as it takes."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

import httpx
import msgspec

from services.client.calls import Call, escaped, nothing
from services.client.errors import ApiError, unreadable
from services.wire import JobAnswer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from services.client.calls import Outcome
    from services.client.retries import Retries

MEDIA_TYPE = "text/event-stream"

_SILENT_FOR_S = 60.0
"""After which a connection counts as lost: the server says something every 15 seconds."""


class JobEvent(msgspec.Struct, frozen=True):
    """A job as it has become; `event_id` asks for what comes after."""

    event_id: str
    job: JobAnswer


class JobEvents:
    """Turns what connections bring into events, and says when to connect again. One walk to the job's end uses it.

    Attributes:
        last_event_id: of the last event that was taken.
    """

    def __init__(self, job_id: str, last_event_id: str, retries: Retries) -> None:
        self.last_event_id = last_event_id
        self._path, self._retries = f"/v1/jobs/{escaped(job_id)}/events", retries
        self._rest, self._fields = b"", dict[str, str]()
        self._silent, self._heard, self._ended = 0, False, False

    def call(self) -> Call[None]:
        """Return the call that connects, after the last event that was taken."""
        headers = {"Accept": MEDIA_TYPE} | ({"Last-Event-ID": self.last_event_id} if self.last_event_id else {})
        return Call("GET", self._path, nothing, headers=headers, wait_s=_SILENT_FOR_S)

    def opened(self, response: httpx.Response) -> bool:
        """Say whether events come, rather than an error or nothing more; forget what a cut connection left.

        Raises:
            ApiError: what comes is something else.
        """
        self._rest, self._fields = b"", {}
        found = response.headers.get("content-type", "nothing")
        if response.status_code == HTTPStatus.OK and not found.startswith(MEDIA_TYPE):
            raise unreadable(response, f"{found}, not {MEDIA_TYPE}")
        return response.status_code == HTTPStatus.OK

    def feed(self, chunk: bytes) -> Iterator[JobEvent]:
        """Yield the events that are complete with this piece of the answer."""
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        for line in lines:
            self._heard = True
            if text := line.rstrip(b"\r").decode("utf-8", "replace"):
                self._take(text)
            elif event := self._complete():
                yield event

    def closed(self, outcome: Outcome) -> float | None:
        """Return the seconds to pause before connecting again; None where the job has ended.

        Raises:
            ApiError: the server refuses, or too many connections in a row brought nothing.
        """
        if self._ended or (isinstance(outcome, httpx.Response) and outcome.status_code == HTTPStatus.NO_CONTENT):
            return None
        if isinstance(outcome, httpx.Response) and outcome.is_success:
            outcome = httpx.RemoteProtocolError("the events end before the job does", request=outcome.request)
        self._silent, self._heard = 1 if self._heard else self._silent + 1, False
        pause = self._retries.pause_after(self._silent, outcome)
        if pause is None:
            self.call().result(outcome)
        return pause

    def _take(self, line: str) -> None:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        self._fields[name] = f"{self._fields[name]}\n{value}" if name == "data" and name in self._fields else value

    def _complete(self) -> JobEvent | None:
        fields, self._fields = self._fields, {}
        if "data" not in fields:  # a comment
            return None
        job = _job(fields["data"])
        self.last_event_id, self._ended = fields.get("id", self.last_event_id), job.ended
        return JobEvent(self.last_event_id, job)


def _job(text: str) -> JobAnswer:
    try:
        return msgspec.json.decode(text, type=JobAnswer)
    except msgspec.MsgspecError as error:
        raise ApiError(HTTPStatus.OK, "The answer cannot be read", f"An event is no job ({error}).") from error
