"""How fast a job is, told from one stage's beginning and what is done of it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from db.models import utc_now
from db.rows.jobs import JobStage


def stage(done: int, total: int | None, *, after_s: float) -> JobStage:
    now = utc_now()
    return JobStage("embed photos", done, total, since=now - timedelta(seconds=after_s), at=now)


def test_rate_and_time_left_count_from_the_start_of_the_stage() -> None:
    told = stage(40, 100, after_s=20)
    assert (told.rate, told.seconds_left) == (pytest.approx(2), pytest.approx(30))


@pytest.mark.parametrize("told", [stage(500, 500, after_s=3e-5), stage(0, 500, after_s=9)], ids=["at once", "nothing"])
def test_has_no_rate_for_an_instant_or_for_no_work(told: JobStage) -> None:
    assert (told.rate, told.seconds_left) == (None, None)
