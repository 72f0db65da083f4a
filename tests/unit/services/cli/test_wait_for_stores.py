"""Commands wait for stores that are not ready yet."""

from __future__ import annotations

import pytest

from services.cli.terminal.wait_for_stores import retry_until_ready
from services.errors import BadInput, Conflict, ServiceUnavailable


class FailingStore:
    """Fails with the given problems, one per call, and then answers."""

    def __init__(self, *problems: Exception) -> None:
        self.problems = list(problems)

    def ask(self) -> str:
        if self.problems:
            raise self.problems.pop(0)
        return "there"


@pytest.fixture(autouse=True)
def retry_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.cli.terminal.wait_for_stores._RETRY_EVERY_S", 0.001)


def test_waits_for_a_store_that_becomes_ready_in_time() -> None:
    assert retry_until_ready(FailingStore(ServiceUnavailable("away"), Conflict("old tables")).ask, wait_s=60) == "there"


def test_raises_the_last_problem_when_the_time_is_up() -> None:
    with pytest.raises(ServiceUnavailable, match="away"):
        retry_until_ready(FailingStore(*(ServiceUnavailable("away") for _ in range(10_000))).ask, wait_s=0.05)


def test_does_not_retry_an_error_that_waiting_cannot_fix() -> None:
    store = FailingStore(BadInput("wrong"), BadInput("again"))
    with pytest.raises(BadInput, match="wrong"):
        retry_until_ready(store.ask, wait_s=60)
    assert len(store.problems) == 1


def test_tries_once_without_a_waiting_time() -> None:
    store = FailingStore(ServiceUnavailable("away"), ServiceUnavailable("away"))
    with pytest.raises(ServiceUnavailable):
        retry_until_ready(store.ask, wait_s=0)
    assert len(store.problems) == 1
