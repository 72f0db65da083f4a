"""Aligns two pictures and compares their pixels, to tell whether one shows a part of the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ml.copies.local_features import LocalFeatures

    Tiles = NDArray[np.float32]
    """One or three values per tile: (rows, columns) or (rows, columns, 3)."""

_TILE = 16
"""Side of a tile in pixels. Tiles are compared one by one, so that a cover affects only the tiles under it."""

_BLUR = 1.5
"""Standard deviation in pixels; hides JPEG noise and misalignment by half a pixel."""

_MIN_CONTRAST = 4.0
"""Minimum standard deviation, of 255 levels, of a tile that has content to compare."""

_MIN_CORRELATION = 0.9
"""Minimum correlation of two tiles that show the same."""

_OTHER_COLOUR, _OTHER_CONTRAST = 40.0, 3.0
"""A tile shows the same thing in another colour if it differs by this many levels, at equal brightness, and if one of
red, green and blue changes its contrast this many times as much as another. A coloured overlay keeps the contrasts in
proportion: with 3.0, 49 and 50 of 50 photos with a half-transparent band stay copies; with 1.5, 36 to 45. A plain
thing has no contrast to judge by."""

_CLIPPED = 240.0
"""Level from which brightening a photo clips one colour before the others."""

_BLANK, _FOREGROUND_COLOUR, _MAX_GAIN = 8.0, 24.0, 1.5
"""A tile without content whose colours differ by at most 8 levels is blank: both show one background. Any other
tile has changed its colour if the pictures differ there by more than 24 levels after its brightness is equalised, by at
most 1.5 times the gain of the whole picture: brightening clips a white background, not the item. Of 780 pairs of drawn
mugs of one shape on white, 211 match without this test and 51 with it; all 3,271 recognised edits of 170 real photos,
90 of them on white, still match. With 16 levels two of these edits are lost; with 32 levels 75 pairs match."""

_COLOURED, _OTHER_HUE = 20.0, 25.0
"""A pixel of at least this chroma in both pictures (CIELAB, 0 to about 130) has another hue if its hue angle differs by
more than this many degrees; white balance turns the hue of paler pixels. Of 90 real photos whose hues are turned by -40
degrees, compared both ways, 148 of 180 match without this test and 62 with it; no recognised edit of them is lost. With
20 degrees, three white balances and sepia tones are."""

_MIN_COLOURED = 0.005
"""Minimum share of coloured pixels to judge the hue by; fewer are JPEG noise at edges."""

_MAX_BAND = 0.25
"""An overlay may lie over this much of the width or the height: hues that change only there are no other item."""

_MIN_COVER = 0.9
"""Minimum share of a tile that the other picture must cover for the tile to be compared."""

_MAX_OFFSET = 2.0
"""Maximum distance in pixels of a matched point from its predicted place (RANSAC, Fischler and Bolles 1981)."""

_MIN_POINTS = 5
"""Minimum points that agree on a placement; two define one."""

_MAX_ROTATION = 0.02
"""Radians, about one degree."""

_MAX_SCALE = 4.0
"""Maximum scale, up or down, of a copy after both pictures are resized for comparison."""


@dataclass(frozen=True, slots=True)
class PixelAgreement:
    """Agreement of two aligned pictures.

    Attributes:
        share: share of the tiles with content that show the same; 0 to 1.
        tiles: number of tiles with content.
        smaller_covered: share of the smaller picture, as placed, that overlaps the larger one; 0 to 1.
        larger_covered: share of the larger picture that overlaps; 0 to 1.
        colour_difference: median colour difference between tiles, at equal brightness, of 255 levels.
        recoloured: share of the tiles that show the same which have another colour; 0 to 1.
        changed_foreground: share of the tiles that are not blank background which have another colour, with content or
            without; 0 to 1. A plain item on white is mostly tiles without content.
        changed_hue: share of the pixels coloured in both pictures which have another hue; 0 to 1. 0 where a tint or an
            overlay explains the change.
        max_level_difference: largest difference of a tile's mean colour, of 255 levels.
    """

    share: float
    tiles: int
    smaller_covered: float
    larger_covered: float
    colour_difference: float
    recoloured: float
    changed_foreground: float
    changed_hue: float
    max_level_difference: float


def estimate_placement(
    one: LocalFeatures, other: LocalFeatures, matched: NDArray[np.int64]
) -> NDArray[np.float64] | None:
    """Return the affine map, (2, 3), from `one`'s pixels to `other`'s that most matches agree on: a scale and a shift.

    None if too few matches agree, or if they agree on a rotation: two photos of one flat thing are always rotated a
    little against each other, but copies are not.
    """
    if len(matched) < _MIN_POINTS:
        return None
    cv2.setRNGSeed(0)  # makes the verdict deterministic
    start, end = one.points[matched[:, 0]], other.points[matched[:, 1]]
    affine, inliers = cv2.estimateAffinePartial2D(start, end, ransacReprojThreshold=_MAX_OFFSET, maxIters=1000)
    if affine is None or abs(np.arctan2(affine[1, 0], affine[0, 0])) > _MAX_ROTATION:
        return None
    agree = inliers[:, 0].astype(bool)
    return _fit_scale_and_shift(start[agree], end[agree]) if agree.sum() >= _MIN_POINTS else None


def _fit_scale_and_shift(start: NDArray[np.float32], end: NDArray[np.float32]) -> NDArray[np.float64] | None:
    """Return the least-squares map, (2, 3), between points (n, 2): one scale for both axes, and a shift."""
    start_mean, end_mean = start.mean(axis=0), end.mean(axis=0)
    centred = start - start_mean
    scale = float((centred * (end - end_mean)).sum() / max(float((centred**2).sum()), 1e-6))
    if not 1 / _MAX_SCALE < scale < _MAX_SCALE:
        return None
    left, top = end_mean - scale * start_mean
    return np.array([[scale, 0, left], [0, scale, top]], np.float64)


def stretch_placement(one: tuple[int, int], other: tuple[int, int]) -> NDArray[np.float64]:
    """Return the map, (2, 3), that stretches a picture of size `one` (width, height) over a picture of size `other`."""
    across, down = other[0] / one[0], other[1] / one[1]
    return np.array([[across, 0, (across - 1) / 2], [0, down, (down - 1) / 2]], np.float64)


def pixel_agreement(one: NDArray[np.uint8], other: NDArray[np.uint8], placement: NDArray[np.float64]) -> PixelAgreement:
    """Place `one` on `other`, both uint8 (h, w, 3), by the map `placement`, (2, 3), and compare them."""
    height, width = other.shape[:2]
    placed = cv2.warpAffine(one, placement, (width, height), flags=cv2.INTER_LINEAR)
    mask = cv2.warpAffine(np.full(one.shape[:2], 255, np.uint8), placement, (width, height)) > 127
    inside = _tiles(mask.astype(np.float32)) > _MIN_COVER
    areas = sorted((float(placement[0, 0] * placement[1, 1]) * one.shape[0] * one.shape[1], float(mask.size)))
    left, right = (np.asarray(cv2.GaussianBlur(picture, (0, 0), _BLUR), np.float32) for picture in (placed, other))
    correlation, has_content = _correlate(left, right)
    compared = inside & has_content
    same = compared & (correlation > _MIN_CORRELATION)
    colours = _tiles(left), _tiles(right)
    difference = _colour_difference(*colours, inside)
    other_contrast = _has_other_contrast(_deviations(left, colours[0]), _deviations(right, colours[1]))
    unclipped = np.maximum(*colours).max(axis=2) < _CLIPPED
    recoloured = same & (difference > _OTHER_COLOUR) & other_contrast & unclipped
    return PixelAgreement(
        share=float(same.sum() / compared.sum()) if compared.any() else 0.0,
        tiles=int(compared.sum()),
        smaller_covered=min(1.0, float(mask.sum()) / areas[0]),
        larger_covered=min(1.0, float(mask.sum()) / areas[1]),
        colour_difference=float(np.median(difference[inside])) if inside.any() else 255.0,
        recoloured=float(recoloured.sum() / same.sum()) if same.any() else 0.0,
        changed_foreground=_changed_foreground(*colours, inside, has_content=has_content),
        changed_hue=_changed_hue(left, right, mask),
        max_level_difference=float(np.abs(colours[0] - colours[1])[inside].max()) if inside.any() else 255.0,
    )


def _correlate(left: NDArray[np.float32], right: NDArray[np.float32]) -> tuple[Tiles, NDArray[np.bool_]]:
    """Return each tile's correlation of luminance, and whether either picture has content in the tile."""
    a, b = (np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.float32) for picture in (left, right))
    mean_a, mean_b = _tiles(a), _tiles(b)
    deviation_a, deviation_b = _deviations(a, mean_a), _deviations(b, mean_b)
    covariance = _tiles(a * b) - mean_a * mean_b
    has_content = np.maximum(deviation_a, deviation_b) > _MIN_CONTRAST
    return covariance / np.maximum(deviation_a * deviation_b, 1.0), has_content


def _colour_difference(left: Tiles, right: Tiles, inside: NDArray[np.bool_]) -> Tiles:
    """Return the difference of the tiles' mean colours at equal brightness, (rows, columns), of 255 levels.

    Equalises the brightness by the tiles inside, and ignores a tile's remaining difference of brightness.
    """
    difference = left - _gain(left, right, inside) * right
    return np.asarray(np.abs(difference - difference.mean(axis=2, keepdims=True)).max(axis=2), np.float32)


def _changed_foreground(
    left: Tiles, right: Tiles, inside: NDArray[np.bool_], *, has_content: NDArray[np.bool_]
) -> float:
    """Return the share of the tiles inside, without blank background, whose mean colours differ; see `_BLANK`."""
    gain = _gain(left, right, inside)
    own_gain = (left * right).sum(axis=2) / np.maximum((right * right).sum(axis=2), 1.0)
    equalised = np.clip(own_gain, gain / _MAX_GAIN, gain * _MAX_GAIN)[..., None] * right
    difference, raw_difference = (np.abs(left - other).max(axis=2) for other in (gain * right, right))
    foreground = inside & (has_content | (np.minimum(difference, raw_difference) > _BLANK))
    changed = foreground & (np.abs(left - equalised).max(axis=2) > _FOREGROUND_COLOUR)
    return float(changed.sum() / foreground.sum()) if foreground.any() else 0.0


def _changed_hue(left: NDArray[np.float32], right: NDArray[np.float32], mask: NDArray[np.bool_]) -> float:
    """Return the share of the coloured pixels of `mask`, (h, w), that have another hue.

    A change that colours half as many grey pixels is a tint or an overlay, and a narrow band of it is an overlay: both
    give 0. Greyscale copies have no coloured pixels.
    """
    a, b = (cv2.cvtColor(picture / 255, cv2.COLOR_RGB2LAB)[..., 1:] for picture in (left, right))
    chroma_a, chroma_b = (np.hypot(picture[..., 0], picture[..., 1]) for picture in (a, b))
    least, most = np.minimum(chroma_a, chroma_b), np.maximum(chroma_a, chroma_b)
    coloured = mask & (least > _COLOURED)
    if coloured.sum() <= _MIN_COLOURED * mask.sum():
        return 0.0
    changed = coloured & ((a * b).sum(axis=2) < chroma_a * chroma_b * np.cos(np.radians(_OTHER_HUE)))
    tinted = mask & (most > 0.75 * _COLOURED) & (least < 0.5 * _COLOURED)
    if 2 * tinted.sum() >= changed.sum() or _is_narrow(changed):
        return 0.0
    return float(changed.sum() / coloured.sum())


def _is_narrow(region: NDArray[np.bool_]) -> bool:
    """Return whether nine of ten pixels of a region, (h, w), lie within a narrow band of rows or columns."""
    extents = (np.subtract(*np.percentile(places, (95, 5))) for places in np.nonzero(region))
    return any(extent < _MAX_BAND * side for extent, side in zip(extents, region.shape, strict=True))


def _gain(left: Tiles, right: Tiles, inside: NDArray[np.bool_]) -> float:
    """Return the median ratio of the brightness of the tiles inside; 1 if there are none."""
    ratios = left[inside].sum(axis=1) / np.maximum(right[inside].sum(axis=1), 1.0)
    return float(np.median(ratios)) if len(ratios) else 1.0


def _has_other_contrast(left: Tiles, right: Tiles) -> NDArray[np.bool_]:
    """Return the tiles in which one colour's standard deviation has changed much more than another's."""
    changes = (left + 1) / (right + 1)
    return np.asarray(changes.max(axis=2) > _OTHER_CONTRAST * changes.min(axis=2))


def _deviations(values: NDArray[np.float32], means: Tiles) -> Tiles:
    """Return the tiles' standard deviations, given their means."""
    return np.asarray(np.sqrt(np.maximum(_tiles(values * values) - means**2, 0)), np.float32)


def _tiles(values: NDArray[np.float32]) -> Tiles:
    """Return the tiles' means, of values (h, w) or (h, w, 3)."""
    height, width = (max(1, side // _TILE) for side in values.shape[:2])
    return np.asarray(cv2.resize(values, (width, height), interpolation=cv2.INTER_AREA), np.float32)
