"""When a batch is due, on a clock that only the test moves: a call that had to wait would wait for ever."""

from __future__ import annotations

import numpy as np
import pytest

from ml.embedding.batch_queue import BatchLimits, BatchQueue, EmbedderBusy


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def photos(count: int) -> np.ndarray:
    return np.zeros((count, 4, 4, 3), np.uint8)


def taken(queue: BatchQueue) -> list[int]:
    return [len(call.photos) for call in queue.take()]


def test_calls_that_find_nothing_under_way_are_due_at_once(clock: Clock) -> None:
    queue = BatchQueue(BatchLimits(window_s=3600), clock=clock)
    queue.put(photos(1))
    queue.put(photos(2))
    assert taken(queue) == [1, 2]


def test_a_call_that_comes_when_the_batch_is_done_is_due_at_once(clock: Clock) -> None:
    queue = BatchQueue(BatchLimits(window_s=3600), clock=clock)
    queue.put(photos(1))
    queue.take()
    queue.finish()
    queue.put(photos(2))
    assert taken(queue) == [2]


def test_the_window_counts_from_a_calls_arrival_so_waiting_behind_a_batch_uses_it_up(clock: Clock) -> None:
    queue = BatchQueue(BatchLimits(window_s=3600), clock=clock)
    queue.put(photos(1))
    queue.take()
    queue.put(photos(2))
    clock.now = 3600
    queue.finish()
    assert taken(queue) == [2]


def test_a_queue_that_is_full_is_due_though_a_batch_could_hold_more(clock: Clock) -> None:
    queue = BatchQueue(BatchLimits(max_batch=16, max_waiting=2, window_s=3600), clock=clock)
    queue.put(photos(1))
    queue.take()
    queue.put(photos(2))
    queue.finish()
    assert taken(queue) == [2]


def test_a_closed_queue_gives_what_waits_at_once_and_then_nothing(clock: Clock) -> None:
    queue = BatchQueue(BatchLimits(window_s=3600), clock=clock)
    queue.put(photos(1))
    queue.take()
    queue.put(photos(2))
    queue.finish()
    queue.close()
    assert [taken(queue), taken(queue)] == [[2], []]


def test_a_refused_caller_is_told_how_long_the_rest_takes_at_the_rate_measured(clock: Clock) -> None:
    queue = BatchQueue(BatchLimits(max_waiting=3), clock=clock)
    queue.put(photos(2))
    queue.take()
    clock.now = 8
    queue.finish()  # 4 s per photo
    queue.put(photos(1))
    queue.take()
    queue.put(photos(3))
    with pytest.raises(EmbedderBusy) as refused:
        queue.put(photos(1))
    assert refused.value.retry_after_s == pytest.approx(4 * (1 + 3))


def test_the_rate_follows_the_newest_batches(clock: Clock) -> None:
    queue = BatchQueue(BatchLimits(max_waiting=1), clock=clock)
    for seconds in (8, *[1] * 40):
        queue.put(photos(1))
        queue.take()
        clock.now += seconds
        queue.finish()
    queue.put(photos(1))
    with pytest.raises(EmbedderBusy) as refused:
        queue.put(photos(1))
    assert refused.value.retry_after_s == pytest.approx(1, rel=0.01)


@pytest.mark.parametrize(
    "wrong", [{"max_batch": 0}, {"max_waiting": 0}, {"window_s": -1.0}, {"window_s": float("inf")}], ids=str
)
def test_limits_under_which_nothing_could_be_computed_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        BatchLimits(**wrong)  # type: ignore[arg-type]
