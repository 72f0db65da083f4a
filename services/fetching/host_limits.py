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

_MAX_HOSTS = 10_000
"""Hosts that are remembered: requests may name a new one each time."""


class HostBusy(Exception):
    """A host cannot be asked before the deadline."""


class HostQueueFull(HostBusy):
    """Other downloads from a host take too long, or too many of them wait already."""


class HostLimits:
    """Limits the downloads from each host; threads share it."""

    def __init__(self, per_host: int) -> None:
        self._per_host, self._busy = per_host, Counter[str]()
        self._waiting, self._unanswered = Counter[str](), Counter[str]()
        self._paused_until: dict[str, float] = {}
        self._changed = threading.Condition()

    @contextmanager
    def slot(self, host: str, deadline: Deadline, *, max_waiting: int | None = None) -> Iterator[None]:
        """Wait until the host may be asked.

        Raises:
            HostQueueFull: `max_waiting` downloads wait for the host already, or others last until the deadline.
            HostBusy: the host asks to wait until after the deadline, or is down.
        """
        with self._changed:
            if max_waiting is not None and self._waiting[host] >= max_waiting:
                raise HostQueueFull(f"{max_waiting} other downloads from {host} wait already")
            self._waiting[host] += 1
            try:
                self._wait_for_turn(host, deadline)
            finally:
                self._subtract(self._waiting, host)
            self._busy[host] += 1
        try:
            yield
        finally:
            with self._changed:
                self._subtract(self._busy, host)
                self._changed.notify_all()

    def _wait_for_turn(self, host: str, deadline: Deadline) -> None:
        while (wait_s := self._wait(host)) > 0:
            left = deadline.left
            if host in self._paused_until and wait_s >= left:
                raise HostBusy(self._problem(host, wait_s))
            if left <= 0:
                raise HostQueueFull(f"other downloads from {host} take too long")
            self._changed.wait(min(wait_s, left, _LONGEST_WAIT_S))

    @staticmethod
    def _subtract(counts: Counter[str], host: str) -> None:
        counts[host] -= 1
        if not counts[host]:
            del counts[host]

    def pause(self, host: str, seconds: float) -> None:
        """Do not ask the host for a while: it has requested this."""
        with self._changed:
            self._forget()
            self._paused_until[host] = max(self._paused_until.get(host, 0), time.monotonic() + seconds)

    def note_answer(self, host: str) -> None:
        """Note that the host works."""
        with self._changed:
            self._unanswered.pop(host, None)

    def note_silence(self, host: str) -> None:
        """Note that a download ended without an answer; after several, the host is not asked for a while."""
        with self._changed:
            self._forget()
            self._unanswered[host] += 1
            if self._unanswered[host] >= _DOWN_AFTER:
                self._paused_until[host] = time.monotonic() + _DOWN_S

    def _forget(self) -> None:
        """Forget hosts once there are too many, the longest known first."""
        for remembered in (self._unanswered, self._paused_until):
            while len(remembered) >= _MAX_HOSTS:
                del remembered[next(iter(remembered))]

    def _wait(self, host: str) -> float:
        """Return the seconds to wait, or until the next look if another download must end first."""
        pause_s = self._paused_until.get(host, 0) - time.monotonic()
        if pause_s > 0:
            return pause_s
        self._paused_until.pop(host, None)
        return _LONGEST_WAIT_S if self._busy[host] >= self._per_host else 0.0

    def _problem(self, host: str, wait_s: float) -> str:
        if self._unanswered[host] >= _DOWN_AFTER:
            return f"{host} did not answer the last {self._unanswered[host]} downloads"
        return f"{host} asks to wait {wait_s:.0f} s"
