"""Times the stages of one request and enforces its deadline, which includes the time that it waits for a thread."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from services.errors import Overloaded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlmodel import Session

    from db.session import Database

_RETRY_AFTER_S = 1.0


class StageTimes:
    """Milliseconds spent in each stage of one request. Used by one thread at a time.

    Stages nest: an inner stage pauses the outer one, so no time counts twice.

    Args:
        deadline_s: seconds after the construction from which no further stage begins.
    """

    def __init__(self, deadline_s: float) -> None:
        self._deadline_s = deadline_s
        self._started = self._booked_until = time.perf_counter()
        self._took_ms: dict[str, float] = {}
        self._open: list[str] = []

    def left_s(self) -> float:
        """Return the seconds until the deadline.

        Raises:
            Overloaded: it has passed.
        """
        left = self._deadline_s - (time.perf_counter() - self._started)
        if left < 0:
            raise Overloaded(f"The request took longer than {self._deadline_s:g} s", retry_after_s=_RETRY_AFTER_S)
        return left

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Book the time of the block under `name`; blocks of the same name add up.

        Raises:
            Overloaded: the deadline passed before the block began.
        """
        self.left_s()
        self._book()
        self._open.append(name)
        try:
            yield
        finally:
            self._book()
            self._open.pop()

    @contextmanager
    def reading(self, database: Database) -> Iterator[Session]:
        """Open a read transaction and book the time of the block under `rows`."""
        with self.stage("rows"), database.read() as session:
            yield session

    def took_ms(self) -> dict[str, float]:
        """Return the milliseconds of each finished stage, and of the whole request in `total`."""
        total = (time.perf_counter() - self._started) * 1000
        return {name: round(ms, 2) for name, ms in (*self._took_ms.items(), ("total", total))}

    def _book(self) -> None:
        """Add the time since the last change of stage to the innermost open stage."""
        now = time.perf_counter()
        if self._open:
            name = self._open[-1]
            self._took_ms[name] = self._took_ms.get(name, 0.0) + (now - self._booked_until) * 1000
        self._booked_until = now
