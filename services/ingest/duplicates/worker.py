"""Finds copies of photos on a low-priority background thread."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from db.session import is_database_unavailable
from services.errors import LookalikeError
from services.indexing.duplicate_finder import DuplicateFinder
from services.indexing.low_priority import lower_priority

if TYPE_CHECKING:
    from services.resources import Resources

log = logging.getLogger(__name__)

_PHOTO_POLL_S = 1.0
"""Poll interval for new photos."""

_RETRY_S = 30.0
"""Pause after an unexpected error."""


class DuplicateWorker:
    """Keeps the stored pairs of copies up to date with the photos; one process at a time does the work."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="duplicates", daemon=True)

    def start(self) -> None:
        """Start the background thread."""
        self._thread.start()

    def stop(self) -> None:
        """Finish the current photo and end the thread; the next start does the rest."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout=30)

    def _run(self) -> None:
        lower_priority()
        finder: DuplicateFinder | None = None
        pause = 0.0
        while not self._stopping.wait(pause):
            pause = _PHOTO_POLL_S
            try:
                finder = finder or self._finder()
                finder.find_if_free()
            except LookalikeError as error:  # no model yet
                log.debug("cannot look for duplicates: %s", error)
            except Exception as error:  # nothing may end this thread
                log.warning("looking for duplicates failed; trying again", exc_info=not is_database_unavailable(error))
                pause = _RETRY_S

    def _finder(self) -> DuplicateFinder:
        resources = self._resources
        return DuplicateFinder(
            resources.database,
            resources.live,
            resources.photo_files,
            limits=resources.photo_limits,
            stopping=self._stopping,
        )
