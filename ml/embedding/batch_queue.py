"""A bounded queue that groups concurrent calls into batches and decides when a batch is due."""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from ml.embedding.embedder import Embeddings, Photos


_DEFAULT_RETRY_S = 1.0
"""Retry delay for a rejected call before the first batch has been timed."""

_NEWEST_WEIGHT = 0.2
"""Weight of the newest batch in the running mean of seconds per photo, which adapts within about five batches."""


class BatchObserver:
    """Callbacks for metrics; here they do nothing. They run under the queue's lock: be quick, and do not raise."""

    def waiting_changed(self, by: int) -> None:
        """The number of waiting photos changed by `by`."""

    def batch_taken(self, photos: int) -> None:
        """A batch of `photos` photos is about to be computed."""


@dataclass(frozen=True, slots=True, eq=False)
class QueuedCall:
    """One call's photos and the future of its result.

    Attributes:
        arrived: seconds on the queue's clock.
        concurrent: whether a batch was being computed when the call arrived.
    """

    photos: Photos
    arrived: float
    concurrent: bool
    future: Future[Embeddings] = field(default_factory=Future)


class BatchQueue:
    """A first-in, first-out queue: many threads put calls, and one thread takes batches.

    Under load, the next batch gathers while one is computed, and needs no delay. A call that arrives when no batch is
    being computed is due at once, since on an idle server a window would only add latency. Only a call that arrives
    during a batch shows that callers are concurrent; it may wait up to the window for others to join. The window starts
    at its arrival, not when the computing thread is free, so a batch that takes longer than the window uses it up.
    While the computing thread is idle, no call waits longer than the window.
    """

    def __init__(
        self,
        limits: BatchLimits,
        *,
        observer: BatchObserver | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Create an empty queue. `clock` returns monotonic seconds."""
        self._limits, self._observer, self._clock = limits, observer or BatchObserver(), clock
        # The condition's lock must be re-entrant, since garbage collection can close the queue during any call.
        self._changed = threading.Condition()
        self._calls: deque[QueuedCall] = deque()
        self._waiting = self._computing = 0
        self._taken_at = 0.0
        self._seconds_per_photo: float | None = None
        self._closed = False

    @property
    def waiting(self) -> int:
        """Number of waiting photos, without the current batch."""
        return self._waiting

    def put(self, photos: Photos) -> Future[Embeddings]:
        """Queue 1 to `BatchLimits.largest_call` photos; the future gets their embeddings or their error.

        Raises:
            EmbedderBusy: the queue has no room for these photos.
            EmbedderClosed: the queue is closed.
        """
        with self._changed:
            if self._closed:
                raise EmbedderClosed
            if self._waiting + len(photos) > self._limits.max_waiting:
                raise EmbedderBusy(waiting=self._waiting, retry_after_s=self._retry_after())
            call = QueuedCall(photos, self._clock(), concurrent=self._computing > 0)
            self._calls.append(call)
            self._count_waiting(len(photos))
            self._changed.notify()
            return call.future

    def take(self) -> list[QueuedCall]:
        """Wait until a batch is due and return its calls; call `finish` afterwards. Empty once closed and drained."""
        with self._changed:
            while (delay := self._due_in()) is None or delay > 0:
                self._changed.wait(delay)
            batch = self._pop_batch()
            if batch:
                self._computing, self._taken_at = sum(len(call.photos) for call in batch), self._clock()
                self._count_waiting(-self._computing)
                self._observer.batch_taken(self._computing)
            return batch

    def finish(self) -> None:
        """Mark the batch taken last as computed, and time it."""
        with self._changed:
            measured = (self._clock() - self._taken_at) / self._computing
            known = measured if self._seconds_per_photo is None else self._seconds_per_photo
            self._seconds_per_photo = known + _NEWEST_WEIGHT * (measured - known)
            self._computing = 0

    def close(self) -> None:
        """Accept no more calls. Waiting calls are due at once."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    def _due_in(self) -> float | None:
        """Return the seconds until a batch is due (0 or less: now), or None if no call is waiting."""
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

    def _retry_after(self) -> float:
        if not self._seconds_per_photo:
            return _DEFAULT_RETRY_S
        return self._seconds_per_photo * (self._waiting + self._computing)

    def _count_waiting(self, by: int) -> None:
        self._waiting += by
        self._observer.waiting_changed(by)


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """Limits of a batch queue.

    Attributes:
        max_batch: maximum photos in a batch. On CPUs, more than 8 gain no throughput and add latency.
        window_s: maximum seconds from its arrival that a call waits for others to join; see `BatchQueue`.
        max_waiting: maximum waiting photos, without the current batch; further calls are rejected.
    """

    max_batch: int = 8
    window_s: float = 0.002
    max_waiting: int = 64

    def __post_init__(self) -> None:
        """Raise ValueError for limits under which no batch could run."""
        if self.max_batch < 1 or self.max_waiting < 1 or not 0 <= self.window_s < math.inf:
            raise ValueError(
                f"max_batch and max_waiting must be at least 1, and window_s finite and not negative: {self}"
            )

    @property
    def largest_call(self) -> int:
        """Maximum photos of one call: they must fit into a batch and into an empty queue."""
        return min(self.max_batch, self.max_waiting)


class EmbedderBusy(RuntimeError):
    """The queue is full: the call was rejected at once.

    Attributes:
        retry_after_s: estimated seconds until the waiting photos are done; above 0.
    """

    def __init__(self, *, waiting: int, retry_after_s: float) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(
            f"The embedding queue is full: {waiting} photos are waiting. Try again in {retry_after_s:.1f} s."
        )


class EmbedderClosed(RuntimeError):
    """The embedder is closed and accepts no calls."""

    def __init__(self) -> None:
        super().__init__("The embedder is closed. Open a new one.")
