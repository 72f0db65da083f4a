"""Turns photos into the network's input. Training, indexing and queries share this one path.

    bytes ─▶ decode (decode.py) ─▶ trim letterbox bars (borders.py) ─▶ resize to a square ─▶ uint8 (S, S, 3)

The network itself normalises by mean and standard deviation, as its first step.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Any, Literal

import imagehash
import msgspec
import numpy as np
from PIL import Image

from ml.photos.borders import trim_borders
from ml.photos.crops import WHOLE_PHOTO, Crop
from ml.photos.decode import (
    DEFAULT_LIMITS,
    PATIENT,
    Patience,
    PhotoError,
    PhotoLimits,
    decoded,
    original_size,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
"""Mean and standard deviation of ImageNet's training photos, RGB in [0, 1]. torchvision's ResNet-50 weights expect them
(`torchvision.models.ResNet50_Weights.IMAGENET1K_V2.transforms()`)."""

_REDUCING_GAP = 2.0
"""First shrinks by whole factors to twice the target size, as Pillow's `thumbnail` does: 5 times faster on 12-megapixel
photos."""

_FILTER = Image.Resampling.BILINEAR
"""Pillow widens the filter when it shrinks a picture, so nothing aliases. Bicubic takes 1.5 times as long and gains
nothing: same-listing recall@1 of 1,600 photos is 0.892 with bilinear, 0.893 with bicubic."""

_HASHED_SIDE = 256
"""Pixels to which a picture is first shrunk, by whole factors; the hash itself uses 32."""


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """How a decoded photo becomes the network's input; part of a model bundle, and of its version.

    Attributes:
        size: side of the square, in pixels.
        mean, std: per channel, RGB in [0, 1]; applied inside the network.
        trim_borders: whether letterbox bars are trimmed first.
        resize: `squash` stretches the whole photo to the square, so that no part of the item is lost.
        filter: the resampling filter.
    """

    size: int = 224
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD
    trim_borders: bool = True
    resize: Literal["squash"] = "squash"
    filter: Literal["bilinear"] = "bilinear"

    def __post_init__(self) -> None:
        if not 16 <= self.size <= 4096:
            raise ValueError(f"size is {self.size}; it must be 16 to 4096 pixels")
        if not all(value > 0 for value in self.std):
            raise ValueError(f"std is {self.std}; each value must be positive")

    @property
    def decode_at_least(self) -> int:
        """The `at_least` for `decode`: enough pixels for the network and the perceptual hash.

        A JPEG decoder shrinks by averaging squares, as the filter afterwards does, at a fraction of its cost.
        """
        return max(self.size, _HASHED_SIDE)

    def apply(self, image: Image.Image) -> NDArray[np.uint8]:
        """Turn an RGB picture into the network's input: uint8 (size, size, 3)."""
        return self._square(trim_borders(image) if self.trim_borders else image)

    def apply_and_hash(self, image: Image.Image) -> tuple[NDArray[np.uint8], str]:
        """Return the results of `apply` and `perceptual_hash`, trimming the bars only once."""
        trimmed = trim_borders(image)
        return self._square(trimmed if self.trim_borders else image), _hash(trimmed)

    def _square(self, image: Image.Image) -> NDArray[np.uint8]:
        return np.asarray(image.resize((self.size, self.size), _FILTER, reducing_gap=_REDUCING_GAP))

    def load(
        self,
        content: bytes,
        limits: PhotoLimits = DEFAULT_LIMITS,
        crop: Crop = WHOLE_PHOTO,
        *,
        patience: Patience = PATIENT,
    ) -> NDArray[np.uint8]:
        """Decode a photo and turn it, or the `crop` of the upright photo, into the network's input.

        Returns:
            uint8 (size, size, 3).

        Raises:
            PhotoError: the bytes are not an accepted photo, or the crop is too small.
            DecodingBusy: it is not the photo's turn in time.
        """
        at_least = ceil(self.decode_at_least * crop.enlargement)
        with decoded(content, limits, at_least=at_least, patience=patience) as picture:
            return self.apply(picture if crop == WHOLE_PHOTO else _cut(picture, crop, limits))

    def to_json(self) -> dict[str, Any]:
        """Return the settings as JSON values."""
        return {**msgspec.to_builtins(self), "mean": list(self.mean), "std": list(self.std)}

    @classmethod
    def from_json(cls, value: object) -> Preprocessing:
        """Rebuild the settings from the result of `to_json`.

        Raises:
            ValueError: a setting is missing, or this release does not support its value.
        """
        preprocessing = msgspec.convert(value, type=cls)
        if value != preprocessing.to_json():
            names = ", ".join(preprocessing.to_json())
            raise ValueError(f"preprocessing must have exactly the settings {names}, not {value!r}")
        return preprocessing


def _cut(picture: Image.Image, crop: Crop, limits: PhotoLimits) -> Image.Image:
    """Return the crop of a picture from `decode`.

    Raises:
        PhotoError: the crop is too small.
    """
    width, height = original_size(picture)
    if min(width * crop.width, height * crop.height) < limits.min_side:
        problem = f"The crop {crop} of a {width} x {height} photo has a side below {limits.min_side} pixels"
        raise PhotoError("too_small", f"{problem}. Choose a larger crop.")
    return crop.cut_from(picture)


def perceptual_hash(image: Image.Image) -> str:
    """Return the perceptual hash (DCT of the luminance), 16 hex digits: copies of a picture differ in few bits.

    Letterbox bars are ignored, so that a copy with bars still matches.
    """
    return _hash(trim_borders(image))


def _hash(picture: Image.Image) -> str:
    factor = min(picture.size) // _HASHED_SIDE
    return str(imagehash.phash(picture.reduce(factor) if factor > 1 else picture))  # reduce(1) would copy
