"""Photos with a colour profile decode to the colours that they show."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image, ImageCms

from ml.photos.decode import decode
from tests.photos.files import encode, picture
from tests.profiles import PRIMARIES, cmyk_profile, grey_profile, rgb_profile, shown_with

if TYPE_CHECKING:
    from collections.abc import Callable

WIDE = [name for name in PRIMARIES if not name.startswith("sRGB")]


def pastel(side: int = 64) -> Image.Image:
    """A picture without colours at the edge of sRGB, where eight bits of a wide profile are too coarse."""
    return Image.fromarray((40 + np.asarray(picture(side, side), float) * 0.65).astype(np.uint8))


def worst(image: Image.Image, other: Image.Image) -> int:
    return int(np.abs(np.asarray(image, int) - np.asarray(other, int)).max())


@pytest.mark.parametrize("name", WIDE)
def test_colours_of_a_wide_profile_become_those_of_srgb(name: str) -> None:
    stored = shown_with(pastel(), rgb_profile(name))
    assert worst(stored, pastel()) > 15, "the profile makes no difference"
    assert worst(decode(encode(stored, "PNG", icc_profile=rgb_profile(name))), pastel()) <= 6


@pytest.mark.parametrize("image_format", ["JPEG", "WEBP", "TIFF", "AVIF", "HEIF"])
def test_the_profile_of_every_format_is_used(image_format: str) -> None:
    profile = rgb_profile("ProPhoto")
    flat = Image.new("RGB", (64, 64), (190, 90, 60))
    content = encode(shown_with(flat, profile), image_format, icc_profile=profile)
    assert worst(decode(content), flat) <= 8


def test_a_profile_that_is_srgb_leaves_the_pixels_as_they_are() -> None:
    (name,) = set(PRIMARIES) - set(WIDE)
    for profile in (rgb_profile(name), ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()):
        assert worst(decode(encode(picture(), "PNG", icc_profile=profile)), picture()) == 0


def test_a_profile_is_judged_by_its_colours_and_not_by_its_description() -> None:
    profile = rgb_profile("ProPhoto")
    assert ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(profile))).strip() == "sRGB built-in"
    assert worst(decode(encode(picture(), "PNG", icc_profile=profile)), picture()) > 15


def test_a_grey_profile_is_used() -> None:
    grey = Image.new("L", (16, 16), 128)
    for image_format in ("PNG", "JPEG"):
        decoded = decode(encode(grey, image_format, icc_profile=grey_profile(1.0)))
        assert decoded.getpixel((8, 8)) == pytest.approx((188, 188, 188), abs=2), "half the light of white"


def test_a_cmyk_photo_is_converted_by_its_profile() -> None:
    cyan = Image.new("CMYK", (16, 16), (255, 0, 0, 0))
    orange_lab, orange = (70, 40, 70), (245, 147, 26)
    for image_format in ("JPEG", "TIFF"):
        decoded = decode(encode(cyan, image_format, icc_profile=cmyk_profile(orange_lab)))
        assert decoded.getpixel((8, 8)) == pytest.approx(orange, abs=12)


@pytest.mark.parametrize(
    "broken",
    [
        lambda profile: profile[:200],
        lambda profile: profile[:300] + b"\xff" * (len(profile) - 300),
        lambda profile: b"\0" * len(profile),
        lambda profile: profile.replace(b"RGB ", b"Lab "),
        lambda profile: profile.replace(b"RGB XYZ ", b"CMYKXYZ "),
        lambda profile: profile + bytes(5 * 2**20),
    ],
)
def test_a_profile_that_cannot_be_used_is_ignored(broken: Callable[[bytes], bytes]) -> None:
    content = encode(picture(), "JPEG", icc_profile=broken(rgb_profile("ProPhoto")))
    assert worst(decode(content), decode(encode(picture(), "JPEG"))) == 0


def test_a_large_photo_is_shrunk_before_its_colours_are_converted() -> None:
    profile, smooth = rgb_profile("Display P3"), pastel(16).resize((600, 600))
    content = encode(shown_with(smooth, profile), "PNG", icc_profile=profile)
    shrunk = decode(content, at_least=100)
    assert shrunk.size == (100, 100)
    assert worst(shrunk, smooth.reduce(6)) <= 4


def test_transparency_is_white_whatever_the_profile() -> None:
    clear = Image.new("RGBA", (16, 16), (0, 0, 0, 0))
    decoded = decode(encode(clear, "PNG", icc_profile=rgb_profile("ProPhoto")))
    assert decoded.getpixel((8, 8)) == pytest.approx((255, 255, 255), abs=1)
