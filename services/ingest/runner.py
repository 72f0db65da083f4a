"""Runs queued jobs one after the other on a thread of its own, beside the ingest app."""

from __future__ import annotations

import logging
import shutil
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from db import jobs
from services.errors import LookalikeError
from services.ingest.job_outcome import JobInterrupted
from services.ingest.pipeline import IngestInputs, run_ingest
from services.ingest.reindex import run_reindex_job

if TYPE_CHECKING:
    from db.models import Job
    from services.resources import Resources

log = logging.getLogger(__name__)


class JobRunner:
    """Takes the oldest queued job, runs it, and waits for the next.

    Jobs that a stopped process left unfinished are run again at the start: a run does nothing twice. Only one
    process may run jobs on a database at a time.
    """

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._wake = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._loop, name="jobs", daemon=True)

    def start(self) -> None:
        """Queue what was interrupted and begin."""
        with self._resources.database.write() as session:
            jobs.requeue_interrupted_jobs(session)
        self._thread.start()

    def wake(self) -> None:
        """Say that a job was queued."""
        self._wake.set()

    def stop(self) -> None:
        """Let the present job finish its transaction and end the thread; an unfinished job runs again at a start."""
        self._stopping = True
        self._wake.set()
        self._thread.join(timeout=30)

    def _loop(self) -> None:
        while not self._stopping:
            with self._resources.database.read() as session:
                job = jobs.oldest_queued_job(session)
            if job is None:
                self._wake.wait(timeout=1.0)
                self._wake.clear()
                continue
            try:
                self._run(job)
            except JobInterrupted:
                return
            except LookalikeError as error:
                log.warning("job %s failed: %s", job.id, error)
            except Exception:  # a job must not take the service down; its error stands in the job
                log.exception("job %s failed", job.id)

    def _run(self, job: Job) -> None:
        if job.kind == "reindex":
            run_reindex_job(self._resources, job.id, job.inputs.get("model_version") or None)
            return
        inputs = IngestInputs(
            listings=Path(job.inputs["listings"]),
            photos_table=_path(job.inputs["photos_table"]),
            photos=_path(job.inputs["photos"]),
        )
        run_ingest(self._resources, job.id, inputs, self._stop_point)
        shutil.rmtree(inputs.listings.parent, ignore_errors=True)

    def _stop_point(self, _stage: str, _done: int, _total: int | None) -> None:
        if self._stopping:
            raise JobInterrupted


def _path(text: str) -> Path | None:
    return Path(text) if text else None
