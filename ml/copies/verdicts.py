"""Whether two photos are one photo: the same file, the same picture saved again, or one edited from the other.

    bytes ─▶ picture of 320 pixels ─▶ features ─▶ ways in which one may lie on the other ─▶ pixels compared ─▶ verdict

Two photos of one item, or photos of two items of one model, are no copies, however alike they look: laid over each
other, few of their tiles correlate. The constants were chosen on edits of a hundred photos of real listings, on 400
photos with those nearest to them, and on the pairs found among all 7,541; `lookalike bench duplicates` measures with
others, and prints what they achieve.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

from ml.copies.alignment import agreement, placement, whole_on_whole
from ml.copies.local_features import match_features

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ml.copies.alignment import PixelAgreement
    from ml.copies.local_features import LocalFeatures


class Verdict(StrEnum):
    """How two photos are related."""

    IDENTICAL = "identical"
    EDITED = "same photo edited"
    SIMILAR = "similar"


COPY_CANDIDATES = 12
"""Photos, those nearest by their vectors, that one is compared with. Of copies made of 250 real photos by each edit,
99.6 % and more had their original among the ten nearest of 7,541."""

SIMILAR_PROBABILITY = 0.5
"""Probability of the same item, by the model's score map, from which a listing is called similar."""

_THUMBNAILS_ALIKE = 0.6
"""Correlation of two pictures of 16 pixels from which it is tried to lay one on the whole of the other."""

_ALIKE_WHOLE, _ALIKE_PART, _ALIKE_IDENTICAL = 0.6, 2 / 3, 0.95
"""Shares of tiles that must show the same, where the whole of one lies on the whole of the other, where a part does,
and of identical pictures. Text written across a photo spoils up to 40 % of the tiles. Of parts, covers of one game for
two consoles (0.65) and two sofas of one range (0.61) agree nearly as well; nothing of the kind has one frame."""

_FEWEST_TILES = 8
"""On fewer tiles with something in them no verdict rests."""

_COVERED, _OF_LARGER = 0.7, 0.3
"""What must be covered of the smaller, and of the larger picture: half of a photo is a copy, a logo in it is not."""

_COLOUR = 16.0
"""Levels: the same picture of an item in another colour is another item's."""

_RECOLOURED = 0.02
"""Share of the tiles that show the same, in another colour, from which an item has one: a render in two colours, on a
ground that is the same, has 0.04."""

_SAME_LEVEL = 8.0
"""Levels that no tile's colour may differ by in identical pictures: re-encoding moves the means of tiles by 1 to 4."""

_SAME_SHAPE = 0.02
"""Part by which the proportions of identical pictures may differ: small copies have rounded sides."""


@dataclass(frozen=True, slots=True)
class Placement:
    """A way in which one photo may lie on another: the map, (2, 3), of its pixels, mirrored first or not."""

    placed: NDArray[np.float64]
    mirrored: bool
    whole: bool


@dataclass(frozen=True, slots=True)
class CopyMatch:
    """A verdict, `identical` or `same photo edited`, and the share of the tiles that show the same, 0 to 1."""

    verdict: Verdict
    score: float


def candidate_placements(one: LocalFeatures, other: LocalFeatures) -> list[Placement]:
    """Return the ways in which `one` may lie on `other`; none where they are different photos, nearly always.

    It needs no pixels and takes a millisecond.
    """
    ways = []
    for mirrored, shown in ((False, one), (True, one.mirrored())):
        if float((shown.thumbnail * other.thumbnail).sum()) > _THUMBNAILS_ALIKE:
            ways.append(Placement(whole_on_whole(one.size, other.size), mirrored, whole=True))
        placed = placement(shown, other, match_features(shown, other))
        if placed is not None:
            ways.append(Placement(placed, mirrored, whole=False))
    return ways


def compare_pixels(one: NDArray[np.uint8], other: NDArray[np.uint8], ways: Sequence[Placement]) -> CopyMatch | None:
    """Compare the pixels of two photos, uint8 (h, w, 3), in each placement; None if the photos are not copies."""
    found = []
    for way in ways:
        shown = np.ascontiguousarray(one[:, ::-1]) if way.mirrored else one
        agreed = agreement(shown, other, way.placed)
        if way.whole and not way.mirrored and _is_identical(one, other, agreed):
            return CopyMatch(Verdict.IDENTICAL, agreed.share)
        if _is_edited(agreed, _ALIKE_WHOLE if way.whole else _ALIKE_PART):
            found.append(CopyMatch(Verdict.EDITED, agreed.share))
    return max(found, key=lambda copy: copy.score, default=None)


def _is_identical(one: NDArray[np.uint8], other: NDArray[np.uint8], agreed: PixelAgreement) -> bool:
    proportions = [pixels.shape[1] / pixels.shape[0] for pixels in (one, other)]
    return (
        max(proportions) / min(proportions) < 1 + _SAME_SHAPE
        and agreed.tiles >= _FEWEST_TILES
        and agreed.share >= _ALIKE_IDENTICAL
        and agreed.level <= _SAME_LEVEL
    )


def _is_edited(agreed: PixelAgreement, alike: float) -> bool:
    return (
        agreed.tiles >= _FEWEST_TILES
        and agreed.share >= alike
        and agreed.covered >= _COVERED
        and agreed.of_larger >= _OF_LARGER
        and agreed.colour <= _COLOUR
        and agreed.recoloured <= _RECOLOURED
    )
