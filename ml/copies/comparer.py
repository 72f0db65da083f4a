"""Compares photos by their bytes: the one test of whether two photos show the same picture.

The duplicate finder, the split of a training and the evaluation all use it.
"""

from __future__ import annotations

from collections import OrderedDict
from functools import lru_cache
from typing import TYPE_CHECKING

from ml.copies.local_features import COMPARED_SIDE, extract_features, resize_for_comparison
from ml.copies.verdicts import candidate_placements, compare_pixels
from ml.photos.decode import DEFAULT_LIMITS, decoded

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from ml.copies.local_features import LocalFeatures
    from ml.copies.verdicts import CopyMatch
    from ml.photos.decode import PhotoLimits

_CACHED_FEATURES, _CACHED_PIXELS = 2000, 64
"""Photos whose features and pixels are cached: 70 MB and up to 20 MB."""


class PhotoComparer:
    """Compares photos by their bytes, with a cache of recent photos' features. Not thread-safe."""

    def __init__(self, read: Callable[[str], bytes], limits: PhotoLimits = DEFAULT_LIMITS) -> None:
        """Read a photo's bytes with `read`, which takes the SHA-256."""
        self._read, self._limits = read, limits
        self._features: OrderedDict[str, LocalFeatures] = OrderedDict()
        self._pixels = lru_cache(_CACHED_PIXELS)(self._read_pixels)

    def compare(self, sha256: str, other_sha256: str) -> CopyMatch | None:
        """Return how two photos are copies of each other, or None if they are not.

        Raises:
            PhotoError: one of them cannot be decoded or exceeds the limits.
            OSError: one of them is no longer stored, or the store cannot be reached.
        """
        placements = candidate_placements(self._features_of(sha256), self._features_of(other_sha256))
        return compare_pixels(self._pixels(sha256), self._pixels(other_sha256), placements) if placements else None

    def _features_of(self, sha256: str) -> LocalFeatures:
        found = self._features.pop(sha256, None) or extract_features(self._pixels(sha256))
        self._features[sha256] = found
        while len(self._features) > _CACHED_FEATURES:
            self._features.popitem(last=False)
        return found

    def _read_pixels(self, sha256: str) -> NDArray[np.uint8]:
        with decoded(self._read(sha256), self._limits, at_least=COMPARED_SIDE) as picture:
            return resize_for_comparison(picture)
