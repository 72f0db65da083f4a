"""A bounded pool of threads for the synchronous work of requests; work that would wait too long is refused."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from anyio import CapacityLimiter, to_thread

from services.errors import ServiceUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
T = TypeVar("T")

QUEUE_PER_THREAD = 8
"""Waiting requests per thread: at 50 ms of work per request the last one waits 0.4 s."""


class WorkerThreads:
    """Runs the synchronous work of requests: decoding, embedding, searching, reading rows.

    OpenVINO and FAISS release the interpreter lock, so the threads run in parallel.
    """

    def __init__(self, threads: int, *, queue: int | None = None) -> None:
        """Allow `threads` calls at a time and `queue` waiting ones (default: 8 per thread)."""
        self._threads = threads
        self._queue = threads * QUEUE_PER_THREAD if queue is None else queue
        self._limiter: CapacityLimiter | None = None

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call `work` in a thread and return its result.

        Raises:
            ServiceUnavailable: too many requests are waiting.
        """
        if self._limiter is None:  # created on first use, because it belongs to the running event loop
            self._limiter = CapacityLimiter(self._threads)
        if self._limiter.statistics().tasks_waiting >= self._queue and not self._limiter.available_tokens:
            raise ServiceUnavailable("Too many requests are waiting. Try again in a moment.")
        return await to_thread.run_sync(partial(work, *args, **kwargs), limiter=self._limiter)
