"""Photos that were searched by, kept for a while so that a part of one can be searched by without sending it again."""

from __future__ import annotations

import hashlib
import threading
import time
from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

KEPT_S = 15 * 60.0
MOST_BYTES = 128 * 2**20


class QueryPhotos:
    """The bytes of the latest photos that were searched by, in this process's memory alone. Safe for threads.

    Args:
        most_bytes: of all of them together; the oldest make room.
        kept_s: seconds after its last use that a photo is forgotten.
        clock: seconds, for tests.
    """

    def __init__(
        self, *, most_bytes: int = MOST_BYTES, kept_s: float = KEPT_S, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._most_bytes, self._kept_s, self._clock = most_bytes, kept_s, clock
        self._kept: OrderedDict[str, tuple[float, bytes]] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def keep(self, content: bytes) -> str:
        """Keep a photo and return the key that it is found by: nobody who has not seen the photo can guess it."""
        key = hashlib.sha256(content).hexdigest()[:32]
        with self._lock:
            self._drop(key)
            self._kept[key] = (self._clock(), content)
            self._bytes += len(content)
            self._make_room()
        return key

    def find(self, key: str) -> bytes | None:
        """Return the photo, which is then kept anew, or None where it is forgotten, or was another process's."""
        with self._lock:
            self._make_room()
            if key not in self._kept:
                return None
            content = self._kept[key][1]
            self._kept[key] = (self._clock(), content)
            self._kept.move_to_end(key)
            return content

    def _make_room(self) -> None:
        oldest = self._clock() - self._kept_s
        while self._kept:
            key, (used_at, _) = next(iter(self._kept.items()))
            if used_at >= oldest and self._bytes <= self._most_bytes:
                return
            self._drop(key)

    def _drop(self, key: str) -> None:
        _, content = self._kept.pop(key, (0.0, b""))
        self._bytes -= len(content)
