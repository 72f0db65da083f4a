"""How often a key may be used in a minute, counted together by all processes that share the database.

A process takes a tenth of the allowance at a time and spends it by itself, so that few requests wait for the database.
What it has taken and not spent by the minute's end is lost: with ten processes a key gets nine tenths at the least.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from db.rows import keys

if TYPE_CHECKING:
    from db.session import Database

_SLICES = 10


class RateLimits:
    """The allowances of keys; a limit of 0 per minute is none."""

    def __init__(self, database: Database, *, per_minute: int) -> None:
        self._database, self._per_minute = database, per_minute
        self._minute, self._left = 0, dict[str, int]()
        self._lock = threading.Lock()

    @property
    def seconds_left(self) -> float:
        """Until the next minute begins."""
        return 60 - time.time() % 60

    def spend(self, key_id: str) -> bool:
        """Count a request and return True, if this process has something left of the key's allowance."""
        if not self._per_minute:
            return True
        with self._lock:
            self._turn_over()
            left = self._left.get(key_id, 0)
            self._left[key_id] = max(0, left - 1)
            return left > 0

    def refill(self, key_id: str) -> None:
        """Take a further slice of the key's allowance, if there is one."""
        minute, want = _present_minute(), max(1, self._per_minute // _SLICES)
        with self._database.write() as session:
            granted = keys.take_from_window(session, key_id, minute=minute, want=want, limit=self._per_minute)
        with self._lock:
            self._turn_over()
            if minute == self._minute:
                self._left[key_id] = self._left.get(key_id, 0) + granted

    def _turn_over(self) -> None:
        if (minute := _present_minute()) != self._minute:
            self._minute, self._left = minute, {}


def _present_minute() -> int:
    return int(time.time() // 60)
