"""Perceptual hashes propose which photos to compare: copies differ in few bits, but so do plain items of one shape."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from ml.copies.verdicts import COPY_CANDIDATES
from ml.photos.preprocess import perceptual_hash

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

MAX_DISTANCE = 12
"""Maximum differing bits, of 64, between two hashes that are worth a comparison of the pictures.

Of 7,446 different marketplace photos, 458 pairs of different listings are within 12 bits, 12 of them copies: 11 within
8 bits, one at 12. Of the 23 pairs within 8 bits, 12 are no copies: other colours, other models, other shots of an item.
Within 14 bits there are 2,984 pairs.
"""

_MIRRORED = np.uint64(0x5555_5555_5555_5555)
"""The bits that mirroring a picture flips, those of odd horizontal frequencies: of 7,541 photos, half differ by 4 bits
more, 99 % by 10."""

_NEVER = 255

_ROWS_AT_ONCE = 64
"""Bounds the distance matrix: 64 photos against 100,000 take 120 MB."""


def perceptual_hashes(pixels: NDArray[np.uint8], progress: Callable[[int, int], None]) -> NDArray[np.uint64]:
    """Return the perceptual hashes of photos, `pixels` (n, S, S, 3): uint64 (n,)."""
    hashes = np.empty(len(pixels), np.uint64)
    for row, photo in enumerate(pixels):
        hashes[row] = int(perceptual_hash(Image.fromarray(photo)), 16)
        progress(row + 1, len(pixels))
    return hashes


def nearest_by_hash(hashes: NDArray[np.uint64], groups: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return each row with its nearest rows of other groups by hash, (n,): int64 (pairs, 2), first < second, in order.

    Each row has up to `COPY_CANDIDATES` of them, within `MAX_DISTANCE` of its hash or of its mirror image's hash.
    Compares all pairs: 4 s for 20,000 photos on one core, 100 s for 100,000.

    Args:
        groups: (n,), the group of each row; photos of one group need no comparison.
    """
    pairs = [np.empty((0, 2), np.int64)]
    for start in range(0, len(hashes), _ROWS_AT_ONCE):
        rows = slice(start, start + _ROWS_AT_ONCE)
        distances = np.bitwise_count(hashes[rows, None] ^ hashes[None])
        np.minimum(distances, np.bitwise_count(hashes[rows, None] ^ hashes[None] ^ _MIRRORED), out=distances)
        distances[groups[rows, None] == groups[None]] = _NEVER
        count = min(COPY_CANDIDATES, len(hashes))
        nearest = np.argpartition(distances, count - 1, axis=1)[:, :count]
        first, place = np.nonzero(np.take_along_axis(distances, nearest, axis=1) <= MAX_DISTANCE)
        pairs.append(np.sort(np.stack([first + start, nearest[first, place]], axis=1), axis=1))
    return np.unique(np.concatenate(pairs), axis=0)
