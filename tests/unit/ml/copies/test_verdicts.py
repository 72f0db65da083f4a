"""Edited copies of rendered photos are recognised, and different photos are not copies."""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image, ImageDraw

from ml.copies.local_features import COMPARED_SIDE, extract_features, match_features, resize_for_comparison
from ml.copies.verdicts import CopyMatch, Verdict, candidate_placements, compare_pixels
from ml.photos.decode import PhotoError, decode
from ml.sample import render_listing, write_sample_tables
from ml.sample.photo_edits import EDITS, UNTOUCHED, edited
from ml.sample.render import SMALLEST
from tests.photos.drawn import chair_on_white, mug_on_white

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from ml.copies.local_features import LocalFeatures

PHOTOS = 12
WARMER = (1.05, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0.93, 0)
"""The gains of red, green and blue of a warmer white balance, as a matrix for `Image.convert`."""


@dataclass(frozen=True)
class ComparedPicture:
    """The pixels and features of a picture, as they are compared."""

    pixels: NDArray[np.uint8]
    features: LocalFeatures

    @classmethod
    def of(cls, picture: Image.Image) -> ComparedPicture:
        pixels = resize_for_comparison(picture)
        return cls(pixels, extract_features(pixels))

    def copy_of(self, other: ComparedPicture) -> CopyMatch | None:
        return compare_pixels(self.pixels, other.pixels, candidate_placements(self.features, other.features))


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> list[Image.Image]:
    """Distinct photos of the sample catalogue, of different items or different photos of one item."""
    sample = write_sample_tables(tmp_path_factory.mktemp("sample"), listings=SMALLEST)
    for listing in sample.listings[: PHOTOS // 2]:
        render_listing(listing, sample.photos)
    opened = (opened_photo(path) for path in sorted(sample.photos.iterdir()))
    different = {picture.tobytes(): picture for picture in opened if picture is not None}
    return list(different.values())[:PHOTOS]


@pytest.fixture(scope="module")
def originals(pictures: list[Image.Image]) -> list[ComparedPicture]:
    return [ComparedPicture.of(picture) for picture in pictures]


@pytest.fixture(scope="module")
def verdicts_after(
    pictures: list[Image.Image], originals: list[ComparedPicture]
) -> Callable[[str], list[Verdict | None]]:
    """Returns the verdicts on every picture's copy after an edit; cached by edit."""

    @cache
    def after(edit: str) -> list[Verdict | None]:
        copies = [Image.open(io.BytesIO(edited(picture, edit, np.random.default_rng(1)))) for picture in pictures]
        matches = [ComparedPicture.of(copy).copy_of(original) for copy, original in zip(copies, originals, strict=True)]
        return [None if copy is None else copy.verdict for copy in matches]

    return after


def opened_photo(path: Path) -> Image.Image | None:
    try:
        return decode(path.read_bytes())
    except PhotoError:  # the catalogue also has damaged photos
        return None


def compare(one: Image.Image, other: Image.Image) -> CopyMatch | None:
    return ComparedPicture.of(one).copy_of(ComparedPicture.of(other))


@pytest.mark.parametrize("edit", [pytest.param(one, marks=[pytest.mark.slow] if "," in one else []) for one in EDITS])
def test_recognises_a_copy_after(edit: str, verdicts_after: Callable[[str], list[Verdict | None]]) -> None:
    verdicts = verdicts_after(edit)
    # Drawn photos are plainer than real ones, so text spoils more of their content.
    assert len(verdicts) == PHOTOS
    assert sum(verdict is not None for verdict in verdicts) >= 0.8 * PHOTOS


@pytest.mark.parametrize("edit", sorted(EDITS.keys() - UNTOUCHED))
def test_an_edited_copy_is_never_identical(edit: str, verdicts_after: Callable[[str], list[Verdict | None]]) -> None:
    assert {*verdicts_after(edit)} - {None} == {Verdict.EDITED}


@pytest.mark.parametrize("edit", sorted(UNTOUCHED))
def test_most_pictures_saved_again_are_identical(
    edit: str, verdicts_after: Callable[[str], list[Verdict | None]]
) -> None:
    assert verdicts_after(edit).count(Verdict.IDENTICAL) >= 0.8 * PHOTOS


def test_different_photos_are_not_copies(originals: list[ComparedPicture]) -> None:
    assert [one.copy_of(other) for one, other in combinations(originals, 2)] == [None] * (PHOTOS * (PHOTOS - 1) // 2)


def test_plain_pictures_are_not_copies() -> None:
    assert compare(Image.new("RGB", (320, 240), "white"), Image.new("RGB", (320, 240), "white")) is None


def test_a_scene_with_a_small_item_in_another_colour_is_not_a_copy() -> None:
    light = np.random.default_rng(0).integers(90, 250, (24, 32), dtype=np.uint8)
    scene = np.asarray(Image.fromarray(light).resize((320, 240), Image.Resampling.BICUBIC), np.float32)

    def with_item(colour: tuple[float, float, float]) -> Image.Image:
        tints = np.ones((240, 320, 3), np.float32)
        tints[80:160, 96:192] = colour  # a tenth of the picture; both colours are equally light
        return Image.fromarray((scene[..., None] * tints).astype(np.uint8))

    pink = with_item((1.0, 0.4, 0.6))
    assert compare(pink, with_item((0.3, 0.65, 1.0))) is None
    assert compare(pink, with_item((0.95, 0.45, 0.6))) is not None


@pytest.mark.parametrize("colour", ["#c81e1e", "#143cc8"])
def test_a_photo_with_a_half_transparent_band_is_a_copy(
    colour: str, pictures: list[Image.Image], originals: list[ComparedPicture]
) -> None:
    verdicts = []
    for picture, original in zip(pictures, originals, strict=True):
        band = Image.new("L", picture.size)
        ImageDraw.Draw(band).rectangle((0, 0.8 * picture.height, picture.width, picture.height), fill=128)
        covered = Image.composite(Image.new("RGB", picture.size, colour), picture, band)
        verdicts.append(ComparedPicture.of(covered).copy_of(original))
    assert sum(verdict is not None for verdict in verdicts) >= 0.8 * len(verdicts)


def test_the_same_model_in_another_colour_is_not_a_copy() -> None:
    def chair(colour: str) -> Image.Image:
        noise = np.random.default_rng(0).integers(0, 60, (240, 320, 1), dtype=np.uint8)
        picture = Image.fromarray(np.repeat(195 + noise, 3, axis=2))
        draw = ImageDraw.Draw(picture)
        for number in range(6):
            draw.ellipse((20 + 45 * number, 30, 60 + 45 * number, 210), fill=colour)
        return picture.resize((320, 240))

    assert compare(chair("#c04040"), chair("#c04040")) is not None
    assert compare(chair("#c04040"), chair("#4064b0")) is None


@pytest.mark.parametrize("colour", ["#4060c0", "#d09040", "#a03070", "#303038", "#e0d8d0"])
def test_a_plain_item_on_white_in_another_colour_is_not_a_copy(colour: str) -> None:
    assert compare(mug_on_white("#c04040"), mug_on_white(colour)) is None
    assert compare(mug_on_white(colour), mug_on_white("#c04040")) is None


@pytest.mark.parametrize("colour", ["#7828b4", "#c81e1e", "#28963c"])
def test_a_line_drawing_of_an_item_in_another_colour_is_not_a_copy(colour: str) -> None:
    assert compare(chair_on_white("#2850c8"), chair_on_white(colour)) is None
    assert compare(chair_on_white(colour), chair_on_white("#2850c8")) is None


@pytest.mark.parametrize("edit", ["darker", "brighter", "re-encoded", "light crop", "frame", "watermark"])
def test_an_edited_line_drawing_is_a_copy(edit: str) -> None:
    original = chair_on_white("#2850c8")
    copy = Image.open(io.BytesIO(edited(original, edit, np.random.default_rng(0))))
    assert compare(copy, original) is not None


def test_a_slightly_warmer_copy_is_a_copy(pictures: list[Image.Image], originals: list[ComparedPicture]) -> None:
    warmer = [ComparedPicture.of(picture.convert("RGB", WARMER)) for picture in pictures]
    verdicts = [copy.copy_of(original) for copy, original in zip(warmer, originals, strict=True)]
    assert sum(verdict is not None for verdict in verdicts) >= 0.8 * PHOTOS


@pytest.mark.parametrize("edit", ["darker", "brighter", "re-encoded", "light crop", "frame"])
def test_an_edited_photo_of_a_plain_item_on_white_is_a_copy(edit: str) -> None:
    original = mug_on_white("#c04040")
    copy = Image.open(io.BytesIO(edited(original, edit, np.random.default_rng(0))))
    assert compare(copy, original) is not None


def test_pictures_with_a_common_logo_are_not_copies() -> None:
    logo = np.random.default_rng(3).integers(0, 256, (60, 80, 3), dtype=np.uint8)

    def with_logo(seed: int) -> Image.Image:
        blocks = np.random.default_rng(seed).integers(0, 256, (12, 16, 3), dtype=np.uint8)
        picture = Image.fromarray(blocks).resize((320, 240), Image.Resampling.BICUBIC)
        picture.paste(Image.fromarray(logo), (0, 0))
        return picture

    assert compare(with_logo(1), with_logo(2)) is None


def test_mirrored_features_match_the_features_of_the_mirror_image(pictures: list[Image.Image]) -> None:
    pixels = resize_for_comparison(pictures[0])
    mirrored, detected = extract_features(pixels).mirrored(), extract_features(np.ascontiguousarray(pixels[:, ::-1]))
    matched = match_features(mirrored, detected)
    distances = np.linalg.norm(mirrored.points[matched[:, 0]] - detected.points[matched[:, 1]], axis=1)
    assert len(matched) > 0.7 * len(detected.points)
    assert np.median(distances) < 1.0


@pytest.mark.parametrize("size", [(40, 30), (320, 240), (1200, 900), (3000, 10)], ids=str)
def test_resizes_pictures_to_one_size(size: tuple[int, int]) -> None:
    pixels = resize_for_comparison(Image.new("RGB", size))
    assert max(pixels.shape) == COMPARED_SIDE
    assert len(extract_features(pixels).points) == 0
