"""The time left of a long run, also where there is no terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from rich.progress import Progress

from services.cli.terminal.console import StageBars
from services.cli.terminal.time_left import TimeLeft, in_words

if TYPE_CHECKING:
    from collections.abc import Callable


class SetByHand:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> SetByHand:
    return SetByHand()


@pytest.fixture
def bars(clock: SetByHand) -> StageBars:
    return StageBars(Progress(disable=True), clock)


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str]) -> Callable[[], list[str]]:
    return lambda: [line.strip() for line in capsys.readouterr().err.splitlines()]


def test_a_pipe_gets_the_time_left_within_seconds_and_then_twice_a_minute(
    bars: StageBars, clock: SetByHand, lines: Callable[[], list[str]]
) -> None:
    for done in range(101):
        bars("train", done, 1000)
        clock.now += 1
    assert lines() == [
        "train ...",
        "train ... 6 of 1000, about 17 min left",
        "train ... 37 of 1000, about 17 min left",
        "train ... 68 of 1000, about 16 min left",
        "train ... 99 of 1000, about 16 min left",
    ]


def test_work_of_an_interrupted_run_does_not_count(
    bars: StageBars, clock: SetByHand, lines: Callable[[], list[str]]
) -> None:
    for done in range(900, 908):
        bars("train", done, 1000)
        clock.now += 1
    assert lines() == ["train ...", "train ... 906 of 1000, about 2 min left"]


def test_a_stage_whose_end_is_not_known_has_no_time_left(
    bars: StageBars, clock: SetByHand, lines: Callable[[], list[str]]
) -> None:
    for done in range(8):
        bars("look for copies", done, None)
        clock.now += 1
    assert lines() == ["look for copies ...", "look for copies ... 6"]


def test_a_stage_that_runs_again_is_measured_anew() -> None:
    left = TimeLeft()
    assert left.seconds(0, 10, now=0.0) is None
    assert left.seconds(10, 10, now=100.0) == 0
    assert left.seconds(0, 10, now=200.0) is None
    assert left.seconds(5, 10, now=210.0) == 10


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(None, ""), (0, "about 5 s left"), (41, "about 45 s left"), (61, "about 2 min left"),
     (3601, "about 1 h 1 min left")],
)  # fmt: skip
def test_tells_the_time_left_in_words(seconds: float | None, words: str) -> None:
    assert in_words(seconds) == words
