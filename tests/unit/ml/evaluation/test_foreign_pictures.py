"""Drawn pictures that belong in no catalogue."""

from __future__ import annotations

import numpy as np

from ml.evaluation.foreign_pictures import foreign_pictures
from ml.photos.decode import decode


def test_draws_the_same_readable_pictures_at_every_call() -> None:
    pictures = foreign_pictures(3)
    assert list(pictures) == ["plain", "squares", "gradients", "noise", "text"]
    assert pictures == foreign_pictures(3)
    for drawn in pictures.values():
        assert len(set(drawn)) == 3
        assert all(decode(picture).mode == "RGB" for picture in drawn)


def test_plain_pictures_have_one_colour_and_squares_two() -> None:
    pictures = foreign_pictures(2)
    for kind, colours in (("plain", 1), ("squares", 2)):
        for picture in pictures[kind]:
            pixels = np.asarray(decode(picture)).reshape(-1, 3)
            assert len(np.unique(pixels, axis=0)) == colours
