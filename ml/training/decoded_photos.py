"""The decoded photos of a training run, and the near duplicates among them. Importing this imports torch."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import compress
from typing import TYPE_CHECKING, Any

import numpy as np

from ml.copies.hashes import near_duplicate_pairs, perceptual_hashes
from ml.network.openvino_runtime import available_cores
from ml.photos.decode import PhotoError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from ml.labelled import LabelledPhoto
    from ml.photos.preprocess import Preprocessing
    from ml.training.run.training_run import TrainingRun


@dataclass(frozen=True, slots=True)
class DecodedPhotos:
    """The n photos that could be decoded.

    Attributes:
        rows: int64 (n,), the row of each photo in `pixels`.
        pixels: uint8 (all, S, S, 3); the rows of unreadable photos are zeros.
    """

    photos: tuple[LabelledPhoto, ...]
    rows: NDArray[np.int64]
    pixels: NDArray[np.uint8]


def decode_all(photos: Sequence[LabelledPhoto], preprocessing: Preprocessing, run: TrainingRun) -> DecodedPhotos:
    """Decode the photos, or read the pixels that an earlier run decoded."""
    count, size = len(photos), preprocessing.size
    readable = np.zeros(count, dtype=np.bool_)

    def decode(pixels: NDArray[Any], progress: Callable[[int, int], None]) -> None:
        readable[:] = _decode_into(pixels, photos, preprocessing, progress=progress)
        run.folder.array("readable", (count,), dtype=np.bool_, fill=lambda array: np.copyto(array, readable))

    pixels = run.array("decode photos", "pixels", (count, size, size, 3), dtype=np.uint8, fill=decode)
    decoded = np.load(run.folder.path / "readable.npy")
    return DecodedPhotos(tuple(compress(photos, decoded)), np.flatnonzero(decoded), pixels)


def same_picture_pairs(decoded: DecodedPhotos, run: TrainingRun) -> NDArray[np.int64]:
    """Return pairs of indices into `decoded.photos` of photos that show the same picture: int64 (pairs, 2)."""

    def hash_photos(array: NDArray[Any], progress: Callable[[int, int], None]) -> None:
        array[:] = perceptual_hashes(decoded.pixels[decoded.rows], progress)

    hashes = run.array("compare photos", "hashes", (len(decoded.rows),), dtype=np.uint64, fill=hash_photos)
    return near_duplicate_pairs(np.asarray(hashes))


def _decode_into(
    pixels: NDArray[np.uint8],
    photos: Sequence[LabelledPhoto],
    preprocessing: Preprocessing,
    *,
    progress: Callable[[int, int], None],
) -> NDArray[np.bool_]:
    """Decode photo i into row i of `pixels`, (n, S, S, 3); return which photos could be decoded: bool (n,)."""

    def decode(row: int) -> bool:
        try:
            pixels[row] = preprocessing.load(photos[row].path.read_bytes())
        except (PhotoError, OSError):
            return False
        return True

    readable = np.zeros(len(photos), dtype=np.bool_)
    with ThreadPoolExecutor(available_cores()) as executor:
        for row, succeeded in enumerate(executor.map(decode, range(len(photos)))):
            readable[row] = succeeded
            progress(row + 1, len(photos))
    return readable
