"""Draws shapes on a square canvas, filled with patterns and shaded so that they look solid.

Coordinates run from 0 to 1, left to right and top to bottom. Colours are RGB, 0 to 255.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
from PIL import Image, ImageDraw

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    Field: TypeAlias = NDArray[np.float32]
    Mask: TypeAlias = NDArray[np.bool_]

Rgb: TypeAlias = tuple[int, int, int]
Point: TypeAlias = tuple[float, float]
Box: TypeAlias = tuple[float, float, float, float]
Pattern: TypeAlias = Literal["plain", "stripes", "hoops", "spots", "checks", "zigzags", "diamonds", "two-tone"]
Light: TypeAlias = Literal["flat", "soft", "round", "ball"]

SIDE = 448
"""Side of a canvas in pixels: twice that of an item in a photo, so that downscaling smooths the edges."""

_OUTLINE = 0.006
"""Width of the dark line around a shape."""

_CURVE_STEPS = 8
"""Corners of a curve between two of its points."""


@dataclass(frozen=True, slots=True)
class Paint:
    """The fill of a shape: a pattern in two colours.

    Attributes:
        colour, second: of the ground and of the pattern.
        scale: number of stripes, spots or checks side by side on the canvas.
        turn: rotation of the pattern, in radians.
    """

    colour: Rgb
    second: Rgb = (255, 255, 255)
    pattern: Pattern = "plain"
    scale: float = 8.0
    turn: float = 0.0

    def pixels(self, x: Field, y: Field) -> Field:
        """Return the colours at the coordinates `x` (1, w) and `y` (h, 1), shape (h, w, 3)."""
        along = (np.cos(self.turn) * x + np.sin(self.turn) * y) * self.scale
        across = (np.cos(self.turn) * y - np.sin(self.turn) * x) * self.scale
        in_second = _PATTERNS[self.pattern](along, across)
        return np.where(in_second[..., None], np.array(self.second, np.float32), np.array(self.colour, np.float32))


def _checks(along: Field, across: Field) -> Mask:
    return np.asarray((np.floor(along) + np.floor(across)) % 2 == 1)


def _spots(along: Field, across: Field) -> Mask:
    shifted = along + 0.5 * (np.floor(across) % 2)  # every other row is shifted by half
    return np.asarray((shifted % 1 - 0.5) ** 2 + (across % 1 - 0.5) ** 2 < 0.11)


def _diamonds(along: Field, across: Field) -> Mask:
    return np.asarray(np.abs(along % 1 - 0.5) + np.abs(across % 1 - 0.5) < 0.36)


_PATTERNS: dict[Pattern, Callable[[Field, Field], Mask]] = {
    "plain": lambda along, across: np.zeros(np.broadcast_shapes(along.shape, across.shape), bool),
    "stripes": lambda along, across: (along + 0 * across) % 1 < 0.42,
    "hoops": lambda along, across: (across + 0 * along) % 1 < 0.42,
    "spots": _spots,
    "checks": _checks,
    "zigzags": lambda along, across: (across + np.abs(along % 1 - 0.5)) % 1 < 0.45,
    "diamonds": _diamonds,
    "two-tone": lambda along, across: across + 0 * along > 0.5 * np.float32(across.max() + across.min()),
}


def darker(colour: Rgb, share: float = 0.55) -> Rgb:
    """Return the colour with `share` of its brightness."""
    return (round(colour[0] * share), round(colour[1] * share), round(colour[2] * share))


def mixed(colour: Rgb, other: Rgb, share: float = 0.5) -> Rgb:
    """Return the colour with `share` of the other in it."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(colour, other, strict=True))
    return (red, green, blue)


def smooth(points: Sequence[Point]) -> list[Point]:
    """Return a closed curve through the points (Catmull-Rom), as a polygon."""
    knots = np.array(points, dtype=np.float32)
    before, after, beyond = (np.roll(knots, shift, axis=0) for shift in (1, -1, -2))
    t = np.linspace(0, 1, _CURVE_STEPS, endpoint=False, dtype=np.float32)[None, :, None]
    p, q, r, s = (array[:, None, :] for array in (before, knots, after, beyond))
    curve = 0.5 * (2 * q + (r - p) * t + (2 * p - 5 * q + 4 * r - s) * t**2 + (3 * q - p - 3 * r + s) * t**3)
    return [(float(x), float(y)) for x, y in curve.reshape(-1, 2)]


def mirrored(points: Sequence[Point]) -> list[Point]:
    """Return a closed outline from its right half, given from top to bottom, and the mirror image of it."""
    return [*points, *((1 - x, y) for x, y in reversed(points))]


class Canvas:
    """A square, transparent picture of one item."""

    def __init__(self) -> None:
        self.image = Image.new("RGBA", (SIDE, SIDE))

    def polygon(self, points: Sequence[Point], paint: Paint | Rgb, light: Light = "soft") -> None:
        """Draw a filled polygon."""
        pixels = [(x * SIDE, y * SIDE) for x, y in points]
        xs, ys = [x for x, _ in pixels], [y for _, y in pixels]
        box = (min(xs), min(ys), max(xs), max(ys))
        self._fill(box, paint, light, lambda pen, x, y: pen.polygon([(a - x, b - y) for a, b in pixels], 255))
        self._pen().line([*pixels, pixels[0]], _outline_colour(paint), round(_OUTLINE * SIDE), joint="curve")

    def ellipse(self, box: Box, paint: Paint | Rgb, light: Light = "soft") -> None:
        """Draw a filled ellipse by its bounding box."""
        left, top, right, bottom = (value * SIDE for value in box)
        self._fill(
            (left, top, right, bottom),
            paint,
            light,
            lambda pen, x, y: pen.ellipse((left - x, top - y, right - x, bottom - y), 255),
        )
        self._pen().ellipse((left, top, right, bottom), outline=_outline_colour(paint), width=round(_OUTLINE * SIDE))

    def box(self, box: Box, paint: Paint | Rgb, light: Light = "soft", *, radius: float = 0.0) -> None:
        """Draw a filled rectangle, with rounded corners of this radius."""
        left, top, right, bottom = (value * SIDE for value in box)
        self._fill(
            (left, top, right, bottom),
            paint,
            light,
            lambda pen, x, y: pen.rounded_rectangle(
                (left - x, top - y, right - x, bottom - y), radius=radius * SIDE, fill=255
            ),
        )
        self._pen().rounded_rectangle(
            (left, top, right, bottom), radius * SIDE, outline=_outline_colour(paint), width=round(_OUTLINE * SIDE)
        )

    def line(self, points: Sequence[Point], colour: Rgb, width: float = 0.015) -> None:
        """Draw a line with round ends and joins."""
        pixels = [(x * SIDE, y * SIDE) for x, y in points]
        pen, thick = self._pen(), max(round(width * SIDE), 1)
        pen.line(pixels, colour, thick, joint="curve")
        for x, y in (pixels[0], pixels[-1]):
            pen.ellipse((x - thick / 2, y - thick / 2, x + thick / 2, y + thick / 2), fill=colour)

    def arc(self, box: Box, degrees: tuple[float, float], colour: Rgb, width: float = 0.015) -> None:
        """Draw part of an ellipse, clockwise from 3 o'clock."""
        left, top, right, bottom = (value * SIDE for value in box)
        self._pen().arc((left, top, right, bottom), *degrees, fill=colour, width=max(round(width * SIDE), 1))

    def ring(self, box: Box, colour: Rgb, width: float = 0.02) -> None:
        """Draw the outline of an ellipse."""
        self.arc(box, (0, 360), colour, width)

    def _pen(self) -> ImageDraw.ImageDraw:
        return ImageDraw.Draw(self.image)

    def _fill(
        self, box: Box, paint: Paint | Rgb, light: Light, draw_mask: Callable[[ImageDraw.ImageDraw, int, int], object]
    ) -> None:
        """Paint the shape that `draw_mask(pen, left, top)` draws into a mask whose origin is at (left, top)."""
        left, top = max(int(box[0]), 0), max(int(box[1]), 0)
        right, bottom = min(int(box[2]) + 2, SIDE), min(int(box[3]) + 2, SIDE)
        mask = Image.new("L", (right - left, bottom - top))
        draw_mask(ImageDraw.Draw(mask), left, top)
        x: Field = np.arange(left, right, dtype=np.float32)[None, :] / np.float32(SIDE)
        y: Field = np.arange(top, bottom, dtype=np.float32)[:, None] / np.float32(SIDE)
        filling = paint if isinstance(paint, Paint) else Paint(paint)
        lit = filling.pixels(x, y) * _brightness(light, x, y)[..., None]
        self.image.paste(Image.fromarray(np.clip(lit, 0, 255).astype(np.uint8)), (left, top), mask)


def _brightness(light: Light, x: Field, y: Field) -> Field:
    """Return the brightness over a bounding box, 1 for the unchanged colour; shape (h, w), (1, w) or (1, 1)."""
    across: Field = (x - x.min()) / max(float(np.ptp(x)), 1e-3)
    down: Field = (y - y.min()) / max(float(np.ptp(y)), 1e-3)
    brightness: Field = np.ones((1, 1), np.float32)
    if light == "round":
        brightness = np.exp(-(((across - 0.36) / 0.3) ** 2)) * np.float32(0.38) + np.float32(0.72)
    if light == "ball":
        from_highlight: Field = (across - 0.36) ** 2 + (down - 0.32) ** 2
        brightness = np.exp(-from_highlight / np.float32(0.16)) * np.float32(0.5) + np.float32(0.62)
    if light == "soft":
        brightness = 1.08 - 0.1 * across - 0.16 * down
    return brightness


def _outline_colour(paint: Paint | Rgb) -> Rgb:
    return darker(paint.colour if isinstance(paint, Paint) else paint)
