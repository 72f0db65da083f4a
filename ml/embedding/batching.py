"""An embedder for serving that computes the photos of concurrent callers in batches."""

from __future__ import annotations

import threading
import weakref
from typing import TYPE_CHECKING

import numpy as np

from ml.embedding.batch_queue import BatchLimits, BatchObserver, BatchQueue
from ml.embedding.embedder import Embedder, Embeddings, embed_in_chunks

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import TracebackType
    from typing import Self

    from numpy.typing import NDArray

    from ml.bundle.bundle import Bundle
    from ml.embedding.embedder import Photos

_EXIT_TIMEOUT_S = 2.0
"""Maximum delay of the interpreter's exit by an embedder that was not closed. Stopping a thread during an inference can
crash the process, so exit waits for the current batch, but not for an inference that hangs."""


class BatchingEmbedder:
    """Wraps an embedder for callers in many threads. See `ml.embedding.batch_queue.BatchQueue` for the batching.

    Bulk work makes its own batches and should call the wrapped embedder directly. One thread computes. It starts here
    and ends with `close`, when this object is garbage-collected, or with the interpreter.
    """

    def __init__(
        self, inner: Embedder, limits: BatchLimits | None = None, *, observer: BatchObserver | None = None
    ) -> None:
        self._inner, self._limits = inner, limits or BatchLimits()
        self._queue = BatchQueue(self._limits, observer=observer)
        # The thread holds no reference to this object, so that it can be garbage-collected.
        self._worker = threading.Thread(target=_work, args=(self._queue, inner), name="embed batches", daemon=True)
        self._worker.start()
        weakref.finalize(self, _stop, self._queue, self._worker, timeout=_EXIT_TIMEOUT_S)

    @property
    def bundle(self) -> Bundle:
        """The wrapped embedder's model bundle."""
        return self._inner.bundle

    @property
    def precision(self) -> str:
        """The wrapped embedder's precision."""
        return self._inner.precision

    @property
    def waiting(self) -> int:
        """Number of waiting photos."""
        return self._queue.waiting

    def embed(self, photos: Photos) -> Embeddings:
        """Embed any number of photos, in batches with those of other callers; see `Embedder.embed`.

        Photos are checked before they join a batch, so only their own caller sees a shape or type error. If a batch
        fails, its calls run one by one, and only calls that fail alone raise. A call larger than a batch is split, and
        other callers' batches may run between its parts.

        Raises:
            EmbedderBusy: the queue is full, possibly between two parts of a call.
            EmbedderClosed: `close` was called.
            ValueError, ArithmeticError: see `Embedder.embed`.
        """
        return embed_in_chunks(photos, self.bundle, chunk=self._limits.largest_call, infer=self._infer)

    def close(self) -> None:
        """Reject new calls, finish the accepted ones and end the thread. Closing again does nothing."""
        _stop(self._queue, self._worker, timeout=None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _infer(self, photos: Photos) -> tuple[NDArray[np.float32], ...]:
        embeddings = self._queue.put(photos).result()
        return embeddings.vectors, embeddings.probabilities


def _work(queue: BatchQueue, inner: Embedder) -> None:
    while batch := queue.take():
        results = _embed_calls([call.photos for call in batch], inner)
        queue.finish()  # before the results: a caller's next call is then not concurrent with this batch
        for call, result in zip(batch, results, strict=True):
            if isinstance(result, Embeddings):
                call.future.set_result(result)
            else:
                call.future.set_exception(result)
        del batch, call, results, result  # otherwise they stay in memory until the next call


def _embed_calls(calls: Sequence[Photos], inner: Embedder) -> list[Embeddings | BaseException]:
    """Embed the calls together, or one by one if that fails. Returns one result or error per call."""
    try:
        return [*_split_by_call(calls, inner.embed(np.concatenate(calls)))]
    except BaseException as error:  # noqa: BLE001 - raised by the caller; without this thread, all callers would wait for ever
        failure = error
    if len(calls) == 1:
        return [failure]
    return [result for photos in calls for result in _embed_calls([photos], inner)]


def _split_by_call(calls: Sequence[Photos], embeddings: Embeddings) -> Iterator[Embeddings]:
    end = 0
    for photos in calls:
        rows = slice(end, end := end + len(photos))
        yield Embeddings(embeddings.vectors[rows], embeddings.probabilities[rows])


def _stop(queue: BatchQueue, worker: threading.Thread, *, timeout: float | None) -> None:
    queue.close()
    if worker is not threading.current_thread():  # garbage collection can run in any thread, including the worker
        worker.join(timeout)
