"""Limits what is asked of each host: simultaneous downloads, pauses that it requests, and tries while it is down."""

from __future__ import annotations

import threading
import time
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from services.fetching.guarded_network import Deadline

_DOWN_AFTER = 8
"""Consecutive downloads without an answer after which a host counts as down: more than the threads of one job."""

_DOWN_S = 60.0
"""Seconds for which a host that is down is not asked; otherwise each of its photos takes the full time limit."""

_LONGEST_WAIT_S = 60.0


class HostBusy(Exception):
    """A host cannot be asked before the deadline."""


class HostLimits:
    """Limits the downloads from each host; threads share it."""

    def __init__(self, per_host: int) -> None:
        self._per_host, self._busy = per_host, Counter[str]()
        self._unanswered = Counter[str]()
        self._paused_until: dict[str, float] = {}
        self._changed = threading.Condition()

    @contextmanager
    def slot(self, host: str, deadline: Deadline) -> Iterator[None]:
        """Wait until the host may be asked.

        Raises:
            HostBusy: that is after the deadline.
        """
        with self._changed:
            while (wait_s := self._wait(host)) > 0:
                left = deadline.left
                if left <= 0 or (host in self._paused_until and wait_s >= left):
                    raise HostBusy(self._problem(host, wait_s))
                self._changed.wait(min(wait_s, left, _LONGEST_WAIT_S))
            self._busy[host] += 1
        try:
            yield
        finally:
            with self._changed:
                self._busy[host] -= 1
                if not self._busy[host]:
                    del self._busy[host]
                self._changed.notify_all()

    def pause(self, host: str, seconds: float) -> None:
        """Do not ask the host for a while: it has requested this."""
        with self._changed:
            self._paused_until[host] = max(self._paused_until.get(host, 0), time.monotonic() + seconds)

    def note_answer(self, host: str) -> None:
        """Note that the host works."""
        with self._changed:
            self._unanswered.pop(host, None)

    def note_silence(self, host: str) -> None:
        """Note that a download ended without an answer; after several, the host is not asked for a while."""
        with self._changed:
            self._unanswered[host] += 1
            if self._unanswered[host] >= _DOWN_AFTER:
                self._paused_until[host] = time.monotonic() + _DOWN_S

    def _wait(self, host: str) -> float:
        """Return the seconds to wait, or until the next look if another download must end first."""
        pause_s = self._paused_until.get(host, 0) - time.monotonic()
        if pause_s > 0:
            return pause_s
        self._paused_until.pop(host, None)
        return _LONGEST_WAIT_S if self._busy[host] >= self._per_host else 0.0

    def _problem(self, host: str, wait_s: float) -> str:
        if host not in self._paused_until:
            return f"other downloads from {host} take too long"
        if self._unanswered[host] >= _DOWN_AFTER:
            return f"{host} did not answer the last {self._unanswered[host]} downloads"
        return f"{host} asks to wait {wait_s:.0f} s"
