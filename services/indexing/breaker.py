"""Leaves indexes that failed out of searches until they work again."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING

from db.vectors.damage import IndexDamaged

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

log = logging.getLogger(__name__)

RETRY_AFTER_S = 2.0
"""Pause before an engine that does not answer is tried again: each try may take a second, in which no index follows."""

_LONGEST_PAUSE_S = 60.0
"""Longest pause before an index is tried again that works for a moment and fails again."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an index is left out, and from when on it may be tried again (`time.monotonic`)."""

    error: OSError
    retry_at: float

    @property
    def is_due(self) -> bool:
        """Whether the index may be tried again."""
        return time.monotonic() >= self.retry_at


class CircuitBreaker:
    """The open indexes that failed. Requests report failures; the thread that follows the feed resets them."""

    def __init__(self) -> None:
        self._failures: dict[Hashable, Failure] = {}
        self._pauses: dict[str, float] = {}
        self._reset_at: dict[str, float] = {}
        self._lock = threading.Lock()

    def trip(self, engine: str, opened: Hashable, error: OSError) -> None:
        """Leave out an index, and log it once. That an index is damaged stays true when it fails otherwise later."""
        with self._lock:
            before = self._failures.get(opened)
            kept = before.error if before is not None and isinstance(before.error, IndexDamaged) else error
            self._failures[opened] = Failure(
                kept, time.monotonic() + self._pause_s(engine, error, is_new=before is None)
            )
        if before is None:
            log.warning("the %s index is left out of searches until it works again: %s", engine, error)

    def reset(self, engine: str, opened: Hashable) -> None:
        """Let an index take part again, or forget one that was replaced."""
        with self._lock:
            self._failures.pop(opened, None)
            self._reset_at[engine] = time.monotonic()
        log.warning("the %s index works again", engine)

    def failure(self, opened: Hashable) -> Failure | None:
        """Return why an index is left out; None if it is not."""
        return self._failures.get(opened)

    def _pause_s(self, engine: str, error: OSError, *, is_new: bool) -> float:
        """Return the pause before the next try: none for the first repair, and twice the last for one that failed."""
        if not is_new:
            return max(RETRY_AFTER_S, self._pauses.get(engine, 0.0))
        if time.monotonic() - self._reset_at.get(engine, -inf) < _LONGEST_PAUSE_S:
            pause_s = min(_LONGEST_PAUSE_S, max(RETRY_AFTER_S, 2 * self._pauses.get(engine, 0.0)))
        else:
            pause_s = RETRY_AFTER_S if isinstance(error, ConnectionError) else 0.0
        self._pauses[engine] = pause_s
        return pause_s

    def failures(self, indexes: Mapping[str, Hashable]) -> dict[str, str]:
        """Return the errors of those of the indexes that are left out, by engine."""
        failures = {engine: self._failures.get(opened) for engine, opened in indexes.items()}
        return {engine: str(failure.error) for engine, failure in failures.items() if failure is not None}
