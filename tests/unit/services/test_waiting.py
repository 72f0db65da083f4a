"""Waiting for stores that are not there yet."""

from __future__ import annotations

import pytest

from services.cli.terminal.waiting import patiently
from services.errors import BadInput, Conflict, ServiceUnavailable


class Store:
    """Is away a few times, and then there."""

    def __init__(self, *problems: Exception) -> None:
        self.problems = list(problems)

    def ask(self) -> str:
        if self.problems:
            raise self.problems.pop(0)
        return "there"


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.cli.terminal.waiting._EVERY_S", 0.001)


def test_a_store_that_comes_in_time_is_waited_for() -> None:
    assert patiently(Store(ServiceUnavailable("away"), Conflict("old tables")).ask, wait_s=60) == "there"


def test_a_store_that_does_not_come_is_told_of() -> None:
    with pytest.raises(ServiceUnavailable, match="away"):
        patiently(Store(*(ServiceUnavailable("away") for _ in range(10_000))).ask, wait_s=0.05)


def test_what_waiting_does_not_mend_is_told_at_once() -> None:
    store = Store(BadInput("wrong"), BadInput("again"))
    with pytest.raises(BadInput, match="wrong"):
        patiently(store.ask, wait_s=60)
    assert len(store.problems) == 1


def test_without_patience_it_is_asked_once() -> None:
    store = Store(ServiceUnavailable("away"), ServiceUnavailable("away"))
    with pytest.raises(ServiceUnavailable):
        patiently(store.ask, wait_s=0)
    assert len(store.problems) == 1
