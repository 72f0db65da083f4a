"""Runs queued jobs one after the other on a thread of its own, beside the ingest app."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from db import generations, jobs, photos
from db.models import PhotoState
from services.errors import LookalikeError
from services.ingest.job_outcome import JobInterrupted, recorded
from services.ingest.pipeline import finish, load_files
from services.ingest.processes import is_gone
from services.ingest.reindex import run_reindex_job
from services.ingest.uploads import taken_upload

if TYPE_CHECKING:
    from collections.abc import Mapping

    from services.ingest.worker import EmbeddingWorker
    from services.resources import Resources

log = logging.getLogger(__name__)

_LOOKS_EVERY_S = 0.1
"""How often a job looks whether its photos are embedded."""

_AFTER_AN_ERROR_S = 5.0
"""How long the queue rests after an error that no job explains, such as a full disk or a database that is away."""


class JobRunner:
    """Takes the oldest queued job, runs it, and waits for the next.

    Jobs of the queue that a stopped process left unfinished are run again at the start: a run does nothing twice. Only
    one process may run the queue of a database at a time. Jobs that the command line runs by itself are not touched.
    """

    def __init__(self, resources: Resources, worker: EmbeddingWorker) -> None:
        """`worker` embeds what the jobs bring, unless others do."""
        self._resources, self._worker = resources, worker
        self._wake = threading.Event()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="jobs", daemon=True)

    def start(self) -> None:
        """Put what was interrupted in order and begin."""
        with self._resources.database.write() as session:
            for job in jobs.running_jobs(session):
                process = job.inputs.get("process")
                if process is None:
                    jobs.requeue_job(session, job.id)
                elif is_gone(process):
                    jobs.finish_job(session, job.id, "the process that ran it was stopped; run the command again")
        self._thread.start()

    def queue_ingest(self, upload: str) -> str:
        """Queue the ingest of an upload, by its name, and return the job's id."""
        return self._queue("ingest", {"upload": upload})

    def queue_reindex(self, model_version: str | None) -> str:
        """Queue a reindex, by default for the live model, and return the job's id."""
        return self._queue("reindex", {"model_version": model_version})

    def stop(self) -> None:
        """Let the present job finish its transaction and end the thread; an unfinished job runs again at a start."""
        self._stopped.set()
        self._wake.set()
        self._thread.join(timeout=30)

    def _queue(self, kind: str, inputs: Mapping[str, object]) -> str:
        with self._resources.database.write() as session:
            job_id = jobs.create_job(session, kind, inputs)
        self._wake.set()
        return job_id

    def _loop(self) -> None:
        while not self._stopped.is_set():
            try:
                if not self._run_next():
                    self._wake.wait(timeout=1.0)
                    self._wake.clear()
            except JobInterrupted:
                return
            except LookalikeError as error:
                log.warning("a job failed: %s", error)
            except Exception:  # nothing may end this thread; a job's error stands in the job
                log.exception("a job failed, or could not be taken")
                self._wake.wait(timeout=_AFTER_AN_ERROR_S)
                self._wake.clear()

    def _run_next(self) -> bool:
        """Run the oldest queued job to its end; return whether there was one."""
        with self._resources.database.read() as session:
            job = jobs.oldest_queued_job(session)
        if job is None:
            return False
        if job.kind == "reindex":
            run_reindex_job(self._resources, job.id, job.inputs.get("model_version") or None)
        else:
            self._ingest(job.id, str(job.inputs.get("upload")))
        return True

    def _ingest(self, job_id: str, upload: str) -> None:
        with recorded(self._resources.database, job_id), taken_upload(self._resources.uploads, upload) as inputs:
            ledger = load_files(self._resources, job_id, inputs, self._stop_point)
            self._worker.wake()
            self._await_embedding(job_id)
            finish(self._resources, ledger, self._stop_point)

    def _await_embedding(self, job_id: str) -> None:
        """Wait until no photo of the job is pending; without a model that is left for later.

        Raises:
            LookalikeError: the worker cannot work.
        """
        while True:
            with self._resources.database.read() as session:
                pending = photos.state_counts(session, job_id=job_id)[PhotoState.PENDING]
                live = generations.live_generation(session)
            if not pending or live is None:
                return
            if self._worker.problem is not None:
                raise self._worker.problem
            self._stop_point("embed photos", 0, None)
            self._stopped.wait(timeout=_LOOKS_EVERY_S)

    def _stop_point(self, _stage: str, _done: int, _total: int | None) -> None:
        if self._stopped.is_set():
            raise JobInterrupted
