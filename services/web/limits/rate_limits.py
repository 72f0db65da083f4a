"""Rate limits per API key and minute, shared by all processes that use the same database.

A process reserves a tenth of the limit at a time and counts it down in memory, so that few requests wait for the
database. A reservation not used up within the minute is lost: with ten processes a key gets at least nine tenths.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from db.rows.access.rate_windows import take_from_window

if TYPE_CHECKING:
    from db.session import Database

_RESERVATIONS_PER_MINUTE = 10


class RateLimits:
    """The remaining calls of each key in this minute; `per_minute=0` turns limits off."""

    def __init__(self, database: Database, *, per_minute: int) -> None:
        self._database, self._per_minute = database, per_minute
        self._minute, self._left = 0, dict[str, int]()
        self._lock = threading.Lock()

    @property
    def seconds_left(self) -> float:
        """Seconds until the next minute begins."""
        return 60 - time.time() % 60

    def spend(self, key_id: str) -> bool:
        """Count a call; return False when this process has no reserved calls left for the key."""
        if not self._per_minute:
            return True
        with self._lock:
            self._start_new_minute()
            left = self._left.get(key_id, 0)
            self._left[key_id] = max(0, left - 1)
            return left > 0

    def refill(self, key_id: str) -> None:
        """Reserve more calls for the key, if its limit allows."""
        minute, share = _present_minute(), max(1, self._per_minute // _RESERVATIONS_PER_MINUTE)
        with self._database.write() as session:
            granted = take_from_window(session, key_id, minute=minute, want=share, limit=self._per_minute)
        with self._lock:
            self._start_new_minute()
            if minute == self._minute:
                self._left[key_id] = self._left.get(key_id, 0) + granted

    def _start_new_minute(self) -> None:
        if (minute := _present_minute()) != self._minute:
            self._minute, self._left = minute, {}


def _present_minute() -> int:
    return int(time.time() // 60)
