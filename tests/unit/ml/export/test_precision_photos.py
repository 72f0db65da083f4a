"""Quantising uses training photos, measuring uses pairs of other photos, and both draws are deterministic."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from ml.bundle.manifest import SplitRecord
from ml.export.precision_photos import draw_precision_photos
from ml.labelled import LabelledPhoto
from ml.photos.preprocess import Preprocessing

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import MakeJpeg

SMALL = Preprocessing(size=32)
SPLIT = SplitRecord(0, 0.2, 0.2, train=("a", "b"), validation=("c", "d"), held_out=("e",))


@pytest.fixture
def photos(tmp_path: Path, jpeg: MakeJpeg) -> list[LabelledPhoto]:
    """Nine distinct photos: two of each listing from a to e, but only one of d."""
    made = []
    for number, listing in enumerate("aabbccdee"):
        path = tmp_path / f"{number}.jpg"
        path.write_bytes(jpeg(number))
        made.append(LabelledPhoto(number, listing, "Phones", f"{number:064x}", path))
    return made


def pixels(photos: list[LabelledPhoto], rows: list[int]) -> set[bytes]:
    return {SMALL.load(photos[row].path.read_bytes()).tobytes() for row in rows}


def test_draws_photos_of_training_listings_to_quantise_with(photos: list[LabelledPhoto]) -> None:
    chosen = draw_precision_photos(photos, SMALL, split=SPLIT)
    assert {photo.tobytes() for photo in chosen.quantize_with} == pixels(photos, [0, 1, 2, 3])


def test_draws_pairs_of_validation_listings_to_measure_on(photos: list[LabelledPhoto]) -> None:
    measure_on = draw_precision_photos(photos, SMALL, split=SPLIT).measure_on
    assert measure_on is not None
    assert {photo.tobytes() for photo in measure_on.pixels} == pixels(photos, [4, 5])
    assert measure_on.listings[0] == measure_on.listings[1]


def test_draws_from_all_listings_without_a_split(photos: list[LabelledPhoto]) -> None:
    chosen = draw_precision_photos(photos, SMALL, split=None)
    assert len(chosen.quantize_with) == 9
    assert chosen.measure_on is not None
    assert len(chosen.measure_on.pixels) == 8


def test_the_draw_does_not_depend_on_the_order_of_the_photos(photos: list[LabelledPhoto]) -> None:
    first, again = (draw_precision_photos(ordered, SMALL, split=SPLIT) for ordered in (photos, photos[::-1]))
    np.testing.assert_array_equal(first.quantize_with, again.quantize_with)


def test_skips_a_photo_that_cannot_be_read_and_its_pair(photos: list[LabelledPhoto]) -> None:
    photos[0].path.write_bytes(b"no photo")
    photos[4].path.unlink()
    chosen = draw_precision_photos(photos, SMALL, split=SPLIT)
    assert {photo.tobytes() for photo in chosen.quantize_with} == pixels(photos, [1, 2, 3])
    assert chosen.measure_on is None


def test_equal_photos_are_not_a_pair(photos: list[LabelledPhoto]) -> None:
    photos[5] = LabelledPhoto(5, "c", "Phones", photos[4].sha256, photos[4].path)
    assert draw_precision_photos(photos, SMALL, split=SPLIT).measure_on is None


def test_rejects_photos_without_any_of_a_training_listing(photos: list[LabelledPhoto]) -> None:
    with pytest.raises(ValueError, match="trained on"):
        draw_precision_photos(photos[4:], SMALL, split=SPLIT)


def test_progress_counts_every_photo(photos: list[LabelledPhoto]) -> None:
    progress: list[tuple[int, int]] = []
    draw_precision_photos(photos, SMALL, split=SPLIT, progress=lambda done, total: progress.append((done, total)))
    assert progress == [(done, 6) for done in range(1, 7)]
