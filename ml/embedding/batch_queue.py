"""Calls for embeddings that wait to be computed together: how many may wait, and when a batch of them is due."""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from ml.embedding.embedder import Embeddings, Photos


_UNMEASURED_S = 1.0
"""What a refused caller is told to wait while no batch has been timed yet."""

_NEWEST_WEIGHS = 0.2
"""Weight of the newest batch in the running mean of seconds per photo: a change shows after about five batches."""


class BatchObserver(Protocol):
    """Is told what a queue does, for metrics. Called under the queue's lock: it must be quick and must not raise."""

    def waiting_changed(self, by: int) -> None:
        """So many photos more wait, or fewer where `by` is negative."""
        ...

    def batch_taken(self, photos: int) -> None:
        """A batch of so many photos is about to be computed."""
        ...


class Unobserved:
    """The observer that keeps nothing."""

    def waiting_changed(self, by: int) -> None:
        """Ignore it."""

    def batch_taken(self, photos: int) -> None:
        """Ignore it."""


@dataclass(frozen=True, slots=True, eq=False)
class QueuedCall:
    """One caller's photos, and where its own outcome is put. `concurrent`: it came while a batch was under way."""

    photos: Photos
    arrived: float
    concurrent: bool
    outcome: Future[Embeddings] = field(default_factory=Future)


class BatchQueue:
    """First come, first served; any number of threads put calls in, one takes batches out.

    When a batch is due. While one batch is computed the next one gathers by itself, so under load nothing has to wait
    for company. A call that finds nothing under way is taken at once: on an idle server a window would be pure delay.
    Only a call that came while a batch was under way shows that callers are concurrent, and may be kept for others
    to join. The window counts from its arrival, not from when the computing thread is free: where a batch takes
    longer than the window, as a large network on a processor does, the call has waited enough by then. So no call
    ever waits longer than the window while the computing thread has nothing to do.
    """

    def __init__(
        self,
        limits: BatchLimits,
        *,
        observer: BatchObserver | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Start empty. `clock` gives seconds that never run backwards."""
        self._limits, self._observer, self._clock = limits, observer or Unobserved(), clock
        # The condition's lock is re-entrant. It must be: garbage collection can close the queue from within any call.
        self._changed = threading.Condition()
        self._calls: deque[QueuedCall] = deque()
        self._waiting = self._under_way = 0
        self._taken_at = 0.0
        self._seconds_per_photo: float | None = None
        self._closed = False

    @property
    def waiting(self) -> int:
        """Photos that wait, those being computed not counted."""
        return self._waiting

    def put(self, photos: Photos) -> Future[Embeddings]:
        """Queue 1 to `BatchLimits.largest_call` photos; the future will hold their embeddings, or their error.

        Raises:
            EmbedderBusy: with these, more photos would wait than may.
            EmbedderClosed: the queue is closed.
        """
        with self._changed:
            if self._closed:
                raise EmbedderClosed
            if self._waiting + len(photos) > self._limits.max_waiting:
                raise EmbedderBusy(waiting=self._waiting, retry_after_s=self._seconds_left())
            call = QueuedCall(photos, self._clock(), concurrent=self._under_way > 0)
            self._calls.append(call)
            self._count_waiting(len(photos))
            self._changed.notify()
            return call.outcome

    def take(self) -> list[QueuedCall]:
        """Wait until a batch is due and return its calls, which `finish` ends; none once closed and empty."""
        with self._changed:
            while (delay := self._due_in()) is None or delay > 0:
                self._changed.wait(delay)
            batch = self._pop_batch()
            if batch:
                self._under_way, self._taken_at = sum(len(call.photos) for call in batch), self._clock()
                self._count_waiting(-self._under_way)
                self._observer.batch_taken(self._under_way)
            return batch

    def finish(self) -> None:
        """Say that the batch taken last is computed, and time it."""
        with self._changed:
            measured = (self._clock() - self._taken_at) / self._under_way
            known = measured if self._seconds_per_photo is None else self._seconds_per_photo
            self._seconds_per_photo = known + _NEWEST_WEIGHS * (measured - known)
            self._under_way = 0

    def close(self) -> None:
        """Accept no more calls; those that wait are still taken, without delay."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    def _due_in(self) -> float | None:
        """Return the seconds until a batch is due, 0 or less when it is; None when there is nothing to wait for."""
        if self._closed:
            return 0.0
        if not self._calls:
            return None
        oldest = self._calls[0]
        if not oldest.concurrent or self._waiting >= self._limits.largest_call:
            return 0.0
        return oldest.arrived + self._limits.window_s - self._clock()

    def _pop_batch(self) -> list[QueuedCall]:
        batch, room = [], self._limits.max_batch
        while self._calls and len(self._calls[0].photos) <= room:
            batch.append(self._calls.popleft())
            room -= len(batch[-1].photos)
        return batch

    def _seconds_left(self) -> float:
        if not self._seconds_per_photo:
            return _UNMEASURED_S
        return self._seconds_per_photo * (self._waiting + self._under_way)

    def _count_waiting(self, by: int) -> None:
        self._waiting += by
        self._observer.waiting_changed(by)


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """How calls are put together.

    Attributes:
        max_batch: photos computed together at most. On processors more than 8 gain nothing, and each waits for all.
        window_s: how long after its arrival a call may be kept for others to join it; see `BatchQueue`.
        max_waiting: photos that may wait, besides those that are being computed; more are refused.
    """

    max_batch: int = 8
    window_s: float = 0.002
    max_waiting: int = 64

    def __post_init__(self) -> None:
        """Raise ValueError for limits under which nothing could be computed."""
        if self.max_batch < 1 or self.max_waiting < 1 or not 0 <= self.window_s < math.inf:
            raise ValueError(
                f"max_batch and max_waiting must be at least 1 and window_s finite and not below 0: {self}"
            )

    @property
    def largest_call(self) -> int:
        """Photos that one call may bring: what fits both into a batch and into an empty queue."""
        return min(self.max_batch, self.max_waiting)


class EmbedderBusy(RuntimeError):
    """As many photos wait as may: the call was refused at once, before any work was done for it.

    Attributes:
        retry_after_s: seconds until what waits now is done, by the rate measured so far; above 0.
    """

    def __init__(self, *, waiting: int, retry_after_s: float) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(f"{waiting} photos wait to be embedded, and no more may. Try again in {retry_after_s:.1f} s.")


class EmbedderClosed(RuntimeError):
    """The embedder was closed before the call."""

    def __init__(self) -> None:
        super().__init__("This embedder is closed. Ask for a new one.")
