"""Whether one picture is a part of another, pixel for pixel: lay it over the other, and compare what lies on what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ml.copies.local_features import LocalFeatures

    Tiles = NDArray[np.float32]
    """A value, or three, per tile: (rows, columns) or (rows, columns, 3)."""

_TILE = 16
"""Side of the squares, in pixels, that are compared one by one, so that what covers a part spoils only that part."""

_BLUR = 1.5
"""Standard deviation in pixels: JPEG's noise and half a pixel of misplacement do not count."""

_INFORMATIVE = 4.0
"""Standard deviation, of 255 levels, from which there is something in a tile to compare."""

_ALIKE = 0.9
"""Correlation from which two tiles show the same."""

_OTHER_COLOUR, _UNEVEN = 40.0, 3.0
"""How a tile differs where a thing has another colour: by so many levels, brightness being made equal, and by so many
times as much contrast in one of red, green and blue as in another. A coloured overlay leaves contrasts in proportion:
of 50 photos with a half-transparent band, 49 and 50 stay copies, where at 1.5 it was 36 to 45. A thing that is plain
has no contrast to go by."""

_CLIPPED = 240.0
"""Levels from which a photo that is made brighter loses what is above white, one colour before the others."""

_INSIDE = 0.9
"""Share of a tile that the other picture must cover for it to be compared."""

_OFF = 2.0
"""Pixels that a matched point may lie beside its place (RANSAC, Fischler and Bolles 1981)."""

_FEWEST = 5
"""Points that must agree on a placement; two define one."""

_TURNED = 0.02
"""Radians, about one degree."""

_SCALED = 4.0
"""A copy is at most so many times as large, or as small, when both have been brought to one size."""


@dataclass(frozen=True, slots=True)
class PixelAgreement:
    """How far two pictures agree where one lies on the other.

    Attributes:
        share: of the tiles with something in them, those that show the same; 0 to 1.
        tiles: how many had something in them.
        covered: the share of the smaller picture (as it lies) that lies on the larger one; 0 to 1.
        of_larger: the share of the larger picture that is covered; 0 to 1.
        colour: the median difference in colour between tiles, brightness being made equal, of 255 levels.
        recoloured: of the tiles that show the same, the share that does so in another colour; 0 to 1.
        level: the largest difference of a tile's mean colour, of 255 levels.
    """

    share: float
    tiles: int
    covered: float
    of_larger: float
    colour: float
    recoloured: float
    level: float


def placement(one: LocalFeatures, other: LocalFeatures, matched: NDArray[np.int64]) -> NDArray[np.float64] | None:
    """Return the map, (2, 3), of `one`'s pixels to `other`'s that most matches agree on: scaled and moved, not turned.

    None where too few agree, or they agree on another kind of map: two photos of one flat thing are turned against
    each other at least a little, copies are not.
    """
    if len(matched) < _FEWEST:
        return None
    cv2.setRNGSeed(0)  # the same pictures get the same verdict
    start, end = one.places[matched[:, 0]], other.places[matched[:, 1]]
    found, inliers = cv2.estimateAffinePartial2D(start, end, ransacReprojThreshold=_OFF, maxIters=1000)
    if found is None or abs(np.arctan2(found[1, 0], found[0, 0])) > _TURNED:
        return None
    near = inliers[:, 0].astype(bool)
    return _scaled_and_moved(start[near], end[near]) if near.sum() >= _FEWEST else None


def _scaled_and_moved(start: NDArray[np.float32], end: NDArray[np.float32]) -> NDArray[np.float64] | None:
    """Return the map, (2, 3), that brings points (n, 2) nearest to others by one scale for both axes and a shift."""
    middle, goal = start.mean(axis=0), end.mean(axis=0)
    scale = float(((start - middle) * (end - goal)).sum() / max(float(((start - middle) ** 2).sum()), 1e-6))
    if not 1 / _SCALED < scale < _SCALED:
        return None
    left, top = goal - scale * middle
    return np.array([[scale, 0, left], [0, scale, top]], np.float64)


def whole_on_whole(one: tuple[int, int], other: tuple[int, int]) -> NDArray[np.float64]:
    """Return the map, (2, 3), that stretches a picture of one width and height over one of another."""
    across, down = other[0] / one[0], other[1] / one[1]
    return np.array([[across, 0, (across - 1) / 2], [0, down, (down - 1) / 2]], np.float64)


def agreement(one: NDArray[np.uint8], other: NDArray[np.uint8], placed: NDArray[np.float64]) -> PixelAgreement:
    """Lay `one` on `other`, both uint8 (h, w, 3), as `placed` says, (2, 3), and compare."""
    height, width = other.shape[:2]
    laid = cv2.warpAffine(one, placed, (width, height), flags=cv2.INTER_LINEAR)
    mask = cv2.warpAffine(np.full(one.shape[:2], 255, np.uint8), placed, (width, height)) > 127
    inside = _tiles(mask.astype(np.float32)) > _INSIDE
    areas = sorted((float(placed[0, 0] * placed[1, 1]) * one.shape[0] * one.shape[1], float(mask.size)))
    left, right = (np.asarray(cv2.GaussianBlur(picture, (0, 0), _BLUR), np.float32) for picture in (laid, other))
    correlation, informative = _correlated(left, right)
    asked = inside & informative
    same = asked & (correlation > _ALIKE)
    colours = _tiles(left), _tiles(right)
    apart = _apart(*colours, inside)
    uneven = _uneven(_deviations(left, colours[0]), _deviations(right, colours[1]))
    recoloured = same & (apart > _OTHER_COLOUR) & uneven & (np.maximum(*colours).max(axis=2) < _CLIPPED)
    return PixelAgreement(
        share=float(same.sum() / asked.sum()) if asked.any() else 0.0,
        tiles=int(asked.sum()),
        covered=min(1.0, float(mask.sum()) / areas[0]),
        of_larger=min(1.0, float(mask.sum()) / areas[1]),
        colour=float(np.median(apart[inside])) if inside.any() else 255.0,
        recoloured=float(recoloured.sum() / same.sum()) if same.any() else 0.0,
        level=float(np.abs(colours[0] - colours[1])[inside].max()) if inside.any() else 255.0,
    )


def _correlated(left: NDArray[np.float32], right: NDArray[np.float32]) -> tuple[Tiles, NDArray[np.bool_]]:
    """Return the correlation of luminance per tile, and whether there is something in the tile of either."""
    a, b = (np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.float32) for picture in (left, right))
    mean_a, mean_b = _tiles(a), _tiles(b)
    deviation_a, deviation_b = _deviations(a, mean_a), _deviations(b, mean_b)
    together = _tiles(a * b) - mean_a * mean_b
    return together / np.maximum(deviation_a * deviation_b, 1.0), np.maximum(deviation_a, deviation_b) > _INFORMATIVE


def _apart(left: Tiles, right: Tiles, inside: NDArray[np.bool_]) -> Tiles:
    """Return how far the tiles' mean colours are apart, (rows, columns), of 255 levels, without the brightness.

    The brightness is made equal by those inside. What is left of it in a single tile is not counted.
    """
    ratios = left[inside].sum(axis=1) / np.maximum(right[inside].sum(axis=1), 1.0)
    difference = left - (np.median(ratios) if len(ratios) else 1.0) * right
    return np.asarray(np.abs(difference - difference.mean(axis=2, keepdims=True)).max(axis=2), np.float32)


def _uneven(left: Tiles, right: Tiles) -> NDArray[np.bool_]:
    """Return in which tiles, by their deviations, one colour's contrast has changed more than another's."""
    changes = (left + 1) / (right + 1)
    return np.asarray(changes.max(axis=2) > _UNEVEN * changes.min(axis=2))


def _deviations(values: NDArray[np.float32], means: Tiles) -> Tiles:
    """Return the standard deviations of the tiles, whose means are known."""
    return np.asarray(np.sqrt(np.maximum(_tiles(values * values) - means**2, 0)), np.float32)


def _tiles(values: NDArray[np.float32]) -> Tiles:
    """Return the means of the tiles of (h, w) or (h, w, 3)."""
    height, width = (max(1, side // _TILE) for side in values.shape[:2])
    return np.asarray(cv2.resize(values, (width, height), interpolation=cv2.INTER_AREA), np.float32)
