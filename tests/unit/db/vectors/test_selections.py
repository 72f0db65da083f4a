"""Selections say which slots a filter leaves; recent ones are kept, within a bound, until they are cleared."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from db.vectors.base import Filter
from db.vectors.faiss.selections import MAX_LISTED, Selection, SelectionCache

if TYPE_CHECKING:
    from numpy.typing import NDArray

FILTERS = [Filter(price_min=float(price)) for price in range(5)]


class Masks:
    """Makes a mask for each filter, and counts them."""

    def __init__(self) -> None:
        self.made: list[Filter] = []

    def make(self, where: Filter) -> NDArray[np.bool_]:
        self.made.append(where)
        mask: NDArray[np.bool_] = np.arange(800) % 5 == FILTERS.index(where)
        return mask


@pytest.mark.parametrize("kept", [0, 3, MAX_LISTED, MAX_LISTED + 1])
def test_a_selection_holds_the_slots_of_the_mask(kept: int) -> None:
    mask = np.zeros(20_001, dtype=np.bool_)
    mask[np.random.default_rng(0).permutation(20_001)[:kept]] = True

    selection = Selection.of(mask)

    assert selection.count == kept
    np.testing.assert_array_equal(np.unpackbits(selection.bitmap, count=20_001, bitorder="little"), mask)
    np.testing.assert_array_equal(selection.has(np.arange(20_001)), mask)
    if kept > MAX_LISTED:
        assert selection.slots is None
    else:
        np.testing.assert_array_equal(selection.slots, np.flatnonzero(mask))


def test_a_selection_is_cached_until_the_cache_is_cleared() -> None:
    masks, cache = Masks(), SelectionCache()

    assert cache.get(FILTERS[1], masks.make) is cache.get(FILTERS[1], masks.make)
    cache.clear()
    cache.get(FILTERS[1], masks.make)

    assert masks.made == [FILTERS[1], FILTERS[1]]


def test_the_least_recently_used_selection_is_evicted() -> None:
    masks = Masks()
    cache = SelectionCache(limit_bytes=2 * Selection.of(masks.make(FILTERS[0])).nbytes)
    for number in (0, 1, 0, 2, 0, 1):
        cache.get(FILTERS[number], masks.make)

    assert masks.made[1:] == [FILTERS[number] for number in (0, 1, 2, 1)]


def test_a_selection_larger_than_the_cache_is_not_cached() -> None:
    masks, cache = Masks(), SelectionCache(limit_bytes=10)

    assert cache.get(FILTERS[3], masks.make).count == cache.get(FILTERS[3], masks.make).count == 160
    assert len(masks.made) == 2
