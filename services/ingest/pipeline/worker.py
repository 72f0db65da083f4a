"""Embeds pending photos on a background thread, and waits for the photos of a job to be embedded."""

from __future__ import annotations

import logging
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from db.models import PhotoState
from db.rows import embeddings, generations, photos
from db.session import is_database_unavailable
from services.disk_errors import disk_problem
from services.errors import LookalikeError, ServiceUnavailable, is_storage_full
from services.ingest.pipeline.embedding import PhotoEmbedder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from db.session import Database
    from services.ingest.pipeline.progress import Progress
    from services.resources import Resources

log = logging.getLogger(__name__)

_PHOTO_POLL_S = 1.0
"""Poll interval for photos that other processes registered; `wake` announces those of this process."""

_JOB_POLL_S = 0.1
"""Shortest poll interval while a job waits for its photos."""

_POLLING_SHARE = 0.05
"""Largest share of the wait that polling may take: counting a million photos takes some 20 ms."""

_RETRY_S = 5.0
"""Pause after an error."""

_MAX_FAILURES = 3
"""Consecutive unexpected errors after which the jobs that wait for photos fail."""


class EmbeddingWorker:
    """Embeds pending photos with the live model as they come, whichever process registered them.

    Any number of workers may run, on any machine: each claims photos with leases.

    Attributes:
        problem: why the last attempt failed; None when it succeeded.
    """

    def __init__(self, resources: Resources, *, on_embedded: Callable[[], object] = lambda: None) -> None:
        """Call `on_embedded` after each run that embedded photos."""
        self._resources, self._on_embedded = resources, on_embedded
        self.problem: Exception | None = None
        self._wake, self._stopping = threading.Event(), threading.Event()
        self._followed_version: str | None = None
        self._thread = threading.Thread(target=self.run, name="embedding", daemon=True)

    def start(self) -> None:
        """Start the background thread."""
        self._thread.start()

    def wake(self) -> None:
        """Look for pending photos now."""
        self.problem = None  # its cause may be gone
        self._wake.set()

    def stop(self) -> None:
        """Finish the claimed photos, claim no more, and end the thread."""
        self._stopping.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(timeout=30)

    def run(self) -> None:
        """Work on the calling thread until another thread or a signal handler calls `stop`."""
        failures = 0
        while not self._stopping.is_set():
            pause = _PHOTO_POLL_S
            try:
                self._embed_pending()
                self.problem, failures = None, 0
            except LookalikeError as error:
                log.warning("photos cannot be embedded: %s", error)
                self.problem, pause = error, _RETRY_S
            except Exception as error:  # nothing may end this thread
                is_expected = is_database_unavailable(error) or is_storage_full(error)
                log.warning("photos could not be embedded; trying again", exc_info=not is_expected)
                failures, pause = failures + 1, _RETRY_S
                if is_storage_full(error):
                    self.problem = error
                elif failures >= _MAX_FAILURES:
                    problem = disk_problem(error) or f"{type(error).__name__}; see the log."
                    self.problem = ServiceUnavailable(f"Photos cannot be embedded: {problem}")
            self._wake.wait(timeout=pause)
            self._wake.clear()

    def _embed_pending(self) -> None:
        resources = self._resources
        with resources.database.read() as session:
            live, is_pending = generations.live_generation(session), photos.any_pending(session)
        if live is None:
            return
        if live.model_version != self._followed_version:
            # Photos that were being embedded when the model changed have a vector of the old model only.
            with resources.database.write() as session:
                embeddings.requeue_missing(session, model_version=live.model_version)
            self._followed_version, is_pending = live.model_version, True
        if is_pending:
            embedder = PhotoEmbedder(
                resources.database,
                resources.photo_files,
                resources.embedder_for(live.model_version),
                limits=resources.photo_limits,
                stop=self._stopping,
            )
            if embedder.embed_pending().embedded:
                self._on_embedded()


@contextmanager
def running_worker(
    resources: Resources, *, on_embedded: Callable[[], object] = lambda: None
) -> Iterator[EmbeddingWorker]:
    """Run a worker for the length of the block."""
    worker = EmbeddingWorker(resources, on_embedded=on_embedded)
    worker.start()
    try:
        yield worker
    finally:
        worker.stop()


def wait_until_embedded(database: Database, job_id: str, *, worker: EmbeddingWorker, progress: Progress) -> None:
    """Wait until this worker, or any other, has embedded or failed every photo of the job.

    Returns at once when no generation is live: the photos stay pending until there is a model. What `progress` raises
    ends the wait.

    Raises:
        LookalikeError: the worker cannot work, for example because the model cannot be run.
        OSError, OperationalError: the disk is full.
    """
    worker.wake()
    while True:
        started = time.monotonic()
        with database.read() as session:
            counts, live = photos.state_counts(session, job_id=job_id), generations.live_generation(session)
        polling_s = time.monotonic() - started
        if live is None:
            return
        pending, total = counts[PhotoState.PENDING], sum(counts.values())
        if total:
            progress("embed photos", total - pending, total)
        if not pending:
            return
        if (problem := worker.problem) is not None:
            raise problem
        time.sleep(max(_JOB_POLL_S, polling_s / _POLLING_SHARE))
