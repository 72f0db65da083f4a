"""Logs a failure that repeats itself rarely."""

from __future__ import annotations

import time
from math import inf
from typing import TYPE_CHECKING

from db.session import is_database_unavailable

if TYPE_CHECKING:
    import logging

_LOG_EVERY_S = 60.0


class RepeatedFailures:
    """Logs what goes wrong in a loop: each failure when it is new, and then once a minute. For one thread."""

    def __init__(self, log: logging.Logger, message: str) -> None:
        self._log, self._message = log, message
        self._last, self._logged_at = "", -inf

    def failed(self, error: Exception) -> None:
        """Log the error, with its traceback, unless the same failure was logged within a minute."""
        failure = "database" if is_database_unavailable(error) else repr(error)
        if failure != self._last or time.monotonic() - self._logged_at >= _LOG_EVERY_S:
            self._log.warning(self._message, exc_info=error)
            self._logged_at = time.monotonic()
        self._last = failure

    def worked(self) -> None:
        """Log the next failure at once."""
        self._last = ""
