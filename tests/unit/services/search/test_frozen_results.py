"""Frozen results: the order of later pages, packed into a cursor."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.errors import BadQuery
from services.search.query.frozen_results import MAX_DEPTH, FrozenResults


@given(st.lists(st.tuples(st.integers(1, 2**62), st.floats(-1, 1)), max_size=50), st.integers(0, 60))
def test_packing_keeps_the_order_and_the_cosines(results: list[tuple[int, float]], count: int) -> None:
    rest = FrozenResults.unpacked(FrozenResults.of(results).after(count).packed())
    assert rest.photo_ids.tolist() == [photo_id for photo_id, _ in results[count:]]
    assert rest.cosines.tolist() == pytest.approx([cosine for _, cosine in results[count:]], abs=2e-5)


def test_packs_five_hundred_results_into_less_than_four_kilobytes() -> None:
    rng = np.random.default_rng(1)
    photo_ids, cosines = rng.integers(1, 2_000_000, 500).tolist(), np.sort(rng.random(500))[::-1].tolist()
    assert len(FrozenResults.of(list(zip(photo_ids, cosines, strict=True))).packed()) < 4096


@pytest.mark.parametrize(
    "content", [b"", b"rubbish", FrozenResults.of([(1, 0.5)]).packed()[:-6]], ids=["none", "other", "cut"]
)
def test_damaged_bytes_unpack_to_nothing_or_are_rejected(content: bytes) -> None:
    try:
        rest = FrozenResults.unpacked(content)
    except BadQuery:
        return
    assert len(rest.photo_ids) == 0


def test_more_results_than_cursors_lead_to_are_refused() -> None:
    whole = FrozenResults.of([(number, 0.5) for number in range(MAX_DEPTH)])
    assert len(FrozenResults.unpacked(whole.packed()).photo_ids) == MAX_DEPTH
    with pytest.raises(BadQuery):
        FrozenResults.unpacked(FrozenResults.of([(number, 0.5) for number in range(MAX_DEPTH + 1)]).packed())
