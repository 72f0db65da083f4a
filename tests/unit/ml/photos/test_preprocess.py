"""Preprocessing turns photo bytes into the network's input and into perceptual hashes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import imagehash
import numpy as np
import pytest
from PIL import Image

from ml.photos.decode import PhotoError, PhotoLimits, decode
from ml.photos.preprocess import Preprocessing, perceptual_hash
from tests.photos.files import encode, exif_orientation, picture, with_exif

SMALL = Preprocessing(size=32)


def scene(width: int, height: int) -> Image.Image:
    """Return a smooth picture of mid-range colours, with detail at every size."""
    noise = np.random.default_rng(11).integers(40, 210, (12, 16, 3), dtype=np.uint8)
    return Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC)


def distance(one: str, other: str) -> int:
    """Return the number of bits that differ."""
    return (int(one, 16) ^ int(other, 16)).bit_count()


@pytest.mark.parametrize("size", [(48, 40), (40, 600), (1600, 1200)])
@pytest.mark.parametrize("image_format", ["JPEG", "PNG"])
def test_any_photo_becomes_a_square_of_rgb_bytes(size: tuple[int, int], image_format: str) -> None:
    pixels = SMALL.load(encode(picture(*size), image_format))
    assert pixels.shape == (32, 32, 3)
    assert pixels.dtype == np.uint8


def test_arrays_stack_to_a_batch() -> None:
    pixels = SMALL.load(encode(picture(), "PNG"))
    assert pixels.flags.c_contiguous
    assert np.stack([pixels, pixels]).shape == (2, 32, 32, 3)


def test_loading_decodes_and_applies() -> None:
    content = encode(scene(320, 240), "JPEG")
    assert np.array_equal(Preprocessing().load(content), Preprocessing().apply(decode(content)))


def test_shrinking_while_decoding_changes_the_array_by_less_than_a_level_on_average() -> None:
    content = encode(scene(2400, 1800), "JPEG", quality=92)
    preprocessing = Preprocessing()
    whole, shrunk = preprocessing.apply(decode(content)), preprocessing.load(content)
    difference = np.abs(whole.astype(int) - shrunk.astype(int))
    assert difference.mean() < 1
    assert difference.max() < 12


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_photo_gives_the_same_array_as_the_upright_photo(orientation: int) -> None:
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}
    upright = scene(640, 480)
    stored = upright if orientation == 1 else upright.transpose(Image.Transpose(undo[orientation]))
    turned = with_exif(encode(stored, "JPEG", quality=95, subsampling=0), exif_orientation(orientation))
    expected = SMALL.load(encode(upright, "JPEG", quality=95, subsampling=0)).astype(int)
    assert np.abs(SMALL.load(turned).astype(int) - expected).max() <= 3


def test_letterbox_bars_are_trimmed_unless_the_setting_is_off() -> None:
    barred = Image.new("RGB", (320, 320))
    barred.paste(scene(320, 240), (0, 40))
    expected = SMALL.load(encode(scene(320, 240), "PNG"))
    assert np.array_equal(SMALL.load(encode(barred, "PNG")), expected)
    untrimmed = replace(SMALL, trim_borders=False).load(encode(barred, "PNG"))
    assert untrimmed[0].max() == 0


def test_the_whole_photo_is_squashed_into_the_square() -> None:
    wide = Image.new("RGB", (300, 100), "red")
    wide.paste((0, 0, 255), (150, 0, 300, 100))
    pixels = SMALL.load(encode(wide, "PNG"))
    assert pixels[16, 0].tolist() == [255, 0, 0]
    assert pixels[16, 31].tolist() == [0, 0, 255]
    assert pixels[0, 0].tolist() == [255, 0, 0]


def test_rejects_bytes_that_are_not_an_accepted_photo() -> None:
    with pytest.raises(PhotoError):
        SMALL.load(b"<html>")
    with pytest.raises(PhotoError):
        SMALL.load(encode(picture(), "PNG"), PhotoLimits(max_side=10))


def test_the_settings_survive_json() -> None:
    import json

    for preprocessing in (Preprocessing(), Preprocessing(size=64, mean=(0.1, 0.2, 0.3), trim_borders=False)):
        assert Preprocessing.from_json(json.loads(json.dumps(preprocessing.to_json()))) == preprocessing


@pytest.mark.parametrize(
    "change",
    [
        {"size": "large"},
        {"size": 0},
        {"mean": [0.5]},
        {"std": [0.2, 0, 0.2]},
        {"resize": "crop"},
        {"sharpen": True},
        {"trim_borders": None},
    ],
)
def test_rejects_settings_that_this_release_does_not_support(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"size|mean|std|resize|sharpen|trim_borders"):
        Preprocessing.from_json({**Preprocessing().to_json(), **change})


@pytest.mark.parametrize("settings", [None, [], "squash", {}, {"size": 224}])
def test_rejects_incomplete_settings(settings: object) -> None:
    with pytest.raises(ValueError, match=r"Expected|exactly"):
        Preprocessing.from_json(settings)


def test_the_hash_is_sixteen_hex_digits() -> None:
    hashed = perceptual_hash(picture())
    assert len(hashed) == 16
    assert int(hashed, 16) >= 0


@pytest.mark.parametrize("size", [(320, 240), (240, 320), (241, 97), (700, 1100)])
def test_the_hash_is_imagehash_of_the_picture_shrunk_to_256_pixels(size: tuple[int, int]) -> None:
    shrunk = scene(*size).reduce(max(min(size) // 256, 1))
    assert perceptual_hash(scene(*size)) == str(imagehash.phash(shrunk))


@pytest.mark.parametrize("trim", [True, False])
def test_applying_and_hashing_together_equals_each_alone(trim: bool) -> None:
    barred = Image.new("RGB", (320, 320), "white")
    barred.paste(scene(320, 240), (0, 40))
    preprocessing = Preprocessing(size=64, trim_borders=trim)
    pixels, hashed = preprocessing.apply_and_hash(barred)
    assert np.array_equal(pixels, preprocessing.apply(barred))
    assert hashed == perceptual_hash(barred)


def test_shrinking_while_decoding_hardly_changes_the_hash() -> None:
    content = encode(scene(1024, 768), "JPEG", quality=92)
    shrunk = decode(content, at_least=Preprocessing().decode_at_least)
    assert shrunk.size == (512, 384)
    assert distance(perceptual_hash(decode(content)), perceptual_hash(shrunk)) <= 2


def test_copies_of_a_photo_have_close_hashes_and_other_photos_do_not() -> None:
    original = scene(640, 480)
    barred = Image.new("RGB", (640, 640), "white")
    barred.paste(original, (0, 80))
    other = original.transpose(Image.Transpose.ROTATE_90)
    copies = [original.resize((200, 150)), decode(encode(original, "JPEG", quality=30)), barred]
    expected = perceptual_hash(original)
    assert max(distance(expected, perceptual_hash(copy)) for copy in copies) <= 4
    assert distance(expected, perceptual_hash(other)) >= 16
