"""Which photos a graph is quantised with, and on which its loss is measured: never on the same, where that can be."""

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

MEASURED_LISTINGS = 400
"""Each with two photos: a point of recall@1 is 8 queries."""

_SEED = 0


@dataclass(frozen=True, slots=True)
class PrecisionPhotos:
    """Preprocessed photos, as `ml.export.write_bundle.export_bundle` takes them.

    Attributes:
        quantize_with: photos that were trained on, uint8 (n, S, S, 3).
        measure_on: pairs of photos of other listings; None where no listing has two photos.
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
    """Draw photos for quantising and measuring, the same ones each time, and decode them.

    Args:
        photos: all at hand; of equal contents one is drawn. Those that cannot be decoded are left out.
        preprocessing: of the bundle.
        split: the bundle's. Its training listings are quantised with and its validation listings measured on; without
            it all listings are drawn from.
        progress: is told how many of how many are decoded.

    Raises:
        ValueError: not one photo of the training listings can be decoded.
    """
    distinct = list({photo.sha256: photo for photo in sorted(photos, key=lambda photo: -photo.photo_id)}.values())
    distinct.reverse()
    rng = np.random.default_rng(_SEED)
    quantized, measured = _quantized(distinct, split, rng), _measured(distinct, split, rng)
    pixels = _decode([*quantized, *measured], preprocessing, progress)
    quantize_with = [found for found in pixels[: len(quantized)] if found is not None]
    if not quantize_with:
        raise ValueError("none of the photos that the model was trained on is at hand and can be read")
    return PrecisionPhotos(np.stack(quantize_with), _listing_photos(measured, pixels[len(quantized) :]))


def _quantized(
    photos: Sequence[LabelledPhoto], split: SplitRecord | None, rng: np.random.Generator
) -> list[LabelledPhoto]:
    listings = None if split is None else set(split.train)
    trained_on = [photo for photo in photos if listings is None or photo.listing_id in listings]
    return [trained_on[row] for row in rng.permutation(len(trained_on))[:CALIBRATION_PHOTOS]]


def _measured(
    photos: Sequence[LabelledPhoto], split: SplitRecord | None, rng: np.random.Generator
) -> list[LabelledPhoto]:
    """Return the first two photos of some listings that have two, side by side."""
    listings = None if split is None else set(split.validation)
    of_listing: defaultdict[str, list[LabelledPhoto]] = defaultdict(list)
    for photo in photos:
        if listings is None or photo.listing_id in listings:
            of_listing[photo.listing_id].append(photo)
    pairs = [found[:2] for _, found in sorted(of_listing.items()) if len(found) > 1]
    return list(chain.from_iterable(pairs[row] for row in rng.permutation(len(pairs))[:MEASURED_LISTINGS]))


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
    readable = [(photo.listing_id, found) for photo, found in zip(photos, pixels, strict=True) if found is not None]
    _, listings, counts = np.unique([name for name, _ in readable], return_inverse=True, return_counts=True)
    if not (counts > 1).any():
        return None
    return ListingPhotos(np.stack([found for _, found in readable]), listings.astype(np.int64))
