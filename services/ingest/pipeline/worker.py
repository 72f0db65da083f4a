"""Embeds pending photos on a thread of its own, beside whatever else the process does."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING

from db.models import PhotoState
from db.rows import embeddings, generations, photos
from db.session import is_away
from services.errors import LookalikeError, ServiceUnavailable
from services.ingest.pipeline.embedding import PhotoEmbedder

if TYPE_CHECKING:
    from collections.abc import Callable

    from db.session import Database
    from services.ingest.pipeline.progress import Progress
    from services.resources import Resources

log = logging.getLogger(__name__)

_LOOKS_EVERY_S = 1.0
"""How long photos wait that another process registered; those of this one are told of by `wake`."""

_ASKS_EVERY_S = 0.1
"""How often `await_embedding` asks whether the photos are embedded."""

_AFTER_AN_ERROR_S = 5.0

_FAILURES_BEARED = 3
"""After so many in a row, whoever waits for photos is told."""


def await_embedding(
    database: Database,
    job_id: str,
    progress: Progress,
    *,
    problem: Callable[[], LookalikeError | None] = lambda: None,
) -> None:
    """Wait until workers have embedded every photo of the job; without a live model that is left for later.

    Args:
        database: of the job and its photos.
        job_id: the job.
        progress: is told how many photos are embedded; what it raises ends the wait.
        problem: why a worker cannot work at present.

    Raises:
        LookalikeError: the `problem`.
    """
    while True:
        with database.read() as session:
            counts, live = photos.state_counts(session, job_id=job_id), generations.live_generation(session)
        if not counts[PhotoState.PENDING] or live is None:
            return
        if (found := problem()) is not None:
            raise found
        total = sum(counts.values())
        progress("embed photos", total - counts[PhotoState.PENDING], total)
        time.sleep(_ASKS_EVERY_S)


class EmbeddingWorker:
    """Takes pending photos as they come, in this process or another one, and embeds them with the live model.

    Any number of workers may run, here and on other machines: photos are claimed with leases.

    Attributes:
        problem: why it could not work when it last tried; None when it could.
    """

    def __init__(self, resources: Resources, *, embedded: Callable[[], object] = lambda: None) -> None:
        """`embedded` is called when photos have been."""
        self._resources, self._embedded = resources, embedded
        self.problem: LookalikeError | None = None
        self._wake, self._stopping = threading.Event(), threading.Event()
        self._followed_version: str | None = None
        self._thread = threading.Thread(target=self.run, name="embedding", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def wake(self) -> None:
        """Say that there are photos."""
        self.problem = None  # what it was may be mended
        self._wake.set()

    def stop(self) -> None:
        """Finish the photos that are claimed, claim no more, and end the thread."""
        self._stopping.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(timeout=30)

    def run(self) -> None:
        """Work on the calling thread until `stop` is called by another, or by a signal's handler."""
        failures = 0
        while not self._stopping.is_set():
            rest = _LOOKS_EVERY_S
            try:
                self._work()
                self.problem, failures = None, 0
            except LookalikeError as error:
                log.warning("photos cannot be embedded: %s", error)
                self.problem, rest = error, _AFTER_AN_ERROR_S
            except Exception as error:  # nothing may end this thread
                log.warning("photos could not be embedded; trying again", exc_info=not is_away(error))
                failures, rest = failures + 1, _AFTER_AN_ERROR_S
                if failures >= _FAILURES_BEARED:
                    self.problem = ServiceUnavailable(
                        f"Photos cannot be embedded ({type(error).__name__}; see the log)."
                    )
            self._wake.wait(timeout=rest)
            self._wake.clear()

    def _work(self) -> None:
        resources = self._resources
        with resources.database.read() as session:
            live, waiting = generations.live_generation(session), photos.any_pending(session)
        if live is None:
            return
        if live.model_version != self._followed_version:
            # Photos that were on their way when the model was changed have a vector of the old one only.
            with resources.database.write() as session:
                embeddings.requeue_missing(session, model_version=live.model_version)
            self._followed_version, waiting = live.model_version, True
        if waiting:
            embedder = resources.embedder_for(live.model_version)
            working = PhotoEmbedder(
                resources.database, resources.photo_files, embedder, limits=resources.photo_limits, stop=self._stopping
            )
            if working.embed_pending().embedded:
                self._embedded()
