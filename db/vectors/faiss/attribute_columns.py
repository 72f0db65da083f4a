"""The attributes of a FAISS index: one column for each name, which costs little while few photos have the attribute."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from db.vectors.attributes import attribute_key, number_of, token_of, value_of
from db.vectors.faiss.coded_columns import grown

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from db.vectors.attributes import AttributeCondition, Attributes
    from db.vectors.faiss.coded_columns import Codes, Mask, Slots

_DENSE_FROM = 1 / 32
"""Share of the slots that have an attribute from which an array of codes takes less memory than a dictionary."""

_ABSENT = ""
"""Token with the code 0, of slots without the attribute."""


class AttributeColumn:
    """The values of one attribute as codes of their tokens (see `token_of`); 0 stands for none.

    Tokens that no slot has any more are kept until the index is saved and loaded again.
    """

    def __init__(self, tokens: Iterable[str] = ()) -> None:
        self._code_of = {_ABSENT: 0}
        self._codes_with: dict[str, list[int]] = {}
        self._numbers = np.full(1, np.nan)
        self._few: dict[int, int] = {}
        self._codes: Codes | None = None
        for token in tokens:
            self._code(token)

    @classmethod
    def read(cls, codes: Codes, tokens: Sequence[str]) -> AttributeColumn:
        """Return the column that `used` returned."""
        column, slots = cls(tokens), np.flatnonzero(codes)
        if len(slots) > _DENSE_FROM * len(codes):
            column._codes = codes
        else:
            column._few = dict(zip(slots.tolist(), codes[slots].tolist(), strict=True))
        return column

    def put(self, slots: Sequence[int], tokens: Iterable[str], capacity: int) -> None:
        """Set the values of `slots`, which are below `capacity`."""
        codes = [self._code(token) for token in tokens]
        if self._codes is not None:
            self._codes[slots] = codes
            return
        self._few.update(zip(slots, codes, strict=True))
        if len(self._few) > _DENSE_FROM * capacity:
            dense = np.zeros(capacity, dtype=np.int32)
            dense[list(self._few)] = list(self._few.values())
            self._codes, self._few = dense, {}

    def clear(self, slots: Slots) -> None:
        """Remove the values of `slots`."""
        if self._codes is not None:
            self._codes[slots] = 0
        elif self._few:
            for slot in slots.tolist():
                self._few.pop(slot, None)

    def grow(self, capacity: int) -> None:
        """Extend the column to `capacity` slots."""
        if self._codes is not None:
            self._codes = grown(self._codes, capacity)

    def matching(self, condition: AttributeCondition, slot_count: int) -> Mask:
        """Return whether each of the first `slot_count` slots satisfies the condition, shape (slot_count,)."""
        chosen = self._chosen(condition)
        if self._codes is not None:
            mask: Mask = chosen[self._codes[:slot_count]]
            return mask
        slots, codes = self._few_arrays()
        mask = np.zeros(slot_count, dtype=np.bool_)
        mask[slots[chosen[codes]]] = True
        return mask

    def counts(self, mask: Mask) -> dict[str, int]:
        """Return how many slots of the mask have each token, without those that no slot has."""
        if self._codes is not None:
            codes = self._codes[: len(mask)][mask]
        else:
            slots, of_slots = self._few_arrays()
            codes = of_slots[mask[slots]]
        found = np.bincount(codes, minlength=1)
        found[0] = 0
        tokens = list(self._code_of)
        return {tokens[code]: int(found[code]) for code in np.flatnonzero(found)}

    def used(self, slot_count: int) -> tuple[Codes, list[str]]:
        """Return the first `slot_count` codes, renumbered, and the tokens that they refer to, the first for none."""
        if self._codes is not None:
            codes = self._codes[:slot_count]
        else:
            codes = np.zeros(slot_count, dtype=np.int32)
            slots, of_slots = self._few_arrays()
            codes[slots] = of_slots
        is_used = np.bincount(codes, minlength=len(self._code_of)) > 0
        is_used[0] = True
        tokens = list(self._code_of)
        renumbered = (np.cumsum(is_used) - 1).astype(np.int32)[codes]
        return renumbered, [tokens[code] for code in np.flatnonzero(is_used)]

    def _chosen(self, condition: AttributeCondition) -> Mask:
        """Return whether each code's value satisfies the condition, shape (number of codes,)."""
        chosen = np.zeros(len(self._code_of), dtype=np.bool_)
        if condition.keys:
            for key in condition.keys:
                chosen[self._codes_with.get(key, [])] = True
        else:
            chosen[1:] = True
        if condition.is_range:
            low = -np.inf if condition.minimum is None else condition.minimum
            high = np.inf if condition.maximum is None else condition.maximum
            numbers = self._code_numbers()
            chosen &= (numbers >= low) & (numbers <= high)
        return chosen

    def _code_numbers(self) -> NDArray[np.float64]:
        """Return the number behind each code, NaN if it is none, shape (number of codes,)."""
        if len(self._numbers) < len(self._code_of):
            self._numbers = np.array([number_of(token) for token in self._code_of], dtype=np.float64)
        return self._numbers

    def _few_arrays(self) -> tuple[Slots, Codes]:
        count = len(self._few)
        return np.fromiter(self._few, np.int64, count), np.fromiter(self._few.values(), np.int32, count)

    def _code(self, token: str) -> int:
        code = self._code_of.get(token)
        if code is None:
            code = self._code_of[token] = len(self._code_of)
            self._codes_with.setdefault(attribute_key(value_of(token)), []).append(code)
        return code


class AttributeColumns:
    """The columns of all attributes, by name."""

    def __init__(self) -> None:
        self._columns: dict[str, AttributeColumn] = {}
        self._capacity = 0

    def put(self, slots: Slots, attributes: Sequence[Attributes]) -> None:
        """Set all attributes of `slots`, which must exist (see `grow`)."""
        for column in self._columns.values():
            column.clear(slots)
        given: dict[str, tuple[list[int], list[str]]] = {}
        for slot, of_listing in zip(slots.tolist(), attributes, strict=True):
            for name, value in of_listing:
                of_name = given.setdefault(name, ([], []))
                of_name[0].append(slot)
                of_name[1].append(token_of(value))
        for name, (its_slots, tokens) in given.items():
            self._columns.setdefault(name, AttributeColumn()).put(its_slots, tokens, self._capacity)

    def grow(self, capacity: int) -> None:
        """Extend every column to `capacity` slots."""
        self._capacity = capacity
        for column in self._columns.values():
            column.grow(capacity)

    def narrow(self, mask: Mask, conditions: Iterable[AttributeCondition]) -> None:
        """Clear the mask, shape (slot_count,), for slots that do not satisfy every condition."""
        for condition in conditions:
            column = self._columns.get(condition.name)
            mask &= False if column is None else column.matching(condition, len(mask))

    def names(self) -> list[str]:
        """Return the names that any slot has had."""
        return list(self._columns)

    def counts(self, name: str, mask: Mask) -> dict[str, int]:
        """Return how many slots of the mask have each value of an attribute, by token."""
        column = self._columns.get(name)
        return {} if column is None else column.counts(mask)

    def used(self, slot_count: int) -> dict[str, tuple[Codes, list[str]]]:
        """Return the columns with a value in the first `slot_count` slots; see `AttributeColumn.used`."""
        used = {name: column.used(slot_count) for name, column in self._columns.items()}
        return {name: (codes, tokens) for name, (codes, tokens) in used.items() if len(tokens) > 1}

    @classmethod
    def read(cls, stored: Mapping[str, tuple[Codes, list[str]]], slot_count: int) -> AttributeColumns:
        """Return the columns that `used` returned."""
        columns = cls()
        columns.grow(slot_count)
        for name, (codes, tokens) in stored.items():
            columns._columns[name] = AttributeColumn.read(codes, tokens)
        return columns
