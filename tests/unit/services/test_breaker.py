"""Indexes that failed are left out; one that fails again and again is tried less and less often."""

from __future__ import annotations

import pytest

from db.vectors.damage import IndexDamaged
from services.indexing import breaker
from services.indexing.breaker import CircuitBreaker


class StoppedTime:
    """Replaces the module `time`."""

    now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> StoppedTime:
    clock = StoppedTime()
    monkeypatch.setattr(breaker, "time", clock)
    return clock


def pause_of(tripped: CircuitBreaker, clock: StoppedTime) -> float:
    failure = tripped.failure("index")
    assert failure is not None
    return failure.retry_at - clock.now


def test_an_index_is_left_out_until_it_is_reset() -> None:
    tripped = CircuitBreaker()
    assert tripped.failures({"qdrant": "index", "faiss": "other"}) == {}
    tripped.trip("qdrant", "index", ConnectionError("refused"))
    assert tripped.failures({"qdrant": "index", "faiss": "other"}) == {"qdrant": "refused"}
    tripped.reset("qdrant", "index")
    assert tripped.failures({"qdrant": "index", "faiss": "other"}) == {}


def test_damage_is_repaired_at_once_and_an_engine_that_does_not_answer_is_tried_later(clock: StoppedTime) -> None:
    tripped = CircuitBreaker()
    tripped.trip("qdrant", "index", IndexDamaged("differs"))
    assert pause_of(tripped, clock) == 0
    tripped.trip("qdrant", "index", ConnectionError("refused"))
    failure = tripped.failure("index")
    assert failure is not None
    assert isinstance(failure.error, IndexDamaged)
    assert pause_of(tripped, clock) == breaker.RETRY_AFTER_S


def test_an_index_that_fails_again_and_again_is_tried_less_and_less_often(clock: StoppedTime) -> None:
    tripped, pauses = CircuitBreaker(), []
    for _ in range(8):
        tripped.trip("qdrant", "index", OSError("damaged again"))
        pauses.append(pause_of(tripped, clock))
        tripped.reset("qdrant", "index")
    assert pauses == [0, 2, 4, 8, 16, 32, 60, 60]
    clock.now += 100
    tripped.trip("qdrant", "index", OSError("damaged later"))
    assert pause_of(tripped, clock) == 0
