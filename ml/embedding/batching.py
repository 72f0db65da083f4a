"""An embedder that computes the photos of concurrent callers together, for serving: one photo a request."""

from __future__ import annotations

import threading
import weakref
from typing import TYPE_CHECKING

import numpy as np

from ml.embedding.batch_queue import BatchLimits, BatchObserver, BatchQueue, EmbedderBusy, EmbedderClosed
from ml.embedding.embedder import Embedder, Embeddings, embed_in_chunks

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import TracebackType
    from typing import Self

    from numpy.typing import NDArray

    from ml.bundle.bundle import Bundle
    from ml.embedding.embedder import Photos

__all__ = ["BatchLimits", "BatchObserver", "BatchingEmbedder", "EmbedderBusy", "EmbedderClosed"]

_LAST_BATCHES_S = 2.0
"""How long a forgotten embedder may hold up the interpreter's exit. A thread that is stopped amid an inference can
crash the process, so what is under way is waited for; an inference that hangs is not."""


class BatchingEmbedder:
    """Wraps an embedder for callers in many threads. `ml.embedding.batch_queue.BatchQueue` says when a batch is due.

    Bulk work, which makes its own batches, calls the wrapped embedder itself: here it would only wait among requests.
    One thread computes. It is started here and ends with `close`, when this object is no longer used, or with the
    interpreter.
    """

    def __init__(
        self, inner: Embedder, limits: BatchLimits | None = None, *, observer: BatchObserver | None = None
    ) -> None:
        self._inner, self._limits = inner, limits or BatchLimits()
        self._queue = BatchQueue(self._limits, observer=observer)
        # The thread knows the queue and `inner`, not this object: so it does not keep it alive.
        self._worker = threading.Thread(target=_work, args=(self._queue, inner), name="embed batches", daemon=True)
        self._worker.start()
        weakref.finalize(self, _stop, self._queue, self._worker, timeout=_LAST_BATCHES_S)

    @property
    def bundle(self) -> Bundle:
        """The model bundle of the wrapped embedder."""
        return self._inner.bundle

    @property
    def precision(self) -> str:
        """What the wrapped embedder computes in."""
        return self._inner.precision

    @property
    def waiting(self) -> int:
        """Photos that wait to be computed."""
        return self._queue.waiting

    def embed(self, photos: Photos) -> Embeddings:
        """Embed any number of photos, together with those of other callers; see `Embedder.embed`.

        Photos are checked before they are joined with others, so a wrong shape or type is its own caller's error
        alone. When a batch fails, its calls are tried one by one: only those that fail alone raise. A call of more
        photos than a batch holds goes through piece by piece, and others have their turn between the pieces.

        Raises:
            EmbedderBusy: too many photos wait already, or come to wait between two pieces.
            EmbedderClosed: `close` was called.
            ValueError, ArithmeticError: as the wrapped embedder.
        """
        return embed_in_chunks(photos, self.bundle, chunk=self._limits.largest_call, infer=self._infer)

    def close(self) -> None:
        """Refuse further calls, answer those that were accepted, and end the thread. Closing again does nothing."""
        _stop(self._queue, self._worker, timeout=None)

    def __enter__(self) -> Self:
        """Give the embedder itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    def _infer(self, photos: Photos) -> tuple[NDArray[np.float32], ...]:
        embeddings = self._queue.put(photos).result()
        return embeddings.vectors, embeddings.probabilities


def _work(queue: BatchQueue, inner: Embedder) -> None:
    while batch := queue.take():
        outcomes = _outcomes([call.photos for call in batch], inner)
        queue.finish()  # first: a caller that asks again at once is not concurrent with the batch it was in
        for call, outcome in zip(batch, outcomes, strict=True):
            if isinstance(outcome, Embeddings):
                call.outcome.set_result(outcome)
            else:
                call.outcome.set_exception(outcome)
        del batch, call, outcomes, outcome  # or they would stay in memory until the next call comes


def _outcomes(calls: Sequence[Photos], inner: Embedder) -> list[Embeddings | BaseException]:
    """Embed the calls' photos together; when that fails, each call's by themselves. One outcome per call."""
    try:
        return [*_rows_of_each(calls, inner.embed(np.concatenate(calls)))]
    except BaseException as error:  # noqa: BLE001 - the caller raises it; were this thread to die, all would wait for ever
        failure = error
    if len(calls) == 1:
        return [failure]
    return [outcome for photos in calls for outcome in _outcomes([photos], inner)]


def _rows_of_each(calls: Sequence[Photos], embeddings: Embeddings) -> Iterator[Embeddings]:
    end = 0
    for photos in calls:
        rows = slice(end, end := end + len(photos))
        yield Embeddings(embeddings.vectors[rows], embeddings.probabilities[rows])


def _stop(queue: BatchQueue, worker: threading.Thread, *, timeout: float | None) -> None:
    queue.close()
    if worker is not threading.current_thread():  # garbage collection can run in any thread, this one included
        worker.join(timeout)
