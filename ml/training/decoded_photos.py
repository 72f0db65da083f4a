"""Photos decoded once, by the one preprocessing path, into a memory-mapped array that many epochs can read."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np

from ml.photos.preprocess import PhotoError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from ml.photos.preprocess import Preprocessing
    from ml.training.split import LabelledPhoto


def decode_photos(
    photos: Sequence[LabelledPhoto],
    preprocessing: Preprocessing,
    *,
    into: NDArray[np.uint8],
    threads: int,
    progress: Callable[[int, int], None],
) -> NDArray[np.bool_]:
    """Decode photo i into row i of `into`, (n, S, S, 3), and return which could be: bool (n,).

    A photo that cannot be read or decoded leaves its row as it was. `progress` is told how many of how many are done.
    """

    def decode(row: int) -> bool:
        try:
            into[row] = preprocessing.load(photos[row].path.read_bytes())
        except (PhotoError, OSError):
            return False
        return True

    readable = np.zeros(len(photos), dtype=np.bool_)
    with ThreadPoolExecutor(threads) as executor:
        for row, succeeded in enumerate(executor.map(decode, range(len(photos)))):
            readable[row] = succeeded
            progress(row + 1, len(photos))
    return readable
