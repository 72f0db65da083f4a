"""Local features: points that reappear in cropped, scaled or partly covered copies of a picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Photos are compared in the background, and pictures of this size do not need a second core. Nothing else uses OpenCV.
cv2.setNumThreads(1)

COMPARED_SIDE = 320
"""Pixels of the longer side to which pictures are resized for comparison."""

_DETECTION_SIDE = 192
"""Pixels of the longer side for detecting points: 7 ms a photo; at 320 pixels, 33 ms."""

_MAX_POINTS = 250
"""Maximum points of a picture; the strongest are kept."""

_MIN_CONTRAST = 0.02
"""Half of Lowe's value, since photos of plain items in poor light have few points otherwise."""

_MAX_RATIO = 0.8
"""Maximum ratio of the nearest to the second nearest distance of a match (Lowe 2004, section 7.1)."""

_THUMBNAIL = 16


@dataclass(frozen=True, slots=True)
class LocalFeatures:
    """The features of a picture, for comparing it with others; at most 35 kB.

    Attributes:
        size: width and height in pixels; the longer side is `COMPARED_SIDE`.
        points: float32 (n, 2), x and y in pixels of that size.
        descriptors: uint8 (n, 128), SIFT's gradient histograms: 4 rows and 4 columns of 8 directions.
        thumbnail: float32 (16, 16), luminance with mean 0 and norm 1; all 0 for a uniform picture.
    """

    size: tuple[int, int]
    points: NDArray[np.float32]
    descriptors: NDArray[np.uint8]
    thumbnail: NDArray[np.float32]

    def mirrored(self) -> LocalFeatures:
        """Return the features of the mirror image (left and right exchanged).

        In a point's own orientation, mirroring exchanges the sides of the patch and reverses the sense of rotation.
        """
        points = self.points.copy()
        points[:, 0] = self.size[0] - 1 - points[:, 0]
        histograms = self.descriptors.reshape(-1, 4, 4, 8)[:, ::-1, :, _REVERSED_DIRECTIONS]
        return LocalFeatures(self.size, points, histograms.reshape(-1, 128), self.thumbnail[:, ::-1])


_REVERSED_DIRECTIONS = (-np.arange(8)) % 8


def resize_for_comparison(picture: Image.Image) -> NDArray[np.uint8]:
    """Resize an RGB picture to a longer side of `COMPARED_SIDE`: uint8 (h, w, 3)."""
    factor = COMPARED_SIDE / max(picture.size)
    if factor == 1:
        return np.asarray(picture)
    width, height = (max(1, round(side * factor)) for side in picture.size)
    return np.asarray(picture.resize((width, height), Image.Resampling.BICUBIC, reducing_gap=2.0))


def extract_features(pixels: NDArray[np.uint8]) -> LocalFeatures:
    """Extract the features of a picture, (h, w, 3), resized by `resize_for_comparison`.

    Uses SIFT (Lowe 2004, doi:10.1023/B:VISI.0000029664.99615.94).
    """
    height, width = pixels.shape[:2]
    grey = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), np.uint8)
    factor = _DETECTION_SIDE / COMPARED_SIDE
    small = cv2.resize(
        grey, (max(1, round(width * factor)), max(1, round(height * factor))), interpolation=cv2.INTER_AREA
    )
    sift = cv2.SIFT.create(nfeatures=_MAX_POINTS, contrastThreshold=_MIN_CONTRAST)
    keypoints, descriptors = sift.detectAndCompute(small, None)
    points = np.array([keypoint.pt for keypoint in keypoints], np.float32).reshape(-1, 2)
    # In both sizes, (0, 0) is the centre of the first pixel.
    points = (points + 0.5) * (np.array([width, height], np.float32) / small.shape[::-1]) - 0.5
    histograms = np.zeros((0, 128), np.uint8) if descriptors is None else descriptors.astype(np.uint8)
    return LocalFeatures((width, height), points.astype(np.float32), histograms, _thumbnail(grey))


def match_features(one: LocalFeatures, other: LocalFeatures) -> NDArray[np.int64]:
    """Return the rows of points that match each other and no further point: int64 (m, 2), each point at most once.

    Compares by the Hellinger kernel (Arandjelović and Zisserman 2012, "Three things everyone should know to improve
    object retrieval"). Uses OpenCV, since numpy's threads take ten times the processor time on such small matrices.
    """
    if len(one.points) < 2 or len(other.points) < 2:
        return np.empty((0, 2), np.int64)
    distances, nearest = cv2.batchDistance(_root_sift(one.descriptors), _root_sift(other.descriptors), cv2.CV_32F, K=2)
    rows = np.flatnonzero(distances[:, 0] < _MAX_RATIO * distances[:, 1])
    rows = rows[np.argsort(distances[rows, 0], kind="stable")]
    _, firsts = np.unique(nearest[rows, 0], return_index=True)  # the best of several matches to one point
    return np.stack([rows[firsts], nearest[rows[firsts], 0]], axis=1).astype(np.int64)


def _root_sift(descriptors: NDArray[np.uint8]) -> NDArray[np.float32]:
    histograms = descriptors.astype(np.float32)
    return np.asarray(np.sqrt(histograms / np.maximum(histograms.sum(axis=1, keepdims=True), 1)))


def _thumbnail(grey: NDArray[np.uint8]) -> NDArray[np.float32]:
    small = cv2.resize(grey, (_THUMBNAIL, _THUMBNAIL), interpolation=cv2.INTER_AREA).astype(np.float32)
    small -= small.mean()
    return np.asarray(small / max(float(np.linalg.norm(small)), 1.0), np.float32)
