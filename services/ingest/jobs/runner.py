"""Queues jobs, and runs them one after the other on a background thread of the ingest app."""

from __future__ import annotations

import logging
import threading
from functools import partial
from typing import TYPE_CHECKING

from sqlalchemy.exc import IntegrityError

from db.locks import try_lock
from db.models import JobState
from db.processes import is_gone
from db.rows import jobs
from services.errors import Conflict, LookalikeError, ResourceNotFound
from services.indexing.generations import clean_up
from services.ingest.jobs.index_jobs import run_promote_job, run_reindex_job, run_repair_job
from services.ingest.jobs.tidy import queue_tidy_if_due, run_tidy_job
from services.ingest.pipeline.ingest_job import ingest_files
from services.ingest.pipeline.job_progress import JobCancelled, JobProgress
from services.ingest.pipeline.outcome import JobInterrupted, is_temporary, record_outcome
from services.ingest.pipeline.uploads import discard_upload, find_upload, hide_upload_paths, sweep_uploads

if TYPE_CHECKING:
    from collections.abc import Mapping

    from db.models import Job
    from services.ingest.pipeline.progress import Progress
    from services.ingest.pipeline.uploads import StoredUpload
    from services.ingest.pipeline.worker import EmbeddingWorker
    from services.resources import Resources

log = logging.getLogger(__name__)

_QUEUE_POLL_S = 1.0
"""Poll interval for jobs that other processes queued, and for the queue lock; jobs of this process wake the runner."""

_RETRY_S = 5.0
"""Pause after an error outside a job, such as a full disk or a database that cannot be reached."""


class JobRunner:
    """Runs the oldest queued job, then the next.

    One process at a time runs the queue; when it ends, another takes over and runs its unfinished job again, which
    repeats no finished work. Jobs that a command runs itself are never taken from the queue.
    """

    def __init__(self, resources: Resources, worker: EmbeddingWorker) -> None:
        """`worker` embeds the photos of ingest jobs."""
        self._resources, self._worker = resources, worker
        self._wake = threading.Event()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="jobs", daemon=True)

    def start(self) -> None:
        """Start the background thread."""
        self._thread.start()

    def _recover(self) -> None:
        """Queue the unfinished jobs of dead processes again, and clean up after them."""
        with self._resources.database.write() as session:
            for job in jobs.running_jobs(session):
                process = job.inputs.get("process")
                if process is None:
                    jobs.requeue_job(session, job.id)
                elif is_gone(process):
                    jobs.finish_job(
                        session, job.id, "The process that ran this job was stopped. Run the command again."
                    )
            needed = {str(job.inputs.get("upload")) for job in jobs.unfinished_jobs(session)}
        try:
            clean_up(self._resources.database, self._resources.stores)
        except OSError as error:
            log.warning("the unfinished indexes of a killed build cannot be removed now: %s", error)
        self._resources.photo_files.sweep_temporary()
        sweep_uploads(self._resources.uploads, keep=needed)

    def queue_ingest(self, upload: StoredUpload, *, idempotency_key: str | None) -> str:
        """Queue the ingest of an upload and return the job's id.

        If a job with this key and the same files exists, return its id and delete the upload.

        Raises:
            Conflict: the job with this key has other files.
        """
        inputs = {"upload": upload.name, "fingerprint": upload.fingerprint, "dry_run": upload.dry_run}
        earlier = self._job_of_key(idempotency_key)
        if earlier is None:
            try:
                return self._queue("ingest", inputs, idempotency_key)
            except IntegrityError:  # another request with this key came first
                earlier = self._job_of_key(idempotency_key)
                if earlier is None:
                    raise
        discard_upload(self._resources.uploads, upload.name)
        if earlier.inputs.get("fingerprint") != upload.fingerprint:
            raise Conflict(f"The Idempotency-Key {idempotency_key!r} was used for other files. Use a new key.")
        return earlier.id

    def queue_promote(self, generation_id: int) -> str:
        """Queue the promotion of a previous generation and return the job's id."""
        return self._queue("promote", {"generation": generation_id})

    def queue_repair(self) -> str:
        """Queue the repair of the live indexes and return the job's id."""
        return self._queue("repair", {})

    def cancel(self, job_id: str) -> Job:
        """Cancel a queued job, or request that a running job stops; return the job.

        Raises:
            ResourceNotFound: there is no such job.
            Conflict: the job has ended.
        """
        with self._resources.database.write() as session:
            job = jobs.request_cancel(session, job_id)
        if job is None:
            raise ResourceNotFound("job", job_id)
        if job.state in (JobState.SUCCEEDED, JobState.FAILED):
            raise Conflict(f"The job {job_id} has already {job.state}.")
        if job.state == JobState.CANCELLED and "upload" in job.inputs:
            discard_upload(self._resources.uploads, job.inputs["upload"])
        return job

    def queue_reindex(self, model_version: str | None, *, force: bool) -> str:
        """Queue a reindex, by default for the live model, and return the job's id."""
        return self._queue("reindex", {"model_version": model_version, "force": force})

    def stop(self) -> None:
        """Stop after the current transaction, and end the thread; the next start runs an unfinished job again."""
        self._stopped.set()
        self._wake.set()
        self._thread.join(timeout=30)

    def _queue(self, kind: str, inputs: Mapping[str, object], idempotency_key: str | None = None) -> str:
        with self._resources.database.write() as session:
            job_id = jobs.create_job(session, kind, inputs, idempotency_key=idempotency_key)
        self._wake.set()
        return job_id

    def _job_of_key(self, key: str | None) -> Job | None:
        if key is None:
            return None
        with self._resources.database.read() as session:
            return jobs.job_of_key(session, key)

    def _loop(self) -> None:
        while not self._stopped.is_set():
            pause = _QUEUE_POLL_S
            try:
                self._run_queue()
            except JobInterrupted:
                return
            except Exception:  # nothing may end this thread
                log.exception("the job queue cannot be run; trying again")
                pause = _RETRY_S
            self._wait(pause)

    def _run_queue(self) -> None:
        """Run jobs while this process holds the queue lock."""
        queue = try_lock(self._resources.database, "job queue")
        if queue is None:
            return
        try:
            self._recover()
            while not self._stopped.is_set() and queue.is_held():
                self._run_next_or_wait()
        finally:
            queue.release()

    def _run_next_or_wait(self) -> None:
        try:
            if not self._run_next():
                queue_tidy_if_due(self._resources)
                self._wait(_QUEUE_POLL_S)
        except JobCancelled:
            return
        except LookalikeError as error:
            log.warning("a job failed: %s", error)
        except Exception:  # the job records its error
            log.exception("a job failed or could not be started")
            self._wait(_RETRY_S)

    def _wait(self, seconds: float) -> None:
        """Wait until there may be work; not at all after `stop`, whose wake an earlier wait may have consumed."""
        if not self._stopped.is_set():
            self._wake.wait(timeout=seconds)
        self._wake.clear()

    def _run_next(self) -> bool:
        """Run the oldest queued job; return whether there was one."""
        with self._resources.database.read() as session:
            job = jobs.oldest_queued_job(session)
        if job is None:
            return False
        if job.kind == "promote":
            run_promote_job(self._resources, job.id, job.inputs["generation"], self._progress(job.id))
        elif job.kind == "tidy":
            run_tidy_job(self._resources, job.id, self._progress(job.id))
        elif job.kind == "repair":
            run_repair_job(self._resources, job.id, self._progress(job.id))
        elif job.kind == "reindex":
            version = job.inputs.get("model_version") or None
            force = bool(job.inputs.get("force"))
            run_reindex_job(self._resources, job.id, version, self._progress(job.id), force=force)
        else:
            self._ingest(job.id, str(job.inputs.get("upload")))
        return True

    def _ingest(self, job_id: str, upload: str) -> None:
        uploads = self._resources.uploads
        try:
            with record_outcome(self._resources.database, job_id, rewrite=partial(hide_upload_paths, uploads)):
                inputs = find_upload(uploads, upload)
                progress = self._progress(job_id)
                ingest_files(self._resources, job_id, inputs, progress=progress, worker=self._worker)
        except Exception as error:
            if not is_temporary(error):  # else the job runs again and needs its files
                discard_upload(uploads, upload)
            raise
        discard_upload(uploads, upload)

    def _progress(self, job_id: str) -> Progress:
        return JobProgress(self._resources.database, job_id, self._stop_point)

    def _stop_point(self, _stage: str, _done: int, _total: int | None) -> None:
        if self._stopped.is_set():
            raise JobInterrupted
