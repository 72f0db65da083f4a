"""Local features: points of a picture that are found again in a copy which was cropped, scaled or written over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from numpy.typing import NDArray

cv2.setNumThreads(1)
# Photos are compared in the background: no picture of this size is worth a second core. Nothing else uses OpenCV.

COMPARED_SIDE = 320
"""Pixels of the longer side at which pictures are compared, whatever size they have."""

_SEARCHED_SIDE = 192
"""Pixels of the longer side at which points are looked for: 7 ms a photo, not the 33 ms of 320."""

_POINTS = 250
"""Of a picture at most: the strongest."""

_CONTRAST = 0.02
"""Half of what Lowe proposes: photos of plain items in poor light have few points otherwise."""

_RATIO = 0.8
"""A match counts where the second nearest is so much further off (Lowe 2004, section 7.1)."""

_THUMBNAIL = 16


@dataclass(frozen=True, slots=True)
class LocalFeatures:
    """What is kept of a picture to compare it with others: 35 kB at most.

    Attributes:
        size: width and height in pixels; the longer is `COMPARED_SIDE`.
        places: float32 (n, 2), x and y in pixels of that size.
        described: uint8 (n, 128), SIFT's histograms of gradients: 4 rows and 4 columns of 8 directions.
        thumbnail: float32 (16, 16), the whole's luminance with mean 0 and norm 1; all 0 where it is even.
    """

    size: tuple[int, int]
    places: NDArray[np.float32]
    described: NDArray[np.uint8]
    thumbnail: NDArray[np.float32]

    def mirrored(self) -> LocalFeatures:
        """Return the features of the mirror image (left and right exchanged).

        Seen along a point's own direction, the mirror exchanges the sides of the patch and the sense of rotation.
        """
        places = self.places.copy()
        places[:, 0] = self.size[0] - 1 - places[:, 0]
        histograms = self.described.reshape(-1, 4, 4, 8)[:, ::-1, :, _OTHER_SENSE]
        return LocalFeatures(self.size, places, histograms.reshape(-1, 128), self.thumbnail[:, ::-1])


_OTHER_SENSE = (-np.arange(8)) % 8


def resize_for_comparison(picture: Image.Image) -> NDArray[np.uint8]:
    """Return an RGB picture with a longer side of `COMPARED_SIDE`, larger or smaller than it was: uint8 (h, w, 3)."""
    factor = COMPARED_SIDE / max(picture.size)
    if factor == 1:
        return np.asarray(picture)
    width, height = (max(1, round(side * factor)) for side in picture.size)
    return np.asarray(picture.resize((width, height), Image.Resampling.BICUBIC, reducing_gap=2.0))


def extract_features(pixels: NDArray[np.uint8]) -> LocalFeatures:
    """Find the points of a picture, (h, w, 3), that `resize_for_comparison` made.

    SIFT (Lowe 2004, doi:10.1023/B:VISI.0000029664.99615.94).
    """
    height, width = pixels.shape[:2]
    grey = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), np.uint8)
    factor = _SEARCHED_SIDE / COMPARED_SIDE
    small = cv2.resize(
        grey, (max(1, round(width * factor)), max(1, round(height * factor))), interpolation=cv2.INTER_AREA
    )
    sift = cv2.SIFT.create(nfeatures=_POINTS, contrastThreshold=_CONTRAST)
    found, described = sift.detectAndCompute(small, None)
    places = np.array([one.pt for one in found], np.float32).reshape(-1, 2)
    # The middle of the first pixel is at (0, 0) in both sizes' coordinates.
    places = (places + 0.5) * (np.array([width, height], np.float32) / small.shape[::-1]) - 0.5
    histograms = np.zeros((0, 128), np.uint8) if described is None else described.astype(np.uint8)
    return LocalFeatures((width, height), places.astype(np.float32), histograms, _thumbnail(grey))


def match_features(one: LocalFeatures, other: LocalFeatures) -> NDArray[np.int64]:
    """Return the rows of points that resemble each other and no further point: int64 (m, 2), each of them once.

    Compared by the Hellinger kernel (Arandjelović and Zisserman 2012, "Three things everyone should know to improve
    object retrieval"), by OpenCV and not numpy, whose threads cost ten times the processor on matrices of this size.
    """
    if len(one.places) < 2 or len(other.places) < 2:
        return np.empty((0, 2), np.int64)
    distances, nearest = cv2.batchDistance(_root_sift(one.described), _root_sift(other.described), cv2.CV_32F, K=2)
    rows = np.flatnonzero(distances[:, 0] < _RATIO * distances[:, 1])
    rows = rows[np.argsort(distances[rows, 0], kind="stable")]
    _, firsts = np.unique(nearest[rows, 0], return_index=True)  # of several with one nearest, the nearest of them
    return np.stack([rows[firsts], nearest[rows[firsts], 0]], axis=1).astype(np.int64)


def _root_sift(described: NDArray[np.uint8]) -> NDArray[np.float32]:
    histograms = described.astype(np.float32)
    return np.asarray(np.sqrt(histograms / np.maximum(histograms.sum(axis=1, keepdims=True), 1)))


def _thumbnail(grey: NDArray[np.uint8]) -> NDArray[np.float32]:
    small = cv2.resize(grey, (_THUMBNAIL, _THUMBNAIL), interpolation=cv2.INTER_AREA).astype(np.float32)
    small -= small.mean()
    return np.asarray(small / max(float(np.linalg.norm(small)), 1.0), np.float32)
