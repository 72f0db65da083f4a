"""Frozen results: the order of later pages, packed into a cursor."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.errors import BadQuery
from services.search.query.frozen_results import MAX_DEPTH, MAX_FROZEN, FrozenResults

PHOTO = st.tuples(st.integers(1, 2**62), st.floats(-1, 1))


@given(st.lists(st.lists(PHOTO, min_size=1, max_size=4), max_size=30))
def test_packing_keeps_the_order_the_cosines_and_the_copies(results: list[list[tuple[int, float]]]) -> None:
    frozen = FrozenResults.of(results)
    unpacked = FrozenResults.unpacked(frozen.packed(), frozen.packed_sizes()).results()
    assert [[photo_id for photo_id, _ in one] for one in unpacked] == [
        [photo_id for photo_id, _ in one] for one in results
    ]
    cosines = [cosine for one in results for _, cosine in one]
    assert [cosine for one in unpacked for _, cosine in one] == pytest.approx(cosines, abs=2e-5)


def test_packs_five_hundred_results_into_less_than_four_kilobytes() -> None:
    rng = np.random.default_rng(1)
    photo_ids, cosines = rng.integers(1, 2_000_000, 500).tolist(), np.sort(rng.random(500))[::-1].tolist()
    frozen = FrozenResults.of([one] for one in zip(photo_ids, cosines, strict=True))
    assert len(frozen.packed()) < 4096
    assert frozen.packed_sizes() == b""


@pytest.mark.parametrize(
    "content", [b"", b"rubbish", FrozenResults.of([[(1, 0.5)]]).packed()[:-6]], ids=["none", "other", "cut"]
)
def test_damaged_bytes_unpack_to_nothing_or_are_rejected(content: bytes) -> None:
    try:
        rest = FrozenResults.unpacked(content)
    except BadQuery:
        return
    assert len(rest.photo_ids) == 0


def test_parted_results_that_were_packed_can_be_unpacked() -> None:
    parted = FrozenResults.of([[(0, 0.5), (1, 0.5)], *([(number, 0.4)] for number in range(2, MAX_DEPTH + 50))])
    assert len(FrozenResults.unpacked(parted.packed(), parted.packed_sizes()).results()) == MAX_DEPTH + 49


def test_more_listings_than_a_cursor_holds_are_refused() -> None:
    count = MAX_FROZEN + 1
    too_many = FrozenResults(np.arange(count), np.zeros(count), np.ones(count, dtype=np.uint8))
    with pytest.raises(BadQuery):
        FrozenResults.unpacked(too_many.packed())


def test_sizes_that_do_not_add_up_to_the_listings_are_refused() -> None:
    whole = FrozenResults.of([[(1, 0.5), (2, 0.4)], [(3, 0.3)]])
    shorter = FrozenResults.of([[(1, 0.5), (2, 0.4)]])
    with pytest.raises(BadQuery):
        FrozenResults.unpacked(whole.packed(), shorter.packed_sizes())


def test_results_whose_copies_would_make_a_cursor_too_long_are_left_out() -> None:
    copies = [[(number, 0.5)] * 100 for number in range(60)]
    assert len(FrozenResults.of(copies).results()) == MAX_FROZEN // 100
