"""Decides whether one photo is a copy of another: the same picture saved again, or an edited version.

    bytes ─▶ 320-pixel picture ─▶ local features ─▶ candidate placements ─▶ pixel comparison ─▶ verdict

Two photos of one item, or of two items of one model, are not copies, however similar: when aligned, few of their tiles
correlate. The constants were chosen on edits of 100 photos of real listings, on 400 photos with their nearest
neighbours, and on all pairs found among 7,541 photos. `lookalike bench duplicates` measures them on other photos.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

from ml.copies.alignment import estimate_placement, pixel_agreement, stretch_placement
from ml.copies.local_features import match_features

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ml.copies.alignment import PixelAgreement
    from ml.copies.local_features import LocalFeatures


class Verdict(StrEnum):
    """The relation of two photos or listings."""

    IDENTICAL = "identical"
    EDITED = "same photo edited"
    SIMILAR = "similar"


COPY_CANDIDATES = 12
"""Number of nearest photos, by vector, to compare a photo with. For each edit of 250 real photos, at least 99.6 % of
the copies have their original among the ten nearest of 7,541."""

SIMILAR_PROBABILITY = 0.5
"""Minimum probability of the same item, by the model's score map, of a similar listing."""

_MIN_THUMBNAIL_CORRELATION = 0.6
"""Minimum correlation of 16-pixel thumbnails to try placing one whole picture on the other."""

_MIN_SHARE_WHOLE, _MIN_SHARE_PART, _MIN_SHARE_IDENTICAL = 0.6, 2 / 3, 0.95
"""Minimum shares of matching tiles: for a whole picture on a whole picture, for a part, and for identical pictures.
Text across a photo spoils up to 40 % of the tiles. As parts, covers of one game for two consoles (0.65) and two sofas
of one range (0.61) match nearly as well; such pairs never match as wholes."""

_MIN_TILES = 8
"""Minimum tiles with content for a verdict."""

_MIN_SMALLER_COVERED, _MIN_LARGER_COVERED = 0.7, 0.3
"""Minimum overlap, as shares of the smaller and of the larger picture: half a photo is a copy, a shared logo is not."""

_MAX_COLOUR_DIFFERENCE = 16.0
"""Maximum levels: an equal picture in another colour shows another item."""

_MAX_RECOLOURED = 0.02
"""Maximum share of matching tiles in another colour; a render in two colours on an equal background has 0.04."""

_MAX_CHANGED_FOREGROUND = 0.5
"""Maximum share of the item's tiles in another colour: a coloured band over an item on white covers up to half of them.
With 0.4, 11 of 1,680 recognised edits of photos on white are lost."""

_MAX_CHANGED_HUE = 0.5
"""Maximum share of the coloured pixels in another hue."""

_MAX_LEVEL_DIFFERENCE = 8.0
"""Maximum levels between tiles of identical pictures; saving again shifts the means of tiles by 1 to 4."""

_MAX_SHAPE_DIFFERENCE = 0.02
"""Maximum relative difference between the aspect ratios of identical pictures; small copies have rounded sides."""


@dataclass(frozen=True, slots=True)
class Placement:
    """A possible placement of one photo on another.

    Attributes:
        affine: float64 (2, 3), the map between their pixels.
        mirrored: whether the photo is mirrored first.
        whole: whether the whole photo is stretched over the whole other photo.
    """

    affine: NDArray[np.float64]
    mirrored: bool
    whole: bool


@dataclass(frozen=True, slots=True)
class CopyMatch:
    """A copy: `verdict` is `identical` or `same photo edited`; `score` is the share of matching tiles, 0 to 1."""

    verdict: Verdict
    score: float


def candidate_placements(one: LocalFeatures, other: LocalFeatures) -> list[Placement]:
    """Return the possible placements of `one` on `other`; nearly always none for different photos.

    Needs no pixels and takes a millisecond.
    """
    placements = []
    for mirrored, features in ((False, one), (True, one.mirrored())):
        if float((features.thumbnail * other.thumbnail).sum()) > _MIN_THUMBNAIL_CORRELATION:
            placements.append(Placement(stretch_placement(one.size, other.size), mirrored, whole=True))
        affine = estimate_placement(features, other, match_features(features, other))
        if affine is not None:
            placements.append(Placement(affine, mirrored, whole=False))
    return placements


def compare_pixels(
    one: NDArray[np.uint8], other: NDArray[np.uint8], placements: Sequence[Placement]
) -> CopyMatch | None:
    """Compare the pixels of two photos, uint8 (h, w, 3), in each placement; None if the photos are not copies."""
    copies = []
    for placement in placements:
        pixels = np.ascontiguousarray(one[:, ::-1]) if placement.mirrored else one
        agreement = pixel_agreement(pixels, other, placement.affine)
        if placement.whole and not placement.mirrored and _is_identical(one, other, agreement):
            return CopyMatch(Verdict.IDENTICAL, agreement.share)
        if _is_edited(agreement, min_share=_MIN_SHARE_WHOLE if placement.whole else _MIN_SHARE_PART):
            copies.append(CopyMatch(Verdict.EDITED, agreement.share))
    return max(copies, key=lambda copy: copy.score, default=None)


def _is_identical(one: NDArray[np.uint8], other: NDArray[np.uint8], agreement: PixelAgreement) -> bool:
    proportions = [pixels.shape[1] / pixels.shape[0] for pixels in (one, other)]
    return (
        max(proportions) / min(proportions) < 1 + _MAX_SHAPE_DIFFERENCE
        and agreement.tiles >= _MIN_TILES
        and agreement.share >= _MIN_SHARE_IDENTICAL
        and agreement.max_level_difference <= _MAX_LEVEL_DIFFERENCE
    )


def _is_edited(agreement: PixelAgreement, *, min_share: float) -> bool:
    return (
        agreement.tiles >= _MIN_TILES
        and agreement.share >= min_share
        and agreement.smaller_covered >= _MIN_SMALLER_COVERED
        and agreement.larger_covered >= _MIN_LARGER_COVERED
        and agreement.colour_difference <= _MAX_COLOUR_DIFFERENCE
        and agreement.recoloured <= _MAX_RECOLOURED
        and agreement.changed_foreground <= _MAX_CHANGED_FOREGROUND
        and agreement.changed_hue <= _MAX_CHANGED_HUE
    )
