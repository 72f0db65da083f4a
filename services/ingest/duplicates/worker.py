"""Looks for copies on a thread of its own, when nobody else wants the processor."""

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

_LOOKS_EVERY_S = 1.0
_AFTER_AN_ERROR_S = 30.0


class DuplicateWorker:
    """Keeps the pairs of copies in line with the photos while it runs; of several processes one does at a time."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="duplicates", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Finish the photo at hand and end the thread; the rest is done after the next start."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout=30)

    def _run(self) -> None:
        lower_priority()
        finder: DuplicateFinder | None = None
        rest = 0.0
        while not self._stopping.wait(rest):
            rest = _LOOKS_EVERY_S
            try:
                finder = finder or self._finder()
                finder.find_if_free()
            except LookalikeError as error:  # no model yet
                log.debug("duplicates cannot be looked for: %s", error)
            except Exception as error:  # nothing may end this thread
                log.warning(
                    "duplicates could not be looked for; trying again", exc_info=not is_database_unavailable(error)
                )
                rest = _AFTER_AN_ERROR_S

    def _finder(self) -> DuplicateFinder:
        resources = self._resources
        return DuplicateFinder(
            resources.database,
            resources.live,
            resources.photo_files,
            limits=resources.photo_limits,
            stopping=self._stopping,
        )
