"""Payload columns: a value is stored once, and each slot holds its code."""

from __future__ import annotations

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
    """Return a copy of a column with room for `capacity` slots, those beyond the old ones zero."""
    larger = np.zeros(capacity, dtype=column.dtype)
    larger[: len(column)] = column
    return larger


class CodedColumn(Generic[Value]):
    """One value per slot.

    Values that no slot uses any more stay known until the index is written and read again: the price of upserts
    that never look at other slots.
    """

    def __init__(self, codes: Codes | None = None, values: Iterable[Value] = ()) -> None:
        self._codes = np.zeros(0, dtype=np.int32) if codes is None else codes
        self._code_of: dict[Value, int] = {}
        for value in values:
            self._code(value)

    def grow(self, capacity: int) -> None:
        """Make room for `capacity` slots."""
        self._codes = grown(self._codes, capacity)

    def put(self, slots: Slots, values: Sequence[Value]) -> None:
        """Set the values of `slots`."""
        self._codes[slots] = [self._code(value) for value in values]

    def is_any_of(self, values: Iterable[Value], slot_count: int) -> Mask:
        """Say of each of the first `slot_count` slots whether its value is one of `values`."""
        return self._has_code((self._code_of[value] for value in values if value in self._code_of), slot_count)

    def are_any_of(self, values: Iterable[Value], slots: Slots) -> Mask:
        """Say of each of `slots` whether its value is one of `values`."""
        return np.isin(self._codes[slots], [self._code_of[value] for value in values if value in self._code_of])

    def slots_of(self, values: Iterable[Value], slot_count: int) -> Slots:
        """Return those of the first `slot_count` slots whose value is one of `values`, which are few."""
        codes = self._codes[:slot_count]
        found = [np.flatnonzero(codes == self._code_of[value]) for value in values if value in self._code_of]
        return np.concatenate([np.zeros(0, dtype=np.int64), *found])

    def used(self, slot_count: int) -> tuple[Codes, list[Value]]:
        """Return the first `slot_count` codes, renumbered, with only the values that they refer to."""
        used, codes = np.unique(self._codes[:slot_count], return_inverse=True)
        values = list(self._code_of)
        return codes.astype(np.int32), [values[code] for code in used]

    def _has_code(self, wanted: Iterable[int], slot_count: int) -> Mask:
        is_wanted = np.zeros(max(1, len(self._code_of)), dtype=np.bool_)
        is_wanted[list(wanted)] = True
        return is_wanted[self._codes[:slot_count]]

    def _code(self, value: Value) -> int:
        code = self._code_of.get(value)
        return self._new_code(value) if code is None else code

    def _new_code(self, value: Value) -> int:
        return self._code_of.setdefault(value, len(self._code_of))


class KeysColumn(CodedColumn[tuple[str, ...]]):
    """Several keys per slot, such as a place's, coded together: few places and paths are shared by many photos."""

    def __init__(self, codes: Codes | None = None, values: Iterable[tuple[str, ...]] = ()) -> None:
        self._codes_with: dict[str, list[int]] = {}
        super().__init__(codes, values)

    def includes(self, key: str, slot_count: int) -> Mask:
        """Say of each of the first `slot_count` slots whether `key` is among its keys."""
        return self._has_code(self._codes_with.get(key, ()), slot_count)

    def _new_code(self, value: tuple[str, ...]) -> int:
        code = super()._new_code(value)
        for key in set(value):
            self._codes_with.setdefault(key, []).append(code)
        return code
