"""The edits that sellers make to a photo that they list again, for measuring whether copies are recognised.

Each takes an RGB picture and random numbers, and returns another picture; an edited photo is saved once more, as JPEG.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.random import Generator

    Edit: TypeAlias = Callable[[Image.Image, Generator], Image.Image]

UNTOUCHED = frozenset({"as it is", "re-encoded", "half the size", "twice the size"})
"""The edits after which it is still the whole picture and nothing but it: what `identical` may be said of."""

_WHITE, _RED = (255, 255, 255), (200, 30, 30)
_LIGHT = 140.0
"""Mean level from which a watermark is not white."""

_QUALITY, _LOW_QUALITY = 90, 40
"""Of JPEG: what editors save with, and what messengers make of it."""


def edited(picture: Image.Image, name: str, random: Generator) -> bytes:
    """Return the picture after the edit of `EDITS`, as the bytes of a JPEG."""
    content = io.BytesIO()
    quality = _LOW_QUALITY if "re-encoded" in name else _QUALITY
    EDITS[name](picture, random).save(content, "JPEG", quality=quality)
    return content.getvalue()


def _as_it_is(picture: Image.Image, _random: Generator) -> Image.Image:
    return picture


def _scaled(factor: float) -> Edit:
    def scale(picture: Image.Image, _random: Generator) -> Image.Image:
        width, height = (max(1, round(side * factor)) for side in picture.size)
        return picture.resize((width, height), Image.Resampling.BICUBIC)

    return scale


def _cropped(area: float) -> Edit:
    def crop(picture: Image.Image, random: Generator) -> Image.Image:
        """Keep this share of the area, of the picture's shape, from anywhere in it."""
        width, height = (round(side * area**0.5) for side in picture.size)
        left, top = (
            int(random.integers(0, whole - kept + 1)) for whole, kept in zip(picture.size, (width, height), strict=True)
        )
        return picture.crop((left, top, left + width, top + height))

    return crop


def _mirrored(picture: Image.Image, _random: Generator) -> Image.Image:
    return ImageOps.mirror(picture)


def _brightened(factor: float) -> Edit:
    return lambda picture, _random: picture.point(lambda level: min(255, round(level * factor)))


def _watermarked(picture: Image.Image, random: Generator) -> Image.Image:
    """Write across the picture, half transparent, aslant, as wide as the picture."""
    width, height = picture.size
    words = f"shop-{random.integers(100, 1000)}.example"
    font = ImageFont.load_default(size=max(8, width / 7))
    x, y, right, bottom = font.getbbox(words)
    mask = Image.new("L", (int(right - x) + 8, int(bottom - y) + 8))
    ImageDraw.Draw(mask).text((4 - x, 4 - y), words, fill=150, font=font)
    mask = mask.rotate(float(random.uniform(-30, 30)), expand=True, resample=Image.Resampling.BILINEAR)
    written = picture.copy()
    left, top = (width - mask.width) // 2, int(random.uniform(0.2, 0.8) * height) - mask.height // 2
    box = (left, top, left + mask.width, top + mask.height)
    below = np.asarray(picture.convert("L").crop(box)).mean()
    written.paste(_RED if below > _LIGHT else _WHITE, box, mask)  # white on white would be no edit at all
    return written


def _framed(picture: Image.Image, random: Generator) -> Image.Image:
    """Put a frame of one colour around it, of 4 to 12 % of its longer side."""
    width = max(1, round(max(picture.size) * float(random.uniform(0.04, 0.12))))
    red, green, blue = (int(level) for level in random.integers(0, 256, 3))
    return ImageOps.expand(picture, width, (red, green, blue))


def _in_turn(*edits: Edit) -> Edit:
    def apply(picture: Image.Image, random: Generator) -> Image.Image:
        for edit in edits:
            picture = edit(picture, random)
        return picture

    return apply


EDITS: Mapping[str, Edit] = {
    "as it is": _as_it_is,
    "re-encoded": _as_it_is,
    "half the size": _scaled(0.5),
    "twice the size": _scaled(2.0),
    "light crop": _cropped(0.8),
    "heavy crop": _cropped(0.5),
    "mirrored": _mirrored,
    "darker": _brightened(0.75),
    "brighter": _brightened(1.25),
    "watermark": _watermarked,
    "frame": _framed,
    "light crop, re-encoded": _cropped(0.8),
    "mirrored, light crop": _in_turn(_mirrored, _cropped(0.8)),
    "watermark, brighter": _in_turn(_brightened(1.25), _watermarked),
    "half the size, frame": _in_turn(_scaled(0.5), _framed),
    "heavy crop, re-encoded": _cropped(0.5),
}
"""In the order of the table. Light crops keep 80 % of the area, heavy ones 50 %; brightness changes by 25 %."""


def copies(picture: Image.Image, *, seed: int) -> dict[str, bytes]:
    """Return the picture after every edit, by the edit's name; the same seed makes the same ones."""
    return {name: edited(picture, name, np.random.default_rng((seed, number))) for number, name in enumerate(EDITS)}
