"""Edits that sellers make to a photo before they list it again.

The demo has some; `lookalike bench duplicates` measures how well each is recognised.

An edit takes an RGB picture and a random generator, and returns another picture, which is saved as JPEG.
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
"""Edits that keep the whole picture and add nothing; only their copies may be called `identical`."""

_WHITE, _RED = (255, 255, 255), (200, 30, 30)
_LIGHT_BACKGROUND = 140.0
"""Mean level, 0 to 255, above which a watermark is red rather than white."""

_QUALITY, _LOW_QUALITY = 90, 40
"""JPEG quality of image editors, and of messengers."""


def edited(picture: Image.Image, name: str, random: Generator) -> bytes:
    """Return the picture after the edit `name` of `EDITS`, as JPEG bytes."""
    content = io.BytesIO()
    quality = _LOW_QUALITY if "re-encoded" in name else _QUALITY
    EDITS[name](picture, random).save(content, "JPEG", quality=quality)
    return content.getvalue()


def all_edits(picture: Image.Image, *, seed: int) -> dict[str, bytes]:
    """Return the picture after each edit, by the edit's name; the same seed gives the same results."""
    return {name: edited(picture, name, np.random.default_rng((seed, number))) for number, name in enumerate(EDITS)}


def _unchanged(picture: Image.Image, _random: Generator) -> Image.Image:
    return picture


def _scaled(factor: float) -> Edit:
    def scale(picture: Image.Image, _random: Generator) -> Image.Image:
        width, height = (max(1, round(side * factor)) for side in picture.size)
        return picture.resize((width, height), Image.Resampling.BICUBIC)

    return scale


def _cropped(area: float) -> Edit:
    """Return an edit that keeps this share of the area, from a random position, with the picture's aspect ratio."""

    def crop(picture: Image.Image, random: Generator) -> Image.Image:
        width, height = (round(side * area**0.5) for side in picture.size)
        left, top = (
            int(random.integers(0, whole - part + 1)) for whole, part in zip(picture.size, (width, height), strict=True)
        )
        return picture.crop((left, top, left + width, top + height))

    return crop


def _mirrored(picture: Image.Image, _random: Generator) -> Image.Image:
    return ImageOps.mirror(picture)


def _brightened(factor: float) -> Edit:
    return lambda picture, _random: picture.point(lambda level: min(255, round(level * factor)))


def _watermarked(picture: Image.Image, random: Generator) -> Image.Image:
    """Write a half-transparent, slanted text across the whole width."""
    width, height = picture.size
    words = f"shop-{random.integers(100, 1000)}.example"
    font = ImageFont.load_default(size=max(8, width / 7))
    x, y, right, bottom = font.getbbox(words)
    mask = Image.new("L", (int(right - x) + 8, int(bottom - y) + 8))
    ImageDraw.Draw(mask).text((4 - x, 4 - y), words, fill=150, font=font)
    mask = mask.rotate(float(random.uniform(-30, 30)), expand=True, resample=Image.Resampling.BILINEAR)
    watermarked = picture.copy()
    left, top = (width - mask.width) // 2, int(random.uniform(0.2, 0.8) * height) - mask.height // 2
    box = (left, top, left + mask.width, top + mask.height)
    background = np.asarray(picture.convert("L").crop(box)).mean()
    watermarked.paste(_RED if background > _LIGHT_BACKGROUND else _WHITE, box, mask)  # white on white would not show
    return watermarked


def _framed(picture: Image.Image, random: Generator) -> Image.Image:
    """Add a frame of one colour, 4 to 12 % of the longer side wide."""
    width = max(1, round(max(picture.size) * float(random.uniform(0.04, 0.12))))
    red, green, blue = (int(level) for level in random.integers(0, 256, 3))
    return ImageOps.expand(picture, width, (red, green, blue))


def _in_sequence(*edits: Edit) -> Edit:
    def apply(picture: Image.Image, random: Generator) -> Image.Image:
        for edit in edits:
            picture = edit(picture, random)
        return picture

    return apply


EDITS: Mapping[str, Edit] = {
    "as it is": _unchanged,
    "re-encoded": _unchanged,
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
    "mirrored, light crop": _in_sequence(_mirrored, _cropped(0.8)),
    "watermark, brighter": _in_sequence(_brightened(1.25), _watermarked),
    "half the size, frame": _in_sequence(_scaled(0.5), _framed),
    "heavy crop, re-encoded": _cropped(0.5),
}
"""Edits in the order of the report. Light crops keep 80 % of the area, heavy crops 50 %; brightness changes by 25 %."""
