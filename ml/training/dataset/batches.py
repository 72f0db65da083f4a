"""Training batches: pairs of photos of one item, in a new random order each epoch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray


def paired_batches(
    items: NDArray[np.int64], *, pairs_per_batch: int, rng: np.random.Generator
) -> Iterator[NDArray[np.int64]]:
    """Yield one epoch of batches: int64 (2 x pairs_per_batch,), rows of `items`, the two of a pair next to each other.

    Every photo is drawn once. An item with an odd number of photos repeats one of them, so a single photo is paired
    with itself, and augmentation makes the two differ.

    Pairs that do not fill the last batch are dropped: batch statistics of a few photos would disturb training. Each
    epoch drops other pairs. With fewer pairs than `pairs_per_batch`, one batch holds all of them.
    """
    by_item = np.argsort(items, kind="stable")
    starts = np.flatnonzero(np.diff(items[by_item])) + 1
    pairs = rng.permutation(np.concatenate([_pairs(rows, rng) for rows in np.split(by_item, starts)]))
    size = min(pairs_per_batch, len(pairs))
    for start in range(0, len(pairs) - size + 1, size):
        yield pairs[start : start + size].reshape(-1)


def _pairs(rows: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    """Return random pairs of the rows, (ceil(n / 2), 2); an odd n repeats one row."""
    shuffled = rng.permutation(rows)
    if len(shuffled) % 2:
        shuffled = np.append(shuffled, shuffled[0])
    return shuffled.reshape(-1, 2)
