"""Slots that pass a filter, in the form that FAISS takes, and a cache of them for recent filters."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from db.vectors.base import Filter
    from db.vectors.faiss.coded_columns import Mask, Slots

MAX_LISTED = 8192
"""Largest selection whose slots are listed, so that their vectors can be copied and compared. For larger selections,
letting FAISS skip the other slots was faster: of 100,000 flat vectors, 1.4 against 2.6 ms for 8,000 slots, but 4.0
against 2.7 ms for 16,000."""

_CACHED_BYTES = 32 * 2**20
"""Room for some 250 filters at a million vectors, 128 KiB each."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Slots that a search may return.

    Attributes:
        count: number of slots.
        bitmap: one bit per slot, lowest bit first, as FAISS's `IDSelectorBitmap` expects.
        slots: ascending; None if there are more than `MAX_LISTED`.
    """

    count: int
    bitmap: NDArray[np.uint8]
    slots: Slots | None

    @classmethod
    def of(cls, mask: Mask) -> Selection:
        """Return the selection of the slots where `mask` is true."""
        count = int(np.count_nonzero(mask))
        return cls(count, np.packbits(mask, bitorder="little"), np.flatnonzero(mask) if count <= MAX_LISTED else None)

    def has(self, slots: Slots) -> Mask:
        """Return whether each of `slots` is selected, shape (len(slots),)."""
        bits: NDArray[np.int64] = self.bitmap[slots >> 3] >> (slots & 7) & 1
        return bits.astype(np.bool_)

    def mask(self, slot_count: int) -> Mask:
        """Return a new mask of the first `slot_count` slots, shape (slot_count,)."""
        return np.unpackbits(self.bitmap, count=slot_count, bitorder="little").view(np.bool_)

    @property
    def nbytes(self) -> int:
        """Size of its arrays in bytes."""
        return self.bitmap.nbytes + (0 if self.slots is None else self.slots.nbytes)


class SelectionCache:
    """The selections of recent filters. Searches may share it; a writer must `clear` it while it is alone.

    Selections are made while no write can run, so a cached one is valid until the next `clear`.
    """

    def __init__(self, *, limit_bytes: int = _CACHED_BYTES) -> None:
        self._limit, self._bytes = limit_bytes, 0
        self._cached: OrderedDict[Filter, Selection] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, where: Filter, make: Callable[[Filter], Mask]) -> Selection:
        """Return the selection of `where`; if it is not cached, from the mask that `make` returns."""
        with self._lock:
            if where in self._cached:
                self._cached.move_to_end(where)
                return self._cached[where]
        selection = Selection.of(make(where))
        with self._lock:
            self._keep(where, selection)
        return selection

    def clear(self) -> None:
        """Remove all selections."""
        with self._lock:
            self._cached.clear()
            self._bytes = 0

    def _keep(self, where: Filter, selection: Selection) -> None:
        if where in self._cached:  # another search added it meanwhile
            return
        self._cached[where] = selection
        self._bytes += selection.nbytes
        while self._bytes > self._limit:
            _, oldest = self._cached.popitem(last=False)
            self._bytes -= oldest.nbytes
