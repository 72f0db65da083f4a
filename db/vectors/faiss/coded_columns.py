"""Dictionary-encoded payload columns: each distinct value is stored once, and each slot holds its code."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Generic, TypeVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Sequence

    from numpy.typing import NDArray

    Slots = NDArray[np.int64]
    Mask = NDArray[np.bool_]
    Codes = NDArray[np.int32]

Value = TypeVar("Value", bound="Hashable")
Scalar = TypeVar("Scalar", bound=np.generic)


def grown(column: NDArray[Scalar], capacity: int) -> NDArray[Scalar]:
    """Return a copy of a column with `capacity` slots; the new ones are zero."""
    larger = np.zeros(capacity, dtype=column.dtype)
    larger[: len(column)] = column
    return larger


class CodedColumn(Generic[Value]):
    """One value per slot.

    Values that no slot uses any more are kept until the index is saved and loaded again, so that an upsert need not
    look at other slots.
    """

    def __init__(self, codes: Codes | None = None, values: Iterable[Value] = ()) -> None:
        self._codes = np.zeros(0, dtype=np.int32) if codes is None else codes
        self._code_of: dict[Value, int] = {}
        for value in values:
            self._code(value)

    def grow(self, capacity: int) -> None:
        """Extend the column to `capacity` slots."""
        self._codes = grown(self._codes, capacity)

    def put(self, slots: Slots, values: Sequence[Value]) -> None:
        """Set the values of `slots`."""
        self._codes[slots] = [self._code(value) for value in values]

    def is_any_of(self, values: Iterable[Value], slot_count: int) -> Mask:
        """Return whether each of the first `slot_count` slots has one of `values`, shape (slot_count,)."""
        return self._has_code((self._code_of[value] for value in values if value in self._code_of), slot_count)

    def are_any_of(self, values: Iterable[Value], slots: Slots) -> Mask:
        """Return whether each of `slots` has one of `values`, shape (len(slots),)."""
        return np.isin(self._codes[slots], [self._code_of[value] for value in values if value in self._code_of])

    def slots_of(self, values: Iterable[Value], slot_count: int) -> Slots:
        """Return the slots among the first `slot_count` that have one of `values`, which should be few."""
        codes = self._codes[:slot_count]
        slots = [np.flatnonzero(codes == self._code_of[value]) for value in values if value in self._code_of]
        return np.concatenate([np.zeros(0, dtype=np.int64), *slots])

    def counts(self, mask: Mask) -> dict[Value, int]:
        """Return how many slots of the mask have each value, without values that none of them has."""
        found = np.bincount(self._codes[: len(mask)][mask])
        values = list(self._code_of)
        return {values[code]: int(found[code]) for code in np.flatnonzero(found)}

    def one_slot_each(self, mask: Mask) -> Mask:
        """Return a mask with one slot of the mask for each value that its slots have."""
        slots = np.flatnonzero(mask)
        slot_of = np.full(len(self._code_of), -1)
        slot_of[self._codes[slots]] = slots
        kept = np.zeros_like(mask)
        kept[slot_of[slot_of >= 0]] = True
        return kept

    def used(self, slot_count: int) -> tuple[Codes, list[Value]]:
        """Return the first `slot_count` codes, renumbered, and the values that they refer to."""
        used, codes = np.unique(self._codes[:slot_count], return_inverse=True)
        values = list(self._code_of)
        return codes.astype(np.int32), [values[code] for code in used]

    def _has_code(self, codes: Iterable[int], slot_count: int) -> Mask:
        is_included = np.zeros(max(1, len(self._code_of)), dtype=np.bool_)
        is_included[list(codes)] = True
        return is_included[self._codes[:slot_count]]

    def _code(self, value: Value) -> int:
        code = self._code_of.get(value)
        return self._new_code(value) if code is None else code

    def _new_code(self, value: Value) -> int:
        return self._code_of.setdefault(value, len(self._code_of))


class KeysColumn(CodedColumn[tuple[str, ...]]):
    """Several keys per slot, such as those of a location, with one code for each distinct tuple of keys."""

    def __init__(self, codes: Codes | None = None, values: Iterable[tuple[str, ...]] = ()) -> None:
        self._codes_with: dict[str, list[int]] = {}
        super().__init__(codes, values)

    def includes(self, key: str, slot_count: int) -> Mask:
        """Return whether each of the first `slot_count` slots has `key` among its keys, shape (slot_count,)."""
        return self._has_code(self._codes_with.get(key, ()), slot_count)

    def key_counts(self, mask: Mask) -> dict[str, int]:
        """Return how many slots of the mask have each key, without keys that none of them has."""
        counts: Counter[str] = Counter()
        for keys, count in self.counts(mask).items():
            counts.update(dict.fromkeys(keys, count))
        return dict(counts)

    def _new_code(self, value: tuple[str, ...]) -> int:
        code = super()._new_code(value)
        for key in set(value):
            self._codes_with.setdefault(key, []).append(code)
        return code
