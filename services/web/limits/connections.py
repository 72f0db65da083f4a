"""Keeps connections below the process's limit of file descriptors, which databases, indexes and photos need too.

uvicorn 0.54 accepts connections until none is left. Then nobody is served, and asyncio logs each failed accept.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

try:
    import resource
except ImportError:  # Windows, which has no such limit
    resource = None  # type: ignore[assignment]

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Hashable

log = logging.getLogger(__name__)

_WANTED_DESCRIPTORS = 65_536
_MOST_CONNECTIONS = 2048
"""About 35 KB of memory each."""

_LARGEST_BACKLOG = 2048
"""uvicorn's default; asyncio accepts as many connections at once before it looks at the first."""

_LOG_EVERY_S = 60.0


def raise_descriptor_limit() -> int:
    """Raise the soft limit of file descriptors as far as the process may, and return it."""
    if resource is None:
        return _WANTED_DESCRIPTORS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _WANTED_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, _WANTED_DESCRIPTORS)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return _WANTED_DESCRIPTORS if soft == resource.RLIM_INFINITY else soft
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    except (ValueError, OSError):  # macOS: the kernel allows fewer than the hard limit says
        return soft
    return wanted


def most_connections(descriptors: int) -> int:
    """Return how many connections may be open at a time: half of the descriptors at most."""
    return min(_MOST_CONNECTIONS, descriptors // 2)


def accept_backlog(descriptors: int) -> int:
    """Return how many connections may wait to be accepted."""
    return min(_LARGEST_BACKLOG, descriptors // 8)


class OpenConnections:
    """The connections of a server, and which of them wait for a request.

    A connection beyond `most` takes the place of the one that has waited longest, as in nginx: many silent clients do
    not keep others out.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._busy: set[Hashable] = set()
        self._idle: dict[Hashable, None] = {}  # a dict keeps the order of waiting

    def add(self, connection: Hashable) -> Hashable | None:
        """Add a new connection; return the connection to close, which is this one if no other waits."""
        victim = next(iter(self._idle), connection) if len(self) >= self.most else None
        self.set_idle(connection)
        if victim is not None:
            self.remove(victim)
        return victim

    def remove(self, connection: Hashable) -> None:
        self._busy.discard(connection)
        self._idle.pop(connection, None)

    def set_busy(self, connection: Hashable) -> None:
        """Note that the connection has sent the head of a request."""
        if self._idle.pop(connection, self) is None:
            self._busy.add(connection)

    def set_idle(self, connection: Hashable) -> None:
        """Note that the connection waits for the next request."""
        self._busy.discard(connection)
        self._idle.setdefault(connection)

    def __len__(self) -> int:
        return len(self._busy) + len(self._idle)


class AcceptFailures:
    """An exception handler of the event loop that logs failed accepts once a minute, without a traceback."""

    def __init__(self) -> None:
        self._silent_until = 0.0

    def __call__(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        if "socket.accept()" not in str(context.get("message", "")):
            loop.default_exception_handler(context)
        elif time.monotonic() >= self._silent_until:
            self._silent_until = time.monotonic() + _LOG_EVERY_S
            log.error(
                "new connections wait: %s. Raise the limit of file descriptors (ulimit -n) of this process.",
                context.get("exception"),
            )
