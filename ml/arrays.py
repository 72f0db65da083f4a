"""Photos decoded once, by the one preprocessing path, into a memory-mapped array that many epochs can read."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ml.preprocess import PhotoError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from ml.data import LabelledPhoto
    from ml.preprocess import Preprocessing


@dataclass(frozen=True, slots=True)
class DecodedPhotos:
    """Photos and their pixels.

    Attributes:
        photos: those that could be decoded, in the order they were given.
        pixels: uint8 (n, S, S, 3), memory-mapped; row i belongs to `photos[i]`.
        unreadable: how many could not be read or decoded, and were left out.
    """

    photos: tuple[LabelledPhoto, ...]
    pixels: NDArray[np.uint8]
    unreadable: int


def decode_photos(
    photos: Sequence[LabelledPhoto],
    preprocessing: Preprocessing,
    *,
    file: Path,
    threads: int,
    progress: Callable[[int, int], None],
) -> DecodedPhotos:
    """Decode the photos into `file`, a new `.npy` file; `progress` is told how many of how many are done.

    Raises:
        OSError: `file` cannot be written. Photos that cannot be read are counted instead.
    """
    size = preprocessing.size
    pixels = np.lib.format.open_memmap(file, mode="w+", dtype=np.uint8, shape=(max(len(photos), 1), size, size, 3))

    def decode(row: int) -> bool:
        try:
            pixels[row] = preprocessing.load(photos[row].path.read_bytes())
        except (PhotoError, OSError):
            return False
        return True

    decoded: list[int] = []
    with ThreadPoolExecutor(threads) as executor:
        for row, succeeded in enumerate(executor.map(decode, range(len(photos)))):
            if succeeded:
                pixels[len(decoded)] = pixels[
                    row
                ]  # close the gaps: rows up to here are decoded, so none is overwritten
                decoded.append(row)
            progress(row + 1, len(photos))
    kept = tuple(photos[row] for row in decoded)
    return DecodedPhotos(kept, pixels[: len(kept)], unreadable=len(photos) - len(kept))
