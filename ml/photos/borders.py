"""Trims letterbox bars: black or white borders that another tool added to make a photo fit a frame.

An item in front of a white wall also has white borders, and must not be trimmed. Bars differ from a wall in two ways:

    - bars come in pairs (top and bottom, or left and right), of one colour and nearly one width;
    - a bar ends in a straight edge: nearly every pixel of the next row belongs to the picture. A wall ends at the
      outline of the item, where only some pixels of a row belong to the item.

Bars on all four sides look like a box in front of a wall. They stay, unless two of them are thin.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from PIL import Image

    _Box: TypeAlias = tuple[int, int, int, int]
    _InBar: TypeAlias = Callable[[NDArray[np.uint8]], NDArray[np.bool_]]

_TOLERANCE = 20
"""Levels, of 255, by which a bar's pixels may differ from pure black or white: JPEG rings next to a sharp edge."""

_UNIFORM = 0.99
"""Minimum share of a row's pixels in the bar's colour for the row to belong to the bar."""

_STRAIGHT = 0.9
"""Minimum share of the row after a bar in other colours. Of 7,541 marketplace photos this trims 307; 0.6 also trims a
dozen box-shaped items on white."""

_BLURRED_ROWS = 2
"""Rows over which the edge of a bar may be blurred."""

_MAX_BAR = 0.45
"""Maximum height (width) of one bar, as a share of the photo's."""

_MAX_UNEVENNESS = 0.02
"""Maximum difference between the two bars of a pair, as a share of the photo's height (width)."""

_ROWS_AT_ONCE = 16
"""Rows examined together: most bars, and most walls, end within the first few."""


def trim_borders(image: Image.Image) -> Image.Image:
    """Return an RGB picture without its letterbox bars; the same object if it has none."""
    width, height = image.size
    if _may_have_bars(image, (0, 0, width, 1), (0, height - 1, width, height)):
        top, bottom = _bar_pair(np.asarray(image))
        image = image.crop((0, top, width, height - bottom)) if top else image
    width, height = image.size
    if _may_have_bars(image, (0, 0, 1, height), (width - 1, 0, width, height)):
        left, right = _bar_pair(np.asarray(image).transpose(1, 0, 2))
        image = image.crop((left, 0, width - right, height)) if left else image
    return image


def _may_have_bars(image: Image.Image, first: _Box, last: _Box) -> bool:
    """Return whether both edges have a bar's colour. One row of pixels rules out most photos."""
    edge = _edge_pixels(image, first)
    return any(
        _is_uniform(edge, in_bar) and _is_uniform(_edge_pixels(image, last), in_bar)
        for in_bar in (_is_black, _is_white)
    )


def _edge_pixels(image: Image.Image, box: _Box) -> NDArray[np.uint8]:
    # Three times as fast as np.asarray, which first asks Pillow to describe the array.
    return np.frombuffer(image.crop(box).tobytes(), np.uint8).reshape(-1, 3)


def _bar_pair(pixels: NDArray[np.uint8]) -> tuple[int, int]:
    """Return the heights of the bars at the first and the last row; (0, 0) without a pair of bars."""
    for in_bar in (_is_black, _is_white):
        first, last = _bar_height(pixels, in_bar), _bar_height(pixels[::-1], in_bar)
        if first and last and abs(first - last) <= max(2, _MAX_UNEVENNESS * len(pixels)):
            return first, last
    return 0, 0


def _bar_height(pixels: NDArray[np.uint8], in_bar: _InBar) -> int:
    """Return the height of a bar that starts at the first row and ends in a straight edge; 0 without one."""
    widest = int(_MAX_BAR * len(pixels))
    for start in range(0, widest + 1, _ROWS_AT_ONCE):
        rows = pixels[start : min(start + _ROWS_AT_ONCE, widest + 1)]
        uniform = np.count_nonzero(in_bar(rows), axis=1) >= _UNIFORM * rows.shape[1]
        if not uniform.all():
            height = start + int(uniform.argmin())
            ends_straight = in_bar(pixels[height + _BLURRED_ROWS]).mean() <= 1 - _STRAIGHT
            return height if ends_straight else 0
    return 0


def _is_uniform(row: NDArray[np.uint8], in_bar: _InBar) -> bool:
    return bool(np.count_nonzero(in_bar(row)) >= _UNIFORM * len(row))


# By channel: several times as fast as .max(axis=-1) over an axis of three.


def _is_black(pixels: NDArray[np.uint8]) -> NDArray[np.bool_]:
    brightest: NDArray[np.uint8] = np.maximum(np.maximum(pixels[..., 0], pixels[..., 1]), pixels[..., 2])
    return brightest <= _TOLERANCE


def _is_white(pixels: NDArray[np.uint8]) -> NDArray[np.bool_]:
    darkest: NDArray[np.uint8] = np.minimum(np.minimum(pixels[..., 0], pixels[..., 1]), pixels[..., 2])
    return darkest >= 255 - _TOLERANCE
