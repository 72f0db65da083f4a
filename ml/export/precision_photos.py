"""Draws the photos to quantise a graph with, and other photos to measure the loss on, if possible of other listings."""

from __future__ import annotations

from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from ml.export.precisions import ListingPhotos
from ml.export.quantize import CALIBRATION_PHOTOS
from ml.network.openvino_runtime import available_cores
from ml.photos.decode import PhotoError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from ml.bundle.manifest import SplitRecord
    from ml.labelled import LabelledPhoto
    from ml.photos.preprocess import Preprocessing

MEASUREMENT_LISTINGS = 400
"""Each gives two photos; 8 queries are one percentage point of recall@1."""

_SEED = 0


@dataclass(frozen=True, slots=True)
class PrecisionPhotos:
    """Preprocessed photos for `ml.export.write_bundle.export_bundle`.

    Attributes:
        quantize_with: training photos, uint8 (n, S, S, 3).
        measure_on: pairs of photos of other listings; None if no listing has two photos.
    """

    quantize_with: NDArray[np.uint8]
    measure_on: ListingPhotos | None


def draw_precision_photos(
    photos: Sequence[LabelledPhoto],
    preprocessing: Preprocessing,
    *,
    split: SplitRecord | None,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> PrecisionPhotos:
    """Draw photos for quantising and for measuring, and decode them. The draw is deterministic.

    Args:
        photos: the available photos; equal photos count once, and photos that cannot be decoded are skipped.
        preprocessing: of the bundle.
        split: of the bundle. Quantising uses its training listings and measuring its validation listings; without a
            split both use all listings.
        progress: callback with the number of decoded photos and the total.

    Raises:
        ValueError: no photo of the training listings can be decoded.
    """
    distinct = list({photo.sha256: photo for photo in sorted(photos, key=lambda photo: -photo.photo_id)}.values())
    distinct.reverse()
    rng = np.random.default_rng(_SEED)
    training, measurement = _draw_training(distinct, split, rng), _draw_measurement(distinct, split, rng)
    pixels = _decode([*training, *measurement], preprocessing, progress)
    quantize_with = [decoded for decoded in pixels[: len(training)] if decoded is not None]
    if not quantize_with:
        raise ValueError("no photo that the model was trained on is available and can be read")
    return PrecisionPhotos(np.stack(quantize_with), _listing_photos(measurement, pixels[len(training) :]))


def _draw_training(
    photos: Sequence[LabelledPhoto], split: SplitRecord | None, rng: np.random.Generator
) -> list[LabelledPhoto]:
    listings = None if split is None else set(split.train)
    trained_on = [photo for photo in photos if listings is None or photo.listing_id in listings]
    return [trained_on[row] for row in rng.permutation(len(trained_on))[:CALIBRATION_PHOTOS]]


def _draw_measurement(
    photos: Sequence[LabelledPhoto], split: SplitRecord | None, rng: np.random.Generator
) -> list[LabelledPhoto]:
    """Draw listings with two or more photos and return the first two of each, in sequence."""
    listings = None if split is None else set(split.validation)
    of_listing: defaultdict[str, list[LabelledPhoto]] = defaultdict(list)
    for photo in photos:
        if listings is None or photo.listing_id in listings:
            of_listing[photo.listing_id].append(photo)
    pairs = [shown[:2] for _, shown in sorted(of_listing.items()) if len(shown) > 1]
    return list(chain.from_iterable(pairs[row] for row in rng.permutation(len(pairs))[:MEASUREMENT_LISTINGS]))


def _decode(
    photos: Sequence[LabelledPhoto], preprocessing: Preprocessing, progress: Callable[[int, int], None]
) -> list[NDArray[np.uint8] | None]:
    def load(photo: LabelledPhoto) -> NDArray[np.uint8] | None:
        try:
            return preprocessing.load(photo.path.read_bytes())
        except (PhotoError, OSError):
            return None

    decoded = []
    with ThreadPoolExecutor(available_cores()) as executor:
        for pixels in executor.map(load, photos):
            decoded.append(pixels)
            progress(len(decoded), len(photos))
    return decoded


def _listing_photos(
    photos: Sequence[LabelledPhoto], pixels: Sequence[NDArray[np.uint8] | None]
) -> ListingPhotos | None:
    readable = [(photo.listing_id, array) for photo, array in zip(photos, pixels, strict=True) if array is not None]
    _, listings, counts = np.unique([listing for listing, _ in readable], return_inverse=True, return_counts=True)
    if not (counts > 1).any():
        return None
    return ListingPhotos(np.stack([array for _, array in readable]), listings.astype(np.int64))
