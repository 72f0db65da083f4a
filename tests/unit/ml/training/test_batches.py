"""Batches hold pairs of photos of one item."""

from __future__ import annotations

import numpy as np
import pytest

from ml.training.dataset.batches import paired_batches


def test_an_epoch_pairs_every_photo_with_one_of_its_item() -> None:
    items = np.array([5, 9, 5, 9, 9, 7, 2, 2])
    batches = list(paired_batches(items, pairs_per_batch=5, rng=np.random.default_rng(0)))
    (batch,) = batches
    pairs = batch.reshape(-1, 2)
    assert (items[pairs[:, 0]] == items[pairs[:, 1]]).all()
    assert set(batch.tolist()) == set(range(8))


def test_the_only_photo_of_an_item_is_paired_with_itself() -> None:
    (batch,) = paired_batches(np.array([3]), pairs_per_batch=4, rng=np.random.default_rng(0))
    assert batch.tolist() == [0, 0]


@pytest.mark.parametrize(("pairs_per_batch", "sizes"), [(3, [6, 6, 6]), (4, [8, 8]), (100, [20])])
def test_batches_are_full_and_the_remainder_is_dropped(pairs_per_batch: int, sizes: list[int]) -> None:
    items = np.repeat(np.arange(10), 2)
    batches = paired_batches(items, pairs_per_batch=pairs_per_batch, rng=np.random.default_rng(0))
    assert [len(batch) for batch in batches] == sizes


def test_each_epoch_has_other_batches() -> None:
    rng = np.random.default_rng(0)
    first, second = (list(paired_batches(np.arange(50), pairs_per_batch=50, rng=rng)) for _ in range(2))
    assert first[0].tolist() != second[0].tolist()
