"""Near-duplicate photos: pairs whose perceptual hashes differ in few bits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from ml.photos.preprocess import perceptual_hash

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

MAX_DISTANCE = 8
"""Maximum differing bits, of 64, between two hashes of one picture.

Checked by eye on 7,541 marketplace photos: of 40 pairs of different files in different listings within 8 bits, 38 show
one item (a relisting, another colour, another crop). Within 10 bits, chance resemblances begin.
"""

_ROWS_AT_ONCE = 512
"""Bounds the distance matrix: 512 photos against 100,000 take 400 MB."""


def perceptual_hashes(pixels: NDArray[np.uint8], progress: Callable[[int, int], None]) -> NDArray[np.uint64]:
    """Return the perceptual hashes of photos, `pixels` (n, S, S, 3): uint64 (n,)."""
    hashes = np.empty(len(pixels), np.uint64)
    for row, photo in enumerate(pixels):
        hashes[row] = int(perceptual_hash(Image.fromarray(photo)), 16)
        progress(row + 1, len(pixels))
    return hashes


def near_duplicate_pairs(hashes: NDArray[np.uint64], *, distance: int = MAX_DISTANCE) -> NDArray[np.int64]:
    """Return the pairs of rows whose hashes, (n,), differ in at most `distance` bits: int64 (pairs, 2), first < second.

    Compares all pairs; takes seconds for 50,000 photos.
    """
    pairs = [np.empty((0, 2), np.int64)]
    for start in range(0, len(hashes), _ROWS_AT_ONCE):
        differing = np.bitwise_count(hashes[start : start + _ROWS_AT_ONCE, None] ^ hashes[None, start:])
        first, second = np.nonzero(differing <= distance)
        pairs.append(np.stack([first, second], axis=1)[first < second] + start)
    return np.concatenate(pairs)
