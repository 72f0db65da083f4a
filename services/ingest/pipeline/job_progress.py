"""Writes the progress of a job to the database, and notices when the job is cancelled."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from db.models import utc_now
from db.rows import jobs
from services.errors import LookalikeError

if TYPE_CHECKING:
    from db.session import Database
    from services.ingest.pipeline.progress import Progress

WRITE_INTERVAL_S = 0.5
"""Shortest time between two writes within a stage."""


class JobCancelled(LookalikeError):
    """Somebody cancelled the job."""

    def __init__(self) -> None:
        super().__init__("The job was cancelled. Its finished work is kept; run it again to do the rest.")


class JobProgress:
    """Progress callback that writes each stage to the job and passes it on to another callback."""

    def __init__(self, database: Database, job_id: str, progress: Progress) -> None:
        self._database, self._job_id, self._progress = database, job_id, progress
        self._stage, self._since = "", utc_now()
        self._written = float("-inf")

    def __call__(self, stage: str, done: int, total: int | None) -> None:
        """Record how far a stage has come.

        Raises:
            JobCancelled: somebody cancelled the job.
        """
        self._progress(stage, done, total)
        is_new_stage = stage != self._stage
        if is_new_stage:
            self._stage, self._since = stage, utc_now()
        if is_new_stage or time.monotonic() - self._written >= WRITE_INTERVAL_S:
            self._written = time.monotonic()
            progress = jobs.JobStage(stage, done, total, since=self._since, at=utc_now())
            with self._database.write() as session:
                cancelled = jobs.set_progress(session, self._job_id, progress)
            if cancelled:
                raise JobCancelled
