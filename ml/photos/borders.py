"""Letterbox bars: the black or white borders that an earlier tool added to make a photo fit its frame.

A photo of an item before a white wall has white at its borders too, and must stay whole. What tells bars from it:

    - they come in pairs, top and bottom or left and right, of one colour and about equally wide;
    - they end in a straight edge: right behind it, nearly all of the row is picture. A wall ends at an item's outline,
      where only some pixels of a row belong to the item.

Bars on all four sides look like a box before a wall, and therefore stay, unless two of them are thin.
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

_NEAR = 20
"""Levels, of 255, that a bar's pixels may be off pure black or white: JPEG's ringing beside a sharp edge."""

_UNIFORM = 0.99
"""Share of a row's pixels that must be of the bar's colour for the row to be part of the bar."""

_STRAIGHT = 0.9
"""Share of the row behind a bar that must not be of the bar's colour. Of 7,541 marketplace photos it finds 307 with
bars; at 0.6 a dozen box-shaped items before white are cut out as well."""

_EDGE = 2
"""Rows behind a bar that its edge may be blurred over."""

_WIDEST = 0.45
"""Share of the photo's height (width) that one bar may take."""

_UNEVEN = 0.02
"""Share of the photo's height (width) by which the two bars of a pair may differ."""

_ROWS_AT_ONCE = 16
"""Rows looked at together: most bars, and most walls, end within the first few."""


def trim_borders(image: Image.Image) -> Image.Image:
    """Return an RGB picture without its letterbox bars: the same object when it has none."""
    width, height = image.size
    if _alike(image, (0, 0, width, 1), (0, height - 1, width, height)):
        top, bottom = _bars(np.asarray(image))
        image = image.crop((0, top, width, height - bottom)) if top else image
    width, height = image.size
    if _alike(image, (0, 0, 1, height), (width - 1, 0, width, height)):
        left, right = _bars(np.asarray(image).transpose(1, 0, 2))
        image = image.crop((left, 0, width - right, height)) if left else image
    return image


def _alike(image: Image.Image, first: _Box, last: _Box) -> bool:
    """Say whether bars may begin at both edges: most photos are done with here, after a look at one row of pixels."""
    edge = _edge(image, first)
    return any(_in_bar(edge, in_bar) and _in_bar(_edge(image, last), in_bar) for in_bar in (_is_black, _is_white))


def _edge(image: Image.Image, box: _Box) -> NDArray[np.uint8]:
    # Three times as fast as np.asarray, which asks Pillow for a description of the array first.
    return np.frombuffer(image.crop(box).tobytes(), np.uint8).reshape(-1, 3)


def _bars(pixels: NDArray[np.uint8]) -> tuple[int, int]:
    """Return how many rows the bars at the first and the last row take, (0, 0) when there is no pair of bars."""
    for in_bar in (_is_black, _is_white):
        first, last = _bar(pixels, in_bar), _bar(pixels[::-1], in_bar)
        if first and last and abs(first - last) <= max(2, _UNEVEN * len(pixels)):
            return first, last
    return 0, 0


def _bar(pixels: NDArray[np.uint8], in_bar: _InBar) -> int:
    """Return how many rows a bar takes that begins at the first row and ends straight; 0 when there is none."""
    widest = int(_WIDEST * len(pixels))
    for start in range(0, widest + 1, _ROWS_AT_ONCE):
        rows = pixels[start : min(start + _ROWS_AT_ONCE, widest + 1)]
        uniform = np.count_nonzero(in_bar(rows), axis=1) >= _UNIFORM * rows.shape[1]
        if not uniform.all():
            depth = start + int(uniform.argmin())
            ends_straight = in_bar(pixels[depth + _EDGE]).mean() <= 1 - _STRAIGHT
            return depth if ends_straight else 0
    return 0


def _in_bar(row: NDArray[np.uint8], in_bar: _InBar) -> bool:
    return bool(np.count_nonzero(in_bar(row)) >= _UNIFORM * len(row))


# Channel by channel: several times as fast as .max(axis=-1) over an axis of three.


def _is_black(pixels: NDArray[np.uint8]) -> NDArray[np.bool_]:
    brightest: NDArray[np.uint8] = np.maximum(np.maximum(pixels[..., 0], pixels[..., 1]), pixels[..., 2])
    return brightest <= _NEAR


def _is_white(pixels: NDArray[np.uint8]) -> NDArray[np.bool_]:
    darkest: NDArray[np.uint8] = np.minimum(np.minimum(pixels[..., 0], pixels[..., 1]), pixels[..., 2])
    return darkest >= 255 - _NEAR
