"""Photos as the network sees them: the one path that training, indexing and queries share.

    bytes ─▶ decode (decode.py) ─▶ trim letterbox bars (borders.py) ─▶ shrink to a square ─▶ uint8 (S, S, 3)

Normalising to the network's mean and standard deviation is the network's own first step.
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
from ml.photos.decode import DEFAULT_LIMITS, PhotoError, PhotoLimits, decode, original_size

if TYPE_CHECKING:
    from numpy.typing import NDArray

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
"""Of ImageNet's training photos, RGB in [0, 1]: what torchvision's ResNet-50 weights were trained with
(`torchvision.models.ResNet50_Weights.IMAGENET1K_V2.transforms()`)."""

_REDUCING_GAP = 2.0
"""Shrink by whole factors down to twice the target before the filter, as Pillow's `thumbnail` does: 5 times faster on a
photo of 12 megapixels."""

_FILTER = Image.Resampling.BILINEAR
"""Widened by Pillow to cover all of a picture that it shrinks, so that nothing aliases. The bicubic filter takes half
as long again; same-listing recall@1 of 1,600 photos was 0.892 with this one, 0.893 with that."""

_HASHED_SIDE = 256
"""Pixels that a picture is first shrunk to, by whole factors: the hash itself looks at 32."""


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """How a decoded photo becomes the network's input; part of a model bundle, and of its version.

    Attributes:
        size: side of the square, in pixels.
        mean, std: per channel, RGB in [0, 1]; applied inside the network.
        trim_borders: letterbox bars are cut off first.
        resize: `squash`: the whole photo fills the square, whatever its proportions: no part of the item is lost.
        filter: what the square is computed with.
    """

    size: int = 224
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD
    trim_borders: bool = True
    resize: Literal["squash"] = "squash"
    filter: Literal["bilinear"] = "bilinear"

    def __post_init__(self) -> None:
        if not 16 <= self.size <= 4096:
            raise ValueError(f"size is {self.size}, and must be 16 to 4096 pixels")
        if not all(value > 0 for value in self.std):
            raise ValueError(f"std is {self.std}, and must be positive")

    @property
    def decode_at_least(self) -> int:
        """The `at_least` with which a photo may be decoded: enough for the network and for the perceptual hash.

        JPEG's own shrinking averages over squares, as the filter after it does, and costs a fraction of it.
        """
        return max(self.size, _HASHED_SIDE)

    def apply(self, image: Image.Image) -> NDArray[np.uint8]:
        """Return an RGB picture as an array of shape (size, size, 3)."""
        return self._square(trim_borders(image) if self.trim_borders else image)

    def apply_and_hash(self, image: Image.Image) -> tuple[NDArray[np.uint8], str]:
        """Return what `apply` and `perceptual_hash` do, with the bars looked for once."""
        trimmed = trim_borders(image)
        return self._square(trimmed if self.trim_borders else image), _hash(trimmed)

    def _square(self, image: Image.Image) -> NDArray[np.uint8]:
        return np.asarray(image.resize((self.size, self.size), _FILTER, reducing_gap=_REDUCING_GAP))

    def load(self, content: bytes, limits: PhotoLimits = DEFAULT_LIMITS, crop: Crop = WHOLE_PHOTO) -> NDArray[np.uint8]:
        """Return a photo's bytes, or the part of the upright photo that `crop` says, as shape (size, size, 3).

        Raises:
            PhotoError: the bytes are not a photo that we accept, or the part is too small to be one.
        """
        picture = decode(content, limits, at_least=ceil(self.decode_at_least * crop.shrinks_by))
        if crop == WHOLE_PHOTO:
            return self.apply(picture)
        width, height = original_size(picture)
        if min(width * crop.width, height * crop.height) < limits.min_side:
            problem = f"The crop {crop} of a photo of {width} x {height} pixels has a side below {limits.min_side}"
            raise PhotoError("too_small", f"{problem}. Choose a larger part.")
        return self.apply(crop.of(picture))

    def to_json(self) -> dict[str, Any]:
        """Return the values as JSON has them."""
        return {**msgspec.to_builtins(self), "mean": list(self.mean), "std": list(self.std)}

    @classmethod
    def from_json(cls, value: object) -> Preprocessing:
        """Return what `to_json` was called on.

        Raises:
            ValueError: a value is missing, or is not one that this release can apply.
        """
        preprocessing = msgspec.convert(value, type=cls)
        if value != preprocessing.to_json():
            raise ValueError(f"{value!r} is not the whole of what preprocessing consists of")
        return preprocessing


def perceptual_hash(image: Image.Image) -> str:
    """Return 16 hex digits that differ in few bits between copies of one picture (DCT of its luminance).

    Letterbox bars do not count, so that a copy with bars is found.
    """
    return _hash(trim_borders(image))


def _hash(picture: Image.Image) -> str:
    factor = min(picture.size) // _HASHED_SIDE
    return str(imagehash.phash(picture.reduce(factor) if factor > 1 else picture))  # reduce(1) would copy
