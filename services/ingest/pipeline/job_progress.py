"""A job's progress, written beside it now and then, and whether somebody wants it cancelled, read on that occasion."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from db.models import utc_now
from db.rows import jobs
from services.errors import LookalikeError
from services.ingest.pipeline.progress import Progress, silent

if TYPE_CHECKING:
    from db.session import Database

WRITTEN_EVERY_S = 0.5


class JobCancelled(LookalikeError):
    """Somebody cancelled the job."""

    def __init__(self) -> None:
        super().__init__("The job was cancelled. What it had done so far is kept; running it again goes on from there.")


class JobProgress:
    """Tells of a job's stages, to the job itself and to whoever else is told."""

    def __init__(self, database: Database, job_id: str, progress: Progress = silent) -> None:
        self._database, self._job_id, self._progress = database, job_id, progress
        self._stage, self._since = "", utc_now()
        self._written = float("-inf")

    def __call__(self, stage: str, done: int, total: int | None) -> None:
        """Tell how a stage goes.

        Raises:
            JobCancelled: that was asked for since.
        """
        self._progress(stage, done, total)
        begins = stage != self._stage
        if begins:
            self._stage, self._since = stage, utc_now()
        if begins or time.monotonic() - self._written >= WRITTEN_EVERY_S:
            self._written = time.monotonic()
            progress = jobs.JobStage(stage, done, total, since=self._since, at=utc_now())
            with self._database.write() as session:
                cancelled = jobs.set_progress(session, self._job_id, progress)
            if cancelled:
                raise JobCancelled
