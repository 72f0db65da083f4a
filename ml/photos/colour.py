"""Converts loaded pictures of any mode and colour profile into sRGB on white."""

from __future__ import annotations

import io
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageCms

_MAX_PROFILE_BYTES = 4 * 2**20
"""A larger profile is ignored. Those of printers have 0.5 to 3 MB."""

_CACHED_PROFILE_BYTES = 16 * 2**10
"""Profiles up to this size are cached with their transforms: those of cameras and screens have 0.4 to 4 kB."""

_SAME = 2
"""Levels, of 255, by which a profile's colours may differ from sRGB to be left as they are. The versions of sRGB differ
by less; Display P3, the nearest other profile, by 40."""

_MODES = {"RGB ": "RGB", "GRAY": "L", "CMYK": "CMYK"}
"""Pillow's modes of the pixels for which a profile is made."""

_PROBES = Image.fromarray(
    np.stack(np.meshgrid(*[np.arange(0, 256, 51)] * 3), axis=-1).reshape(1, -1, 3).astype(np.uint8)
)
"""Colours of the whole cube, by which a profile is compared with sRGB."""


class _ToSrgb(NamedTuple):
    """A conversion into sRGB of pixels of one mode."""

    mode: str
    transform: ImageCms.ImageCmsTransform


def to_srgb(image: Image.Image, *, at_least: int | None = None) -> Image.Image:
    """Convert a loaded image of any mode to RGB pixels in sRGB; transparency becomes white.

    A colour profile that is broken, or made for other pixels, is ignored.

    Args:
        at_least: a picture whose colours must be converted is first shrunk by a whole factor, if both its sides keep
            at least this many pixels: the conversion costs in proportion to the pixels.
    """
    conversion = _conversion(image)
    if conversion is None:
        return _on_white(image)
    pixels = image if image.mode in ("CMYK", "LAB") else _on_white(image)
    if at_least and (factor := min(pixels.size) // at_least) > 1 and pixels.mode != "LAB":
        pixels = pixels.reduce(factor)
    converted = ImageCms.applyTransform(pixels.convert(conversion.mode), conversion.transform)
    assert converted is not None, "a transform that does not work in place returns a picture"
    return converted


def _conversion(image: Image.Image) -> _ToSrgb | None:
    """Return how the image's colours become sRGB; None if they are sRGB, or not known."""
    if image.mode == "LAB":
        return _from_lab()
    profile = image.info.get("icc_profile")
    if not isinstance(profile, bytes) or not 0 < len(profile) <= _MAX_PROFILE_BYTES:
        return None
    read = _cached_profile if len(profile) <= _CACHED_PROFILE_BYTES else _read_profile
    conversion = read(profile)
    return conversion if conversion and (conversion.mode == "CMYK") == (image.mode == "CMYK") else None


@lru_cache(maxsize=64)
def _cached_profile(profile: bytes) -> _ToSrgb | None:
    return _read_profile(profile)


def _read_profile(profile: bytes) -> _ToSrgb | None:
    """Return the conversion from a profile; None if it is broken, or that of sRGB."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        mode = _MODES[source.profile.xcolor_space]
        transform = ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")
        if mode == "CMYK":
            return _ToSrgb(mode, transform)
        probes = _PROBES.convert(mode)
        converted = np.asarray(ImageCms.applyTransform(probes, transform), int)
    except Exception:  # noqa: BLE001 - broken metadata does not affect the pixels
        return None
    is_srgb = np.abs(converted - np.asarray(probes.convert("RGB"), int)).max() <= _SAME
    return None if is_srgb else _ToSrgb(mode, transform)


@lru_cache(maxsize=1)
def _from_lab() -> _ToSrgb:
    transform = ImageCms.buildTransform(ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"), "LAB", "RGB")
    return _ToSrgb("LAB", transform)


def _on_white(image: Image.Image) -> Image.Image:
    """Convert a loaded image of any mode to RGB; transparency becomes white."""
    if image.mode.startswith("I"):  # 16-bit grey, which convert() would clip at 255
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)).convert("RGB")
    if not image.has_transparency_data:
        return image.convert("RGB")
    picture = image.convert("RGBA")
    white = Image.new("RGB", picture.size, "white")
    white.paste(picture, mask=picture)
    return white
