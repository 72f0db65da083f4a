"""The rate and remaining time of a job's stage."""

from __future__ import annotations

from datetime import timedelta

import pytest

from db.models import utc_now
from db.rows.jobs import JobStage


def stage(done: int, total: int | None, *, after_s: float) -> JobStage:
    now = utc_now()
    return JobStage("embed photos", done, total, since=now - timedelta(seconds=after_s), at=now)


def test_rate_and_time_left_count_from_the_start_of_the_stage() -> None:
    job_stage = stage(40, 100, after_s=20)
    assert (job_stage.rate, job_stage.seconds_left) == (pytest.approx(2), pytest.approx(30))


@pytest.mark.parametrize(
    "job_stage", [stage(500, 500, after_s=3e-5), stage(0, 500, after_s=9)], ids=["instant", "no work"]
)
def test_has_no_rate_for_an_instant_or_for_no_work(job_stage: JobStage) -> None:
    assert (job_stage.rate, job_stage.seconds_left) == (None, None)
