"""The slots that a filter leaves, as a FAISS search takes them, and a cache of those of recent filters."""

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

FEW = 8192
"""Slots that are listed, so that their vectors can be copied out and compared whole. With more, skipping the others as
FAISS comes to them was faster: of 100,000 flat vectors, 1.4 against 2.6 ms for 8,000 slots, but 4.0 against 2.7 ms for
16,000."""

_CACHED_BYTES = 32 * 2**20
"""128 KiB for each filter at a million vectors, so some 250 filters."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Slots that a search may return.

    Attributes:
        count: how many.
        bitmap: one bit for each slot, the first in the lowest bit, as FAISS's `IDSelectorBitmap` wants them.
        slots: ascending; None where there are more than `FEW`.
    """

    count: int
    bitmap: NDArray[np.uint8]
    slots: Slots | None

    @classmethod
    def of(cls, mask: Mask) -> Selection:
        """Return the selection of the slots that `mask` is true of."""
        count = int(np.count_nonzero(mask))
        return cls(count, np.packbits(mask, bitorder="little"), np.flatnonzero(mask) if count <= FEW else None)

    def has(self, slots: Slots) -> Mask:
        """Say of each of `slots` whether it is among those selected."""
        bits: NDArray[np.int64] = self.bitmap[slots >> 3] >> (slots & 7) & 1
        return bits.astype(np.bool_)

    @property
    def nbytes(self) -> int:
        """Memory that its arrays take, in bytes."""
        return self.bitmap.nbytes + (0 if self.slots is None else self.slots.nbytes)


class SelectionCache:
    """The selections of the filters asked for last. Searches may share it; a write must `clear` it while it is alone.

    Selections are made while no write can run, so one that is kept is right until the next `clear`.
    """

    def __init__(self, *, limit_bytes: int = _CACHED_BYTES) -> None:
        self._limit, self._bytes = limit_bytes, 0
        self._kept: OrderedDict[Filter, Selection] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, where: Filter, make: Callable[[Filter], Mask]) -> Selection:
        """Return the selection of `where`, whose mask `make` returns where it is not kept."""
        with self._lock:
            if where in self._kept:
                self._kept.move_to_end(where)
                return self._kept[where]
        selection = Selection.of(make(where))
        with self._lock:
            self._keep(where, selection)
        return selection

    def clear(self) -> None:
        """Forget all of them."""
        with self._lock:
            self._kept.clear()
            self._bytes = 0

    def _keep(self, where: Filter, selection: Selection) -> None:
        if where in self._kept:  # another search made it meanwhile
            return
        self._kept[where] = selection
        self._bytes += selection.nbytes
        while self._bytes > self._limit:
            _, oldest = self._kept.popitem(last=False)
            self._bytes -= oldest.nbytes
