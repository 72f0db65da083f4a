"""Estimates how long a stage of a long run still takes."""

from __future__ import annotations

import math

_SHORTEST_S = 2.0
"""Time to watch a stage before its pace says anything: the first photos also load the model."""


class TimeLeft:
    """Estimates the time left of one stage from its pace so far; work done before it was watched does not count."""

    def __init__(self) -> None:
        self._started_at: float | None = None
        self._first, self._last = 0, 0

    def seconds(self, done: int, total: int | None, *, now: float) -> float | None:
        """Return the seconds left when `done` of `total` are done at the time `now` (s); None if nothing says."""
        if self._started_at is None or done < self._last:  # a stage that runs again
            self._started_at, self._first = now, done
        self._last = done
        elapsed, since = now - self._started_at, done - self._first
        if total is None or since <= 0 or elapsed < _SHORTEST_S:
            return None
        return elapsed / since * max(total - done, 0)


def in_words(seconds: float | None) -> str:
    """Return a time left such as `about 4 min left`; empty if it is not known."""
    if seconds is None:
        return ""
    if seconds < 60:
        return f"about {max(math.ceil(seconds / 5) * 5, 5)} s left"
    minutes = math.ceil(seconds / 60)
    hours, rest = divmod(minutes, 60)
    return f"about {hours} h {rest} min left" if hours else f"about {minutes} min left"
