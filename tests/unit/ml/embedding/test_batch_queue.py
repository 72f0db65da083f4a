"""When a batch is due, by a clock that only the test advances."""

from __future__ import annotations

import numpy as np
import pytest

from ml.embedding.batch_queue import BatchLimits, BatchQueue, EmbedderBusy


class Clock:
    """A clock that a test advances."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def photos(count: int) -> np.ndarray:
    return np.zeros((count, 4, 4, 3), np.uint8)


def take_sizes(queue: BatchQueue) -> list[int]:
    return [len(call.photos) for call in queue.take()]


def test_calls_are_due_at_once_if_no_batch_is_being_computed(clock: Clock) -> None:
    queue = BatchQueue(BatchLimits(window_s=3600), clock=clock)
    queue.put(photos(1))
    queue.put(photos(2))
    assert take_sizes(queue) == [1, 2]


def test_a_call_after_the_batch_is_due_at_once(clock: Clock) -> None:
    queue = BatchQueue(BatchLimits(window_s=3600), clock=clock)
    queue.put(photos(1))
    queue.take()
    queue.finish()
    queue.put(photos(2))
    assert take_sizes(queue) == [2]


def test_the_window_starts_at_the_arrival_so_a_long_batch_uses_it_up(clock: Clock) -> None:
    queue = BatchQueue(BatchLimits(window_s=3600), clock=clock)
    queue.put(photos(1))
    queue.take()
    queue.put(photos(2))
    clock.now = 3600
    queue.finish()
    assert take_sizes(queue) == [2]


def test_a_full_queue_is_due_even_if_the_batch_could_hold_more(clock: Clock) -> None:
    queue = BatchQueue(BatchLimits(max_batch=16, max_waiting=2, window_s=3600), clock=clock)
    queue.put(photos(1))
    queue.take()
    queue.put(photos(2))
    queue.finish()
    assert take_sizes(queue) == [2]


def test_a_closed_queue_returns_its_calls_at_once_and_then_nothing(clock: Clock) -> None:
    queue = BatchQueue(BatchLimits(window_s=3600), clock=clock)
    queue.put(photos(1))
    queue.take()
    queue.put(photos(2))
    queue.finish()
    queue.close()
    assert [take_sizes(queue), take_sizes(queue)] == [[2], []]


def test_a_rejected_call_gets_a_retry_delay_from_the_measured_rate(clock: Clock) -> None:
    queue = BatchQueue(BatchLimits(max_waiting=3), clock=clock)
    queue.put(photos(2))
    queue.take()
    clock.now = 8
    queue.finish()  # 4 s per photo
    queue.put(photos(1))
    queue.take()
    queue.put(photos(3))
    with pytest.raises(EmbedderBusy) as rejected:
        queue.put(photos(1))
    assert rejected.value.retry_after_s == pytest.approx(4 * (1 + 3))


def test_the_measured_rate_follows_the_newest_batches(clock: Clock) -> None:
    queue = BatchQueue(BatchLimits(max_waiting=1), clock=clock)
    for seconds in (8, *[1] * 40):
        queue.put(photos(1))
        queue.take()
        clock.now += seconds
        queue.finish()
    queue.put(photos(1))
    with pytest.raises(EmbedderBusy) as rejected:
        queue.put(photos(1))
    assert rejected.value.retry_after_s == pytest.approx(1, rel=0.01)


@pytest.mark.parametrize(
    "limits", [{"max_batch": 0}, {"max_waiting": 0}, {"window_s": -1.0}, {"window_s": float("inf")}], ids=str
)
def test_rejects_limits_under_which_no_batch_could_run(limits: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        BatchLimits(**limits)  # type: ignore[arg-type]
