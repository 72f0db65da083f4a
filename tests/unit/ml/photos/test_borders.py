"""Letterbox bars are cut off; photos before a white or black background stay whole."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageDraw

from ml.photos.borders import trim_borders

BLACK, WHITE = (0, 0, 0), (255, 255, 255)


def photo(width: int = 160, height: int = 90) -> Image.Image:
    """Return a picture full of middling colours."""
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
def test_bars_are_cut_off_exactly(bars: tuple[int, int, int, int], colour: tuple[int, int, int]) -> None:
    trimmed = trim_borders(framed(bars, colour))
    assert np.array_equal(np.asarray(trimmed), np.asarray(photo()))


@pytest.mark.parametrize("colour", [BLACK, WHITE])
def test_bars_blurred_by_jpeg_are_cut_off_to_within_four_pixels(colour: tuple[int, int, int]) -> None:
    trimmed = trim_borders(as_jpeg(framed((0, 35, 0, 35), colour), quality=60))
    assert trimmed.width == 160
    assert abs(trimmed.height - 90) <= 4


@pytest.mark.parametrize("bars", [(0, 35, 0, 0), (40, 0, 0, 0), (0, 35, 0, 20)])
def test_a_bar_without_a_match_on_the_other_side_stays(bars: tuple[int, int, int, int]) -> None:
    image = framed(bars, BLACK)
    assert trim_borders(image) is image


def test_wide_bars_on_all_four_sides_stay_because_a_box_before_a_wall_looks_the_same() -> None:
    image = framed((24, 16, 24, 16), WHITE)
    assert trim_borders(image) is image


def test_a_black_bar_and_a_white_bar_are_no_pair() -> None:
    image = framed((0, 30, 0, 30), BLACK)
    image.paste(WHITE, (0, 120, 160, 150))
    assert trim_borders(image) is image


@pytest.mark.parametrize("colour", [(128, 128, 128), (200, 30, 30), (60, 60, 60)])
def test_bars_of_another_colour_stay(colour: tuple[int, int, int]) -> None:
    image = framed((0, 30, 0, 30), colour)
    assert trim_borders(image) is image


@pytest.mark.parametrize("background", [BLACK, WHITE])
def test_an_item_before_a_plain_background_stays_whole(background: tuple[int, int, int]) -> None:
    for shape in ("ellipse", "rounded_rectangle"):
        image = Image.new("RGB", (200, 200), background)
        getattr(ImageDraw.Draw(image), shape)((50, 40, 150, 160), *((20,) if shape != "ellipse" else ()), (90, 120, 60))
        assert trim_borders(image) is image


def test_a_box_before_a_white_wall_stays_whole() -> None:
    image = Image.new("RGB", (200, 200), WHITE)
    image.paste((150, 90, 40), (60, 30, 140, 170))
    assert trim_borders(image) is image


@pytest.mark.parametrize("colour", [BLACK, WHITE])
def test_a_photo_of_one_colour_stays_whole(colour: tuple[int, int, int]) -> None:
    image = Image.new("RGB", (64, 48), colour)
    assert trim_borders(image) is image


def test_bars_wider_than_45_percent_each_stay() -> None:
    image = framed((0, 500, 0, 500), BLACK)
    assert trim_borders(image) is image


def test_a_photo_without_bars_is_returned_itself() -> None:
    image = photo()
    assert trim_borders(image) is image


@pytest.mark.parametrize("size", [(8, 8), (8, 300), (300, 8)])
def test_tiny_and_narrow_photos_never_vanish(size: tuple[int, int]) -> None:
    for seed in range(40):
        noise = np.random.default_rng(seed).choice(np.array([0, 255, 120], np.uint8), (size[1], size[0], 1))
        trimmed = trim_borders(Image.fromarray(np.repeat(noise, 3, axis=2)))
        assert min(trimmed.size) > 0
