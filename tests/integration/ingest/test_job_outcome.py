"""The recorded outcome of a job that fails."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

import pytest

from db.models import JobState
from db.rows import jobs
from services.ingest.pipeline.outcome import record_outcome
from tests.databases import new_database

if TYPE_CHECKING:
    from pathlib import Path

DISK_FULL = OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize(
    ("inputs", "state"),
    [({"upload": "monday"}, JobState.QUEUED), ({"process": "machine:1:2"}, JobState.FAILED)],
    ids=["a job of the queue is queued again", "a job of a command fails, because the queue lacks its files"],
)
def test_a_full_disk_requeues_or_fails_the_job(tmp_path: Path, inputs: dict[str, object], state: JobState) -> None:
    with new_database("sqlite", tmp_path) as database:
        with database.write() as session:
            job_id = jobs.create_job(session, "ingest", inputs)
        with pytest.raises(OSError, match="No space left"), record_outcome(database, job_id):
            raise DISK_FULL
        with database.read() as session:
            job = jobs.find_job(session, job_id)
            assert job is not None
            assert job.state == state
