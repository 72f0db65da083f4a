"""How long a request has taken, stage by stage, and when it has taken too long."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from services.errors import Overloaded

if TYPE_CHECKING:
    from collections.abc import Iterator

_RETRY_AFTER_S = 1.0


class StageTimes:
    """The milliseconds of one request's stages. Between two stages, a request that is past its deadline ends.

    Args:
        deadline_s: seconds that a request may take in all.
    """

    def __init__(self, deadline_s: float) -> None:
        self._started, self._deadline_s = time.perf_counter(), deadline_s
        self._took_ms: dict[str, float] = {}

    @contextmanager
    def of(self, name: str) -> Iterator[None]:
        """Time the block; blocks of the same name are added up.

        Raises:
            Overloaded: the deadline has passed before it begins.
        """
        began = time.perf_counter()
        if began - self._started > self._deadline_s:
            raise Overloaded(f"This took longer than {self._deadline_s:g} s", retry_after_s=_RETRY_AFTER_S)
        try:
            yield
        finally:
            self._add(name, time.perf_counter() - began)

    def move(self, seconds: float, *, of: str, to: str) -> None:
        """Count part of a stage as another one."""
        self._add(of, -seconds)
        self._add(to, seconds)

    def took_ms(self) -> dict[str, float]:
        """Return the milliseconds of each stage, and of all in `total`."""
        total = (time.perf_counter() - self._started) * 1000
        return {name: round(ms, 2) for name, ms in (*self._took_ms.items(), ("total", total))}

    def _add(self, name: str, seconds: float) -> None:
        self._took_ms[name] = self._took_ms.get(name, 0.0) + seconds * 1000
