"""Kinds of items, and the look of one item of a kind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from ml.sample.draw import Canvas, Paint, Pattern, Rgb

COLOURS: dict[str, Rgb] = {
    "black": (42, 42, 46),
    "white": (240, 239, 234),
    "grey": (136, 140, 146),
    "red": (205, 38, 42),
    "burgundy": (112, 24, 48),
    "orange": (240, 122, 28),
    "yellow": (246, 204, 46),
    "green": (52, 142, 66),
    "olive": (122, 126, 52),
    "teal": (16, 128, 128),
    "sky blue": (122, 192, 234),
    "blue": (40, 92, 200),
    "navy": (28, 40, 92),
    "purple": (112, 56, 156),
    "lilac": (192, 164, 220),
    "pink": (244, 140, 176),
    "brown": (112, 70, 40),
    "cream": (242, 228, 194),
    "mint": (158, 222, 190),
}
"""The colours of items, distinct enough to tell apart at 64 pixels."""

ADJECTIVES: dict[Pattern, str] = {
    "plain": "",
    "stripes": "striped",
    "hoops": "hooped",
    "spots": "spotted",
    "checks": "checked",
    "zigzags": "zigzag",
    "diamonds": "diamond-patterned",
    "two-tone": "two-tone",
}

ANY_PATTERN: tuple[Pattern, ...] = tuple(ADJECTIVES)
"""For textiles and covers, which come in any pattern."""

SOLID: tuple[Pattern, ...] = ("plain", "two-tone", "hoops")
"""For items of metal and plastic."""

WOOD, METAL, DARK, PALE = (172, 124, 74), (186, 190, 196), (46, 48, 54), (246, 246, 242)


@dataclass(frozen=True, slots=True)
class Look:
    """The look of one item, the same in its two photos.

    Attributes:
        paint: the pattern, in both colours.
        colour, second: the two colours, for parts without a pattern.
        style: one of the kind's styles.
        numbers: four random numbers in [0, 1), for proportions and details.
    """

    paint: Paint
    colour: Rgb
    second: Rgb
    style: str
    numbers: tuple[float, ...]

    def between(self, low: float, high: float, which: int = 0) -> float:
        """Return a proportion in [low, high), by the number at index `which`."""
        return low + (high - low) * self.numbers[which]

    def random(self) -> np.random.Generator:
        """Return a generator seeded by the item, for details such as the brush strokes of a picture."""
        return np.random.default_rng(int(self.numbers[-1] * 2**32))


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of item.

    Attributes:
        name: in titles.
        category: the first level of the category path.
        path: the levels below, separated by " / ".
        prices: lowest and highest, in pounds.
        styles: words before the name in titles; each style is drawn differently.
        draw: draws an item upright onto a canvas.
        details: sentences for descriptions; a description has one of them.
        patterns: the patterns that items of the kind have; a repeated pattern is more frequent.
    """

    name: str
    category: str
    path: str
    prices: tuple[int, int]
    styles: tuple[str, ...]
    draw: Callable[[Canvas, Look], None]
    details: tuple[str, ...]
    patterns: tuple[Pattern, ...] = SOLID
