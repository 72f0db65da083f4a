"""Letterbox bars are trimmed; photos of items on a white or black background are not."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageDraw

from ml.photos.borders import trim_borders

BLACK, WHITE = (0, 0, 0), (255, 255, 255)


def photo(width: int = 160, height: int = 90) -> Image.Image:
    """Return a picture of mid-range colours."""
    noise = np.random.default_rng(5).integers(60, 190, (height // 10, width // 10, 3), dtype=np.uint8)
    return Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC)


def framed(bars: tuple[int, int, int, int], colour: tuple[int, int, int]) -> Image.Image:
    """Return the photo with bars of these widths at its left, top, right and bottom."""
    left, top, right, bottom = bars
    inside = photo()
    frame = Image.new("RGB", (inside.width + left + right, inside.height + top + bottom), colour)
    frame.paste(inside, (left, top))
    return frame


def as_jpeg(image: Image.Image, quality: int = 80) -> Image.Image:
    out = io.BytesIO()
    image.save(out, "JPEG", quality=quality)
    return Image.open(out).convert("RGB")


@pytest.mark.parametrize("colour", [BLACK, WHITE])
@pytest.mark.parametrize("bars", [(0, 35, 0, 35), (40, 0, 40, 0), (0, 35, 0, 36), (3, 30, 3, 30), (0, 1, 0, 1)])
def test_trims_bars_exactly(bars: tuple[int, int, int, int], colour: tuple[int, int, int]) -> None:
    trimmed = trim_borders(framed(bars, colour))
    assert np.array_equal(np.asarray(trimmed), np.asarray(photo()))


@pytest.mark.parametrize("colour", [BLACK, WHITE])
def test_trims_bars_blurred_by_jpeg_to_within_four_pixels(colour: tuple[int, int, int]) -> None:
    trimmed = trim_borders(as_jpeg(framed((0, 35, 0, 35), colour), quality=60))
    assert trimmed.width == 160
    assert abs(trimmed.height - 90) <= 4


@pytest.mark.parametrize("bars", [(0, 35, 0, 0), (40, 0, 0, 0), (0, 35, 0, 20)])
def test_keeps_a_bar_without_a_matching_bar_on_the_other_side(bars: tuple[int, int, int, int]) -> None:
    image = framed(bars, BLACK)
    assert trim_borders(image) is image


def test_keeps_wide_bars_on_all_four_sides_because_a_box_on_a_wall_looks_the_same() -> None:
    image = framed((24, 16, 24, 16), WHITE)
    assert trim_borders(image) is image


def test_keeps_a_black_bar_opposite_a_white_bar() -> None:
    image = framed((0, 30, 0, 30), BLACK)
    image.paste(WHITE, (0, 120, 160, 150))
    assert trim_borders(image) is image


@pytest.mark.parametrize("colour", [(128, 128, 128), (200, 30, 30), (60, 60, 60)])
def test_keeps_bars_of_another_colour(colour: tuple[int, int, int]) -> None:
    image = framed((0, 30, 0, 30), colour)
    assert trim_borders(image) is image


@pytest.mark.parametrize("background", [BLACK, WHITE])
def test_keeps_an_item_on_a_plain_background(background: tuple[int, int, int]) -> None:
    for shape in ("ellipse", "rounded_rectangle"):
        image = Image.new("RGB", (200, 200), background)
        getattr(ImageDraw.Draw(image), shape)((50, 40, 150, 160), *((20,) if shape != "ellipse" else ()), (90, 120, 60))
        assert trim_borders(image) is image


def test_keeps_a_box_on_a_white_wall() -> None:
    image = Image.new("RGB", (200, 200), WHITE)
    image.paste((150, 90, 40), (60, 30, 140, 170))
    assert trim_borders(image) is image


@pytest.mark.parametrize("colour", [BLACK, WHITE])
def test_keeps_a_photo_of_one_colour(colour: tuple[int, int, int]) -> None:
    image = Image.new("RGB", (64, 48), colour)
    assert trim_borders(image) is image


def test_keeps_bars_wider_than_45_percent_each() -> None:
    image = framed((0, 500, 0, 500), BLACK)
    assert trim_borders(image) is image


def test_returns_the_same_object_for_a_photo_without_bars() -> None:
    image = photo()
    assert trim_borders(image) is image


@pytest.mark.parametrize("size", [(8, 8), (8, 300), (300, 8)])
def test_never_trims_a_tiny_or_narrow_photo_to_nothing(size: tuple[int, int]) -> None:
    for seed in range(40):
        noise = np.random.default_rng(seed).choice(np.array([0, 255, 120], np.uint8), (size[1], size[0], 1))
        trimmed = trim_borders(Image.fromarray(np.repeat(noise, 3, axis=2)))
        assert min(trimmed.size) > 0
