"""The photos of an item: backgrounds and colours."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from ml.sample.draw import Canvas
from ml.sample.kinds import COLOURS
from ml.sample.scene import BACKGROUNDS, take_photo

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL import Image


@pytest.mark.parametrize("background", BACKGROUNDS)
def test_an_item_is_visible_on_every_background(background: str) -> None:
    canvas = Canvas()
    canvas.ellipse((0.1, 0.1, 0.9, 0.9), (255, 0, 255), "flat")
    photo = take_photo(canvas.image, background, np.random.default_rng(4))
    red, green, blue = np.asarray(photo, dtype=int).transpose(2, 0, 1)
    magenta = (red - green > 90) & (blue - green > 90)
    assert photo.mode == "RGB"
    assert 256 <= min(photo.size) <= max(photo.size) <= 320
    assert 0.15 < magenta.mean() < 0.6


def test_photos_of_one_item_are_closer_in_colour_than_photos_of_others() -> None:
    canvases = []
    for colour in ("red", "sky blue", "yellow"):
        canvas = Canvas()
        canvas.ellipse((0.05, 0.05, 0.95, 0.95), COLOURS[colour])
        canvases.append(canvas.image)
    rng = np.random.default_rng(5)
    middles = [[middle_colour(take_photo(image, "plain", rng)) for _ in range(2)] for image in canvases]
    for index, (first, second) in enumerate(middles):
        strangers = [other for place, pair in enumerate(middles) if place != index for other in pair]
        assert np.linalg.norm(first - second) < min(np.linalg.norm(first - stranger) for stranger in strangers)


def middle_colour(photo: Image.Image) -> NDArray[np.float64]:
    """Return the mean colour in the middle of a photo."""
    box = (photo.width // 2 - 20, photo.height // 2 - 20, photo.width // 2 + 20, photo.height // 2 + 20)
    return np.asarray(np.asarray(photo.crop(box), dtype=float).mean(axis=(0, 1)))
