"""Concurrent callers share inferences, and each gets what it would have got alone, be it rows or an error."""

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

from ml.embedding.batch_queue import BatchLimits, EmbedderBusy, EmbedderClosed
from ml.embedding.batching import BatchingEmbedder
from ml.embedding.embedder import Embeddings, embed_in_chunks
from tests.unit.ml.embedding.test_embedder import BUNDLE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from ml.embedding.embedder import Photos


PATIENCE_S = 30
AN_HOUR = 3600.0


class MeanColours:
    """An embedder whose vector is the photo's mean colour. It waits at its gate, and fails on a photo that is black."""

    bundle = BUNDLE
    precision = "f32"

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.entered, self.gate = threading.Semaphore(0), threading.Event()
        self.gate.set()

    def embed(self, photos: Photos) -> Embeddings:
        self.batches.append(len(photos))
        self.entered.release()
        assert self.gate.wait(PATIENCE_S)
        return embed_in_chunks(photos, BUNDLE, chunk=64, infer=self._infer)

    def _infer(self, photos: Photos) -> tuple[NDArray[np.float32], ...]:
        if not photos.any(axis=(1, 2, 3)).all():
            raise ArithmeticError("a black photo")
        share = photos[:, 0, 0, :1].astype(np.float32) / 255
        return photos.mean(axis=(1, 2), dtype=np.float32), np.concatenate([share, 1 - share], axis=1)


class Witness:
    """An observer that lets a test wait until so many calls have come to wait."""

    def __init__(self) -> None:
        self.came, self.waiting, self.batches = threading.Semaphore(0), 0, list[int]()

    def waiting_changed(self, by: int) -> None:
        self.waiting += by
        if by > 0:
            self.came.release()

    def batch_taken(self, photos: int) -> None:
        self.batches.append(photos)

    def wait_for(self, calls: int) -> None:
        assert all(self.came.acquire(timeout=PATIENCE_S) for _ in range(calls))


class Busy:
    """A batching embedder whose first batch, of one photo, is under way: what is asked now has to wait."""

    def __init__(self, limits: BatchLimits, pool: ThreadPoolExecutor) -> None:
        self.inner, self.witness, self._pool = MeanColours(), Witness(), pool
        self.inner.gate.clear()
        self.batching = BatchingEmbedder(self.inner, limits, observer=self.witness)
        self.first = self.ask(photos(1))
        assert self.inner.entered.acquire(timeout=PATIENCE_S)

    def ask(self, asked: Photos) -> Future[Embeddings]:
        """Call `embed` in a thread, and return when the call has come to wait."""
        future = self._pool.submit(self.batching.embed, asked)
        self.witness.wait_for(1)
        return future


@contextmanager
def busy(limits: BatchLimits | None = None) -> Iterator[Busy]:
    with ThreadPoolExecutor(32) as pool:
        made = Busy(limits or BatchLimits(), pool)
        try:
            yield made
        finally:
            made.inner.gate.set()
            made.batching.close()


def photos(count: int, *, seed: int = 0) -> Photos:
    return np.random.default_rng(seed).integers(1, 256, (count, 16, 16, 3), dtype=np.uint8)


def assert_same(found: Embeddings, expected: Embeddings) -> None:
    np.testing.assert_allclose(found.vectors, expected.vectors, atol=1e-6)
    np.testing.assert_allclose(found.probabilities, expected.probabilities, atol=1e-6)


def test_every_caller_gets_the_rows_of_its_own_photos() -> None:
    calls = [photos(int(size), seed=i) for i, size in enumerate(np.random.default_rng(1).integers(1, 21, 640))]
    with BatchingEmbedder(MeanColours(), BatchLimits(max_waiting=64 * 16)) as batching, ThreadPoolExecutor(64) as pool:
        found = list(pool.map(batching.embed, calls))
    for call, embeddings in zip(calls, found, strict=True):
        assert_same(embeddings, MeanColours().embed(call))


def test_what_comes_while_a_batch_is_under_way_is_computed_together() -> None:
    with busy() as server:
        for size in (1, 2, 1, 3):
            server.ask(photos(size))
        server.inner.gate.set()
    assert server.inner.batches == [1, 7]


def test_a_batch_holds_whole_calls_and_no_more_photos_than_it_may() -> None:
    with busy(BatchLimits(max_batch=4)) as server:
        for size in (3, 2, 2, 1):
            server.ask(photos(size))
        server.inner.gate.set()
    assert server.inner.batches == [1, 3, 4, 1]


def test_a_call_larger_than_a_batch_goes_through_in_pieces() -> None:
    inner = MeanColours()
    with BatchingEmbedder(inner, BatchLimits(max_batch=4)) as batching:
        found = batching.embed(photos(10))
    assert inner.batches == [4, 4, 2]
    assert_same(found, MeanColours().embed(photos(10)))


def test_a_call_larger_than_the_queue_goes_through_in_pieces() -> None:
    inner = MeanColours()
    with BatchingEmbedder(inner, BatchLimits(max_waiting=3)) as batching:
        assert len(batching.embed(photos(5)).vectors) == 5
    assert inner.batches == [3, 2]


def test_no_photos_give_no_rows_without_an_inference() -> None:
    inner = MeanColours()
    with BatchingEmbedder(inner) as batching:
        embeddings = batching.embed(photos(0))
    assert (embeddings.vectors.shape, embeddings.probabilities.shape, inner.batches) == ((0, 3), (0, 2), [])


def test_callers_one_after_the_other_do_not_wait_for_the_window() -> None:
    inner = MeanColours()
    with BatchingEmbedder(inner, BatchLimits(window_s=AN_HOUR)) as batching:
        for _ in range(200):  # each would take an hour if it were kept for others to join
            batching.embed(photos(1))
    assert inner.batches == [1] * 200


def test_a_concurrent_call_is_kept_until_others_fill_its_batch() -> None:
    with busy(BatchLimits(max_batch=3, window_s=AN_HOUR)) as server:
        waiting = [server.ask(photos(1)), server.ask(photos(1))]
        server.inner.gate.set()
        server.first.result(PATIENCE_S)
        waiting.append(server.ask(photos(1)))
        for call in waiting:
            call.result(PATIENCE_S)
        assert server.inner.batches == [1, 3]


def test_a_full_queue_refuses_at_once_and_answers_what_it_accepted() -> None:
    with busy(BatchLimits(max_waiting=3)) as server:
        accepted = [server.ask(photos(2, seed=1)), server.ask(photos(1, seed=2))]
        with pytest.raises(EmbedderBusy, match=r"3 photos wait .* Try again in 1\.0 s"):
            server.batching.embed(photos(1))
        server.inner.gate.set()
        assert [len(call.result(PATIENCE_S).vectors) for call in accepted] == [2, 1]
        assert len(server.batching.embed(photos(1)).vectors) == 1


def test_a_photo_that_fails_fails_its_own_caller_alone() -> None:
    with busy() as server:
        good = [server.ask(photos(2, seed=1)), server.ask(photos(1, seed=2))]
        bad = server.ask(np.zeros((1, 16, 16, 3), np.uint8))
        good.append(server.ask(photos(1, seed=3)))
        server.inner.gate.set()
        with pytest.raises(ArithmeticError, match="a black photo"):
            bad.result(PATIENCE_S)
        for call, expected in zip(good, (photos(2, seed=1), photos(1, seed=2), photos(1, seed=3)), strict=True):
            assert_same(call.result(PATIENCE_S), MeanColours().embed(expected))


@pytest.mark.parametrize(
    "wrong",
    [np.zeros((1, 8, 8, 3), np.uint8), np.zeros((16, 16, 3), np.uint8), np.zeros((1, 16, 16, 3), np.float32)],
    ids=["size", "no batch axis", "type"],
)
def test_photos_of_a_wrong_kind_are_refused_before_they_are_joined_with_others(wrong: NDArray[np.uint8]) -> None:
    with busy() as server:
        others = [server.ask(photos(1)), server.ask(photos(1))]
        with pytest.raises(ValueError, match=r"must be uint8 of shape \(n, 16, 16, 3\)"):
            server.batching.embed(wrong)
        server.inner.gate.set()
        assert [len(call.result(PATIENCE_S).vectors) for call in others] == [1, 1]
    assert server.inner.batches == [1, 2]


def test_even_an_exception_that_ends_threads_reaches_the_caller_and_the_next_call_is_answered() -> None:
    inner = MeanColours()
    with BatchingEmbedder(inner) as batching:
        inner.embed, embed = lambda _photos: sys.exit(3), inner.embed  # type: ignore[method-assign]
        with pytest.raises(SystemExit):
            batching.embed(photos(1))
        inner.embed = embed  # type: ignore[method-assign]
        assert len(batching.embed(photos(1)).vectors) == 1


def test_closing_answers_what_was_accepted_and_refuses_the_rest() -> None:
    with busy(BatchLimits(window_s=AN_HOUR)) as server:
        accepted = server.ask(photos(2))
        closing = threading.Thread(target=server.batching.close)
        closing.start()
        server.inner.gate.set()
        closing.join(PATIENCE_S)
        assert len(accepted.result(PATIENCE_S).vectors) == 2
        with pytest.raises(EmbedderClosed):
            server.batching.embed(photos(1))


def test_leaving_the_context_closes_and_closing_again_does_nothing() -> None:
    with BatchingEmbedder(MeanColours()) as batching:
        pass
    batching.close()
    with pytest.raises(EmbedderClosed):
        batching.embed(photos(1))


def test_an_embedder_that_nobody_uses_any_more_ends_its_thread() -> None:
    before = set(threading.enumerate())
    batching = BatchingEmbedder(MeanColours())
    batching.embed(photos(1))
    (worker,) = set(threading.enumerate()) - before
    del batching
    gc.collect()
    worker.join(PATIENCE_S)
    assert not worker.is_alive()


def test_a_forgotten_embedder_does_not_keep_the_interpreter_from_ending_even_when_its_network_hangs() -> None:
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


def test_callers_of_one_batch_share_no_memory() -> None:
    with busy() as server:
        one, other = server.ask(photos(1)), server.ask(photos(1))
        server.inner.gate.set()
        assert not np.shares_memory(one.result(PATIENCE_S).vectors, other.result(PATIENCE_S).vectors)


def test_the_observer_learns_every_batch_and_how_much_waits() -> None:
    with busy() as server:
        server.ask(photos(2))
        server.ask(photos(1))
        assert server.witness.waiting == server.batching.waiting == 3
        server.inner.gate.set()
    assert (server.witness.waiting, server.witness.batches) == (0, [1, 3])
