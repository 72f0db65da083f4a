"""Crops are parsed, checked and cut from pictures."""

from __future__ import annotations

import pytest
from PIL import Image

from ml.photos.crops import WHOLE_PHOTO, Crop


def test_parses_shares_of_the_sides() -> None:
    assert Crop.parse("0.25, 0,0.5,1").cut_from(Image.new("RGB", (400, 200))).size == (200, 200)


def test_the_default_crop_is_the_whole_photo() -> None:
    assert Crop.parse("0,0,1,1") == WHOLE_PHOTO
    assert WHOLE_PHOTO.cut_from(Image.new("RGB", (33, 17))).size == (33, 17)


def test_cuts_every_pixel_that_the_box_touches() -> None:
    picture = Image.new("RGB", (10, 10))
    picture.putpixel((2, 9), (255, 0, 0))
    part = Crop(0.25, 0.0, 0.1, 1.0).cut_from(picture)
    assert part.getpixel((0, 9)) == (255, 0, 0)


@pytest.mark.parametrize(
    "text",
    ["", "1,2,3", "a,b,c,d", "0,0,1,1,1", "-0.1,0,1,1", "0.5,0,0.6,1", "0,0,0.01,1", "nan,0,1,1", "0,0,inf,1"],
)
def test_rejects_a_box_that_does_not_lie_within_the_photo(text: str) -> None:
    with pytest.raises(ValueError, match=r"0\.25,0,0\.5,1"):
        Crop.parse(text)


def test_the_text_of_a_crop_parses_to_the_same_crop() -> None:
    crop = Crop(0.125, 0.25, 0.5, 0.75)
    assert Crop.parse(str(crop)) == crop
