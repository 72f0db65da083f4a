"""Bounds the memory of the photos that a process decodes at the same time, whoever decodes them.

Photos wait for their turn in the order of their arrival. Large ones wait in a line of their own: a photo of
64 megapixels takes 0.8 GB and a second, and small ones must not wait behind it.
"""

from __future__ import annotations

import ctypes
import os
import threading
from collections import deque
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

LARGE_BYTES = 32 * 2**20
"""Memory from which a photo is large: 8 megapixels of a JPEG, less of other formats."""

_SMALL_BUDGET = 512 * 2**20
_LARGE_BUDGET = 2**30
"""One photo of 64 megapixels, or seven of 12, that are no JPEG files or are shown at full size."""

_SMALL_AT_ONCE_PER_CORE = 2
"""Small photos decoded at a time, whatever their size: more would only take turns at the cores."""


class DecodingBusy(Exception):
    """A photo cannot be decoded within its time, because others are decoded or wait already."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a caller waits for its turn.

    Attributes:
        wait_s: seconds; None waits for ever.
        max_waiting: large photos that may wait; further ones are refused at once. None lets any number wait.
    """

    wait_s: float | None = None
    max_waiting: int | None = None


PATIENT = Patience()


class DecodingTurns:
    """A line of photos that share a budget of memory. Thread-safe."""

    def __init__(self, budget: int, *, least: int = 0) -> None:
        """Let photos in while their bytes fit the budget; each counts as at least `least`, one is always let in."""
        self._budget, self._least = budget, least
        self._used = 0
        self._line: deque[object] = deque()
        self._changed = threading.Condition()

    @contextmanager
    def turn(self, size: int, patience: Patience) -> Iterator[None]:
        """Wait until `size` bytes fit, and count them while the block runs.

        Raises:
            DecodingBusy: it is not this photo's turn in time, or too many wait already.
        """
        needed = max(size, self._least)
        self._enter(needed, patience)
        try:
            yield
        finally:
            with self._changed:
                self._used -= needed
                self._changed.notify_all()

    def _enter(self, needed: int, patience: Patience) -> None:
        ticket = object()

        def is_next() -> bool:
            return self._line[0] is ticket and (not self._used or self._used + needed <= self._budget)

        with self._changed:
            if patience.max_waiting is not None and len(self._line) >= patience.max_waiting:
                raise DecodingBusy(f"{len(self._line)} photos wait to be decoded already")
            self._line.append(ticket)
            try:
                if not self._changed.wait_for(is_next, patience.wait_s):
                    raise DecodingBusy("the photos before it take too long to decode")
                self._used += needed
            finally:
                self._line.remove(ticket)
                self._changed.notify_all()


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


_SMALL = DecodingTurns(_SMALL_BUDGET, least=_SMALL_BUDGET // (_SMALL_AT_ONCE_PER_CORE * _cores()))
_LARGE = DecodingTurns(_LARGE_BUDGET)


@contextmanager
def decoding_turn(size: int, patience: Patience = PATIENT) -> Iterator[None]:
    """Wait for the turn of a photo whose decoding takes `size` bytes, and keep it while the block runs.

    Raises:
        DecodingBusy: see `DecodingTurns.turn`.
    """
    is_large = size >= LARGE_BYTES
    with _LARGE.turn(size, patience) if is_large else _SMALL.turn(size, Patience(patience.wait_s)):
        yield


def _unmap_large_blocks() -> None:
    """Let glibc return each large block when it is freed.

    By default it keeps freed blocks of up to 32 MB for each thread: after 24 thumbnails of photos of 64 megapixels, the
    process kept 2.6 GB; with this, 0.02 GB. They took 21 s before and 14 s now.
    """
    set_option = getattr(ctypes.CDLL(None), "mallopt", None) if os.name == "posix" else None
    if set_option is not None:
        set_option(_MMAP_THRESHOLD, _UNMAPPED_BYTES)


_MMAP_THRESHOLD = -3
"""M_MMAP_THRESHOLD of malloc.h (mallopt(3)); a fixed value ends its growth."""

_UNMAPPED_BYTES = 8 * 2**20
"""Half of the blocks of which Pillow makes pictures."""

_unmap_large_blocks()
