"""Follows jobs for event streams: one query at a time reads all followed jobs, however many clients follow them."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec
from anyio import CapacityLimiter, to_thread
from litestar.response import ServerSentEventMessage
from sqlalchemy.exc import SQLAlchemyError

from db.models import ENDED
from db.rows import jobs
from services.errors import Overloaded
from services.ingest.loading.ledger import complete_counts
from services.wire import JobAnswer, JobProgressAnswer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from db.models import Job
    from db.session import Database

log = logging.getLogger(__name__)

_POLL_S = 0.5
_KEEP_ALIVE_S = 15.0
"""Silence after which a comment is sent, because proxies close silent connections."""

_MAX_STREAM_S = 600.0
"""Then the client connects again, with the id of the last event that it received."""

_MOST_STREAMS = 200
"""Each holds a connection; see `services.web.limits.connections`."""

_RETRY_AFTER_S = 5.0


@dataclass(eq=False)
class _Followed:
    """A job that clients follow.

    Attributes:
        event: its data and id.
        streams: number of clients.
        changed: set, and replaced, when the event changes.
    """

    event: tuple[bytes, str] = (b"", "")
    has_ended: bool = False
    streams: int = 0
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def update(self, job: Job) -> None:
        """Take over the job's present state."""
        event = job_event(job)
        if event != self.event:
            self.event, self.has_ended = event, job.state in ENDED
            self.changed.set()
            self.changed = asyncio.Event()


class FollowedJobs:
    """Polls the jobs that clients follow, in a thread of its own: streams take none from other requests."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._followed: dict[str, _Followed] = {}
        self._streams = 0
        self._polling: asyncio.Task[None] | None = None

    def check_room(self) -> None:
        """Refuse a further stream when too many are open.

        Raises:
            Overloaded: too many clients follow jobs.
        """
        if self._streams >= _MOST_STREAMS:
            raise Overloaded(
                f"{self._streams} clients follow jobs already. Ask for the job's state instead",
                retry_after_s=_RETRY_AFTER_S,
            )

    async def events(self, job: Job, seen: str) -> AsyncIterator[ServerSentEventMessage]:
        """Yield the job whenever it changes, until it has ended; `seen` is the id of the last event received."""
        loop = asyncio.get_running_loop()
        until = loop.time() + _MAX_STREAM_S
        with self._following(job) as followed:
            while loop.time() < until:
                changed, (data, event_id) = followed.changed, followed.event
                if event_id != seen:
                    seen = event_id
                    yield ServerSentEventMessage(data=data.decode(), event="job", id=event_id)
                if followed.has_ended:
                    return
                try:
                    async with asyncio.timeout(_KEEP_ALIVE_S):
                        await changed.wait()
                except TimeoutError:
                    yield ServerSentEventMessage(comment="nothing new")

    @contextmanager
    def _following(self, job: Job) -> Iterator[_Followed]:
        followed = self._followed.setdefault(job.id, _Followed())
        followed.update(job)
        followed.streams, self._streams = followed.streams + 1, self._streams + 1
        if self._polling is None or self._polling.done():
            self._polling = asyncio.create_task(self._poll(), name="poll followed jobs")
        try:
            yield followed
        finally:
            followed.streams, self._streams = followed.streams - 1, self._streams - 1
            if not followed.streams:
                del self._followed[job.id]

    async def _poll(self) -> None:
        """Read the followed jobs every _POLL_S for as long as there are any."""
        thread = CapacityLimiter(1)
        while True:
            await asyncio.sleep(_POLL_S)
            if not self._followed:
                return
            try:
                found = await to_thread.run_sync(self._read, list(self._followed), limiter=thread)
            except SQLAlchemyError as error:
                log.warning("cannot read the followed jobs; trying again: %s", error)
                continue
            for job in found:
                if (followed := self._followed.get(job.id)) is not None:
                    followed.update(job)

    def _read(self, job_ids: list[str]) -> list[Job]:
        with self._database.read() as session:
            return list(jobs.find_jobs(session, job_ids))


def job_event(job: Job) -> tuple[bytes, str]:
    """Return an event's data, and an id made from it."""
    data = msgspec.json.encode(job_answer(job))
    return data, hashlib.sha256(data).hexdigest()[:16]


def job_answer(job: Job) -> JobAnswer:
    at = jobs.progress_of(job)
    progress = None if at is None else JobProgressAnswer(at.stage, at.done, at.total, at.rate, at.seconds_left)
    return JobAnswer(
        job_id=job.id,
        kind=job.kind,
        state=job.state,
        cancel_requested=job.cancel_requested,
        progress=progress,
        counts=complete_counts(job) if job.kind == "ingest" and job.state in ENDED else jobs.counts_of(job),
        error=job.error,
        created_at=job.created_at,
        started_at=job.started_at,
        finished_at=job.finished_at,
        warnings=jobs.warnings_by_flag(job),
        rejects=jobs.rejects_by_reason(job),
        dry_run=bool(job.inputs.get("dry_run")),
    )
