"""Photo ids and payloads by slot, in columns, so that a filter becomes a boolean mask over the slots.

A slot is the row number that FAISS uses as id. Slots are assigned from 0 upwards without gaps, and reused after a
delete.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from db.vectors.faiss.coded_columns import grown
from db.vectors.faiss.payload_columns import PayloadColumns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from db.vectors.base import Checksums, Filter, PhotoIds, Point
    from db.vectors.faiss.coded_columns import Mask, Slots

FREE = -1
"""Photo id of a free slot."""


class PayloadTable:
    """The photo and payload in each slot. Callers must keep writes exclusive."""

    def __init__(
        self,
        *,
        ids: PhotoIds | None = None,
        payload_checksums: Checksums | None = None,
        columns: PayloadColumns | None = None,
    ) -> None:
        self.ids = np.zeros(0, dtype=np.int64) if ids is None else ids
        self.payload_checksums = np.zeros(0, dtype=np.uint64) if payload_checksums is None else payload_checksums
        self.columns = columns or PayloadColumns()
        self.slot_count = len(self.ids)
        """Number of slots, including free ones; the columns may have more capacity."""
        self._slot_of = {int(photo_id): slot for slot, photo_id in enumerate(self.ids) if photo_id != FREE}
        self._free = [int(slot) for slot in np.flatnonzero(self.ids == FREE)]

    def __len__(self) -> int:
        return len(self._slot_of)

    @property
    def has_free_slots(self) -> bool:
        """Whether any slot has no photo."""
        return bool(self._free)

    def photo_ids(self) -> PhotoIds:
        """Return the photo ids, ascending."""
        ids: PhotoIds = np.sort(self.ids[: self.slot_count])
        return ids[len(self._free) :]  # FREE sorts before every id

    def slots_of(self, photo_ids: Sequence[int] | None) -> Slots:
        """Return the slots of all photos, or of those of these photos that are here."""
        if photo_ids is None:
            return np.flatnonzero(self.ids[: self.slot_count] != FREE)
        there = (self._slot_of.get(photo_id) for photo_id in photo_ids)
        return np.array([slot for slot in there if slot is not None], dtype=np.int64)

    def photo_ids_in(self, slots: Slots) -> list[int]:
        """Return the photo ids in `slots`, in that order."""
        return [int(photo_id) for photo_id in self.ids[slots]]

    def put(self, points: Sequence[Point], checksums: Checksums) -> Slots:
        """Set the payloads and their checksums of distinct photos, and return their slots.

        New slots ascend from the old `slot_count`.
        """
        slots = np.array([self._slot_for(point.photo_id) for point in points], dtype=np.int64)
        self._grow()
        self.ids[slots] = [point.photo_id for point in points]
        self.payload_checksums[slots] = checksums
        self.columns.put(slots, [point.payload for point in points])
        return slots

    def remove(self, photo_ids: Sequence[int]) -> None:
        """Free the photos' slots; unknown photos are ignored."""
        for photo_id in photo_ids:
            slot = self._slot_of.pop(photo_id, None)
            if slot is not None:
                self.ids[slot] = FREE
                self._free.append(slot)

    def mask(self, where: Filter) -> Mask:
        """Return whether each slot has a photo whose payload matches `where`, shape (slot_count,)."""
        mask: Mask = self.ids[: self.slot_count] != FREE
        self.columns.narrow(mask, where)
        return mask

    def _slot_for(self, photo_id: int) -> int:
        slot = self._slot_of.get(photo_id)
        if slot is not None:
            return slot
        slot = self._free.pop() if self._free else self.slot_count
        self.slot_count = max(self.slot_count, slot + 1)
        self._slot_of[photo_id] = slot
        return slot

    def _grow(self) -> None:
        if self.slot_count <= len(self.ids):
            return
        capacity = max(1024, 2 * self.slot_count)
        self.ids = grown(self.ids, capacity)
        self.payload_checksums = grown(self.payload_checksums, capacity)
        self.columns.grow(capacity)
