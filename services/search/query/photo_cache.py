"""Caches uploaded query photos, so that a part of one can be searched without uploading it again."""

from __future__ import annotations

import hashlib
import threading
import time
from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

LIFETIME_S = 15 * 60.0
MAX_BYTES = 128 * 2**20


class QueryPhotoCache:
    """The most recently used query photos, in this process's memory only. Thread-safe.

    Args:
        max_bytes: limit for all photos together; the least recently used are dropped first.
        lifetime_s: seconds after its last use at which a photo expires.
        clock: seconds, replaced in tests.
    """

    def __init__(
        self, *, max_bytes: int = MAX_BYTES, lifetime_s: float = LIFETIME_S, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._max_bytes, self._lifetime_s, self._clock = max_bytes, lifetime_s, clock
        self._photos: OrderedDict[str, tuple[float, bytes]] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def add(self, content: bytes) -> str:
        """Add a photo and return its key, which nobody can guess without having the photo."""
        key = hashlib.sha256(content).hexdigest()[:32]
        with self._lock:
            self._drop(key)
            self._photos[key] = (self._clock(), content)
            self._bytes += len(content)
            self._evict()
        return key

    def find(self, key: str) -> bytes | None:
        """Return the photo and restart its lifetime; None if it expired or another process has it."""
        with self._lock:
            self._evict()
            if key not in self._photos:
                return None
            content = self._photos[key][1]
            self._photos[key] = (self._clock(), content)
            self._photos.move_to_end(key)
            return content

    def _evict(self) -> None:
        oldest = self._clock() - self._lifetime_s
        while self._photos:
            key, (used_at, _) = next(iter(self._photos.items()))
            if used_at >= oldest and self._bytes <= self._max_bytes:
                return
            self._drop(key)

    def _drop(self, key: str) -> None:
        _, content = self._photos.pop(key, (0.0, b""))
        self._bytes -= len(content)
