"""Concurrent callers share inferences, and each gets the same rows or error as alone."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import pytest

from ml.embedding.batch_queue import BatchLimits, BatchObserver, EmbedderBusy, EmbedderClosed
from ml.embedding.batching import BatchingEmbedder
from ml.embedding.embedder import Embeddings, embed_in_chunks
from tests.unit.ml.embedding.test_embedder import BUNDLE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from ml.embedding.embedder import Photos


TIMEOUT_S = 30
AN_HOUR = 3600.0


class MeanColours:
    """An embedder whose vector is the photo's mean colour. It waits at its gate, and fails on a black photo."""

    bundle = BUNDLE
    precision = "f32"

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.entered, self.gate = threading.Semaphore(0), threading.Event()
        self.gate.set()

    def embed(self, photos: Photos) -> Embeddings:
        self.batches.append(len(photos))
        self.entered.release()
        assert self.gate.wait(TIMEOUT_S)
        return embed_in_chunks(photos, BUNDLE, chunk=64, infer=self._infer)

    def _infer(self, photos: Photos) -> tuple[NDArray[np.float32], ...]:
        if not photos.any(axis=(1, 2, 3)).all():
            raise ArithmeticError("a black photo")
        share = photos[:, 0, 0, :1].astype(np.float32) / 255
        return photos.mean(axis=(1, 2), dtype=np.float32), np.concatenate([share, 1 - share], axis=1)


class RecordingObserver(BatchObserver):
    """An observer that lets a test wait for calls to be queued."""

    def __init__(self) -> None:
        self.queued, self.waiting, self.batches = threading.Semaphore(0), 0, list[int]()

    def waiting_changed(self, by: int) -> None:
        self.waiting += by
        if by > 0:
            self.queued.release()

    def batch_taken(self, photos: int) -> None:
        self.batches.append(photos)

    def wait_for(self, calls: int) -> None:
        assert all(self.queued.acquire(timeout=TIMEOUT_S) for _ in range(calls))


class Busy:
    """A batching embedder that is computing its first batch, of one photo, so that further calls wait."""

    def __init__(self, limits: BatchLimits, pool: ThreadPoolExecutor) -> None:
        self.inner, self.observer, self._pool = MeanColours(), RecordingObserver(), pool
        self.inner.gate.clear()
        self.batching = BatchingEmbedder(self.inner, limits, observer=self.observer)
        self.first = self.submit(photos(1))
        assert self.inner.entered.acquire(timeout=TIMEOUT_S)

    def submit(self, batch: Photos) -> Future[Embeddings]:
        """Call `embed` in a thread, and return once the call is queued."""
        future = self._pool.submit(self.batching.embed, batch)
        self.observer.wait_for(1)
        return future


@contextmanager
def busy(limits: BatchLimits | None = None) -> Iterator[Busy]:
    with ThreadPoolExecutor(32) as pool:
        server = Busy(limits or BatchLimits(), pool)
        try:
            yield server
        finally:
            server.inner.gate.set()
            server.batching.close()


def photos(count: int, *, seed: int = 0) -> Photos:
    return np.random.default_rng(seed).integers(1, 256, (count, 16, 16, 3), dtype=np.uint8)


def assert_same(actual: Embeddings, expected: Embeddings) -> None:
    np.testing.assert_allclose(actual.vectors, expected.vectors, atol=1e-6)
    np.testing.assert_allclose(actual.probabilities, expected.probabilities, atol=1e-6)


def test_every_caller_gets_the_rows_of_its_photos() -> None:
    calls = [photos(int(size), seed=i) for i, size in enumerate(np.random.default_rng(1).integers(1, 21, 640))]
    with BatchingEmbedder(MeanColours(), BatchLimits(max_waiting=64 * 16)) as batching, ThreadPoolExecutor(64) as pool:
        results = list(pool.map(batching.embed, calls))
    for call, embeddings in zip(calls, results, strict=True):
        assert_same(embeddings, MeanColours().embed(call))


def test_calls_during_a_batch_are_computed_together() -> None:
    with busy() as server:
        for size in (1, 2, 1, 3):
            server.submit(photos(size))
        server.inner.gate.set()
    assert server.inner.batches == [1, 7]


def test_a_batch_holds_whole_calls_up_to_its_limit() -> None:
    with busy(BatchLimits(max_batch=4)) as server:
        for size in (3, 2, 2, 1):
            server.submit(photos(size))
        server.inner.gate.set()
    assert server.inner.batches == [1, 3, 4, 1]


def test_splits_a_call_larger_than_a_batch() -> None:
    inner = MeanColours()
    with BatchingEmbedder(inner, BatchLimits(max_batch=4)) as batching:
        embeddings = batching.embed(photos(10))
    assert inner.batches == [4, 4, 2]
    assert_same(embeddings, MeanColours().embed(photos(10)))


def test_splits_a_call_larger_than_the_queue() -> None:
    inner = MeanColours()
    with BatchingEmbedder(inner, BatchLimits(max_waiting=3)) as batching:
        assert len(batching.embed(photos(5)).vectors) == 5
    assert inner.batches == [3, 2]


def test_no_photos_give_no_rows_without_an_inference() -> None:
    inner = MeanColours()
    with BatchingEmbedder(inner) as batching:
        embeddings = batching.embed(photos(0))
    assert (embeddings.vectors.shape, embeddings.probabilities.shape, inner.batches) == ((0, 3), (0, 2), [])


def test_sequential_calls_do_not_wait_for_the_window() -> None:
    inner = MeanColours()
    with BatchingEmbedder(inner, BatchLimits(window_s=AN_HOUR)) as batching:
        for _ in range(200):  # each would take an hour if it waited for others
            batching.embed(photos(1))
    assert inner.batches == [1] * 200


def test_a_concurrent_call_waits_until_others_fill_its_batch() -> None:
    with busy(BatchLimits(max_batch=3, window_s=AN_HOUR)) as server:
        waiting = [server.submit(photos(1)), server.submit(photos(1))]
        server.inner.gate.set()
        server.first.result(TIMEOUT_S)
        waiting.append(server.submit(photos(1)))
        for call in waiting:
            call.result(TIMEOUT_S)
        assert server.inner.batches == [1, 3]


def test_a_full_queue_rejects_at_once_and_answers_accepted_calls() -> None:
    with busy(BatchLimits(max_waiting=3)) as server:
        accepted = [server.submit(photos(2, seed=1)), server.submit(photos(1, seed=2))]
        with pytest.raises(EmbedderBusy, match=r"3 photos are waiting\. Try again in 1\.0 s"):
            server.batching.embed(photos(1))
        server.inner.gate.set()
        assert [len(call.result(TIMEOUT_S).vectors) for call in accepted] == [2, 1]
        assert len(server.batching.embed(photos(1)).vectors) == 1


def test_a_failing_photo_fails_only_its_caller() -> None:
    with busy() as server:
        good = [server.submit(photos(2, seed=1)), server.submit(photos(1, seed=2))]
        bad = server.submit(np.zeros((1, 16, 16, 3), np.uint8))
        good.append(server.submit(photos(1, seed=3)))
        server.inner.gate.set()
        with pytest.raises(ArithmeticError, match="a black photo"):
            bad.result(TIMEOUT_S)
        for call, expected in zip(good, (photos(2, seed=1), photos(1, seed=2), photos(1, seed=3)), strict=True):
            assert_same(call.result(TIMEOUT_S), MeanColours().embed(expected))


@pytest.mark.parametrize(
    "wrong",
    [np.zeros((1, 8, 8, 3), np.uint8), np.zeros((16, 16, 3), np.uint8), np.zeros((1, 16, 16, 3), np.float32)],
    ids=["size", "no batch axis", "type"],
)
def test_rejects_photos_of_a_wrong_shape_or_type_before_they_join_a_batch(wrong: NDArray[np.uint8]) -> None:
    with busy() as server:
        others = [server.submit(photos(1)), server.submit(photos(1))]
        with pytest.raises(ValueError, match=r"must be uint8 of shape \(n, 16, 16, 3\)"):
            server.batching.embed(wrong)
        server.inner.gate.set()
        assert [len(call.result(TIMEOUT_S).vectors) for call in others] == [1, 1]
    assert server.inner.batches == [1, 2]


def test_even_a_system_exit_reaches_the_caller_and_the_next_call_is_answered() -> None:
    inner = MeanColours()
    with BatchingEmbedder(inner) as batching:
        inner.embed, embed = lambda _photos: sys.exit(3), inner.embed  # type: ignore[method-assign]
        with pytest.raises(SystemExit):
            batching.embed(photos(1))
        inner.embed = embed  # type: ignore[method-assign]
        assert len(batching.embed(photos(1)).vectors) == 1


def test_closing_answers_accepted_calls_and_rejects_later_ones() -> None:
    with busy(BatchLimits(window_s=AN_HOUR)) as server:
        accepted = server.submit(photos(2))
        closing = threading.Thread(target=server.batching.close)
        closing.start()
        server.inner.gate.set()
        closing.join(TIMEOUT_S)
        assert len(accepted.result(TIMEOUT_S).vectors) == 2
        with pytest.raises(EmbedderClosed):
            server.batching.embed(photos(1))


def test_leaving_the_context_closes_the_embedder_and_closing_again_does_nothing() -> None:
    with BatchingEmbedder(MeanColours()) as batching:
        pass
    batching.close()
    with pytest.raises(EmbedderClosed):
        batching.embed(photos(1))


def test_a_garbage_collected_embedder_ends_its_thread() -> None:
    before = set(threading.enumerate())
    batching = BatchingEmbedder(MeanColours())
    batching.embed(photos(1))
    (worker,) = set(threading.enumerate()) - before
    del batching
    gc.collect()
    worker.join(TIMEOUT_S)
    assert not worker.is_alive()


def test_an_unclosed_embedder_with_a_hanging_network_does_not_block_the_exit() -> None:
    program = """
import threading, time
import numpy as np
from ml.embedding.batching import BatchingEmbedder
from tests.unit.ml.embedding.test_batching import MeanColours
inner = MeanColours()
inner.embed = lambda photos: (inner.entered.release(), time.sleep(3600))
batching = BatchingEmbedder(inner)
threading.Thread(target=batching.embed, args=[np.ones((1, 16, 16, 3), np.uint8)], daemon=True).start()
inner.entered.acquire()
print("ends")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=120)
    assert (done.stdout, done.stderr, done.returncode) == ("ends\n", "", 0)


def test_results_of_one_batch_share_no_memory() -> None:
    with busy() as server:
        one, other = server.submit(photos(1)), server.submit(photos(1))
        server.inner.gate.set()
        assert not np.shares_memory(one.result(TIMEOUT_S).vectors, other.result(TIMEOUT_S).vectors)


def test_the_observer_gets_every_batch_and_the_waiting_photos() -> None:
    with busy() as server:
        server.submit(photos(2))
        server.submit(photos(1))
        assert server.observer.waiting == server.batching.waiting == 3
        server.inner.gate.set()
    assert (server.observer.waiting, server.observer.batches) == (0, [1, 3])
