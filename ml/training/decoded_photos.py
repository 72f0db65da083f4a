"""The decoded photos of a training run, the copies among them, and their split. Importing this imports torch."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import compress
from typing import TYPE_CHECKING, Any

import numpy as np

from ml.copies.hashes import perceptual_hashes
from ml.copies.items import OUTCOME, compare_candidates, copy_candidates, item_links, item_of_listing
from ml.network.openvino_runtime import available_cores
from ml.photos.decode import PhotoError
from ml.training.dataset.split import split_by_item
from ml.training.dataset.summary import TooFewListings, summarise, write_copies

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from ml.copies.items import ItemLink, KnownLinks
    from ml.labelled import LabelledPhoto
    from ml.photos.preprocess import Preprocessing
    from ml.training.dataset.split import Split
    from ml.training.dataset.summary import OnSplit
    from ml.training.run.training_run import TrainingRun


COPIES_FILE = "copies.csv"
"""The file in a run's folder with the copies that make listings one item."""


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


def split_items(
    decoded: DecodedPhotos,
    known: KnownLinks,
    run: TrainingRun,
    *,
    unreadable: int,
    on_split: OnSplit,
) -> tuple[dict[str, str], Split]:
    """Return the item of each listing, and the split; write `COPIES_FILE`, and call `on_split` in the first process.

    Raises:
        TooFewListings: there are no listings to train on, or none to measure on.
    """
    photos, config, copies = decoded.photos, run.config, run.folder.path / COPIES_FILE
    shared = _item_links(decoded, known, run)
    items = item_of_listing(photos, shared)
    split = split_by_item(photos, items, held_out=config.held_out, validation=config.validation, seed=config.seed)
    summary = summarise(photos, split, items, config=config, unreadable=unreadable, copies=copies)
    if run.processes.is_first and summary.merged:
        write_copies(copies, shared, items)
    if not summary.can_train:
        raise TooFewListings(summary)
    if run.processes.is_first:
        on_split(summary)
    return items, split


def _item_links(decoded: DecodedPhotos, known: KnownLinks, run: TrainingRun) -> list[ItemLink]:
    """Return the links between listings that show copies of one photo, among the decoded photos."""

    def hash_photos(array: NDArray[Any], progress: Callable[[int, int], None]) -> None:
        array[:] = perceptual_hashes(decoded.pixels[decoded.rows], progress)

    def compare(array: NDArray[Any], progress: Callable[[int, int], None]) -> None:
        compare_candidates(decoded.photos, candidates, known, outcomes=array, progress=progress)

    hashes = run.array("hash photos", "hashes", (len(decoded.rows),), dtype=np.uint64, fill=hash_photos)
    candidates = copy_candidates(decoded.photos, np.asarray(hashes), known)
    outcomes = run.array("compare photos", "copies", (len(candidates),), dtype=OUTCOME, fill=compare)
    return item_links(decoded.photos, candidates, outcomes, known)


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
