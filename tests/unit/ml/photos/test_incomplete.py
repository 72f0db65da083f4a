"""JPEG files that are cut off: what still shows the photo is decoded and flagged, the rest is refused."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from ml.photos import jpeg
from ml.photos.decode import PhotoError, decode, is_incomplete
from tests.photos.files import encode, picture

WIDTH, HEIGHT = 160, 128


def photo() -> Image.Image:
    """Smooth and light: no part of it looks like the grey that stands for missing rows."""
    return Image.fromarray((np.asarray(picture(WIDTH, HEIGHT), float) * 0.3 + 150).astype(np.uint8))


def whole(**options: object) -> bytes:
    return encode(photo(), "JPEG", quality=90, **options)


def outcome_of(content: bytes) -> str:
    try:
        return "incomplete" if is_incomplete(decode(content)) else "whole"
    except PhotoError as error:
        return error.reason


def scan_starts(content: bytes) -> list[int]:
    return [segment.start for segment in jpeg.segments(content) if segment.is_scan]


@pytest.mark.parametrize("missing", [1, 2])
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_rows": 1}, {"subsampling": 0}])
def test_a_jpeg_without_its_end_marker_decodes_to_all_its_pixels(missing: int, options: dict[str, object]) -> None:
    decoded = decode(whole(**options)[:-missing])
    assert decoded.tobytes() == decode(whole(**options)).tobytes()
    assert is_incomplete(decoded)


def test_a_grey_or_cmyk_jpeg_without_its_end_marker_is_decoded() -> None:
    for mode in ("L", "CMYK"):
        content = encode(photo().convert(mode), "JPEG")
        assert decode(content[:-2]).tobytes() == decode(content).tobytes()


def test_a_whole_jpeg_is_not_flagged() -> None:
    for content in (whole(), whole(progressive=True), whole() + b"trailing bytes", encode(photo(), "PNG")):
        assert not is_incomplete(decode(content))


def test_a_jpeg_without_its_last_rows_keeps_the_others() -> None:
    content = whole()
    scan = scan_starts(content)[0]
    cut = content[: scan + int(0.85 * (len(content) - scan))]
    decoded, expected = np.asarray(decode(cut), int), np.asarray(decode(content), int)
    assert is_incomplete(decode(cut))
    assert decoded.shape == expected.shape
    assert np.array_equal(decoded[: HEIGHT // 2], expected[: HEIGHT // 2])
    assert not np.array_equal(decoded[-8:], expected[-8:])


@pytest.mark.parametrize("at_least", [None, 30])
def test_a_jpeg_without_more_than_a_quarter_of_its_rows_is_refused(at_least: int | None) -> None:
    content = whole()
    scan = scan_starts(content)[0]
    with pytest.raises(PhotoError) as caught:
        decode(content[: scan + int(0.6 * (len(content) - scan))], at_least=at_least)
    assert caught.value.reason == "truncated"


def test_a_progressive_jpeg_that_lacks_only_precision_is_decoded() -> None:
    content = whole(progressive=True)
    after_all_first_bits = scan_starts(content)[5]
    decoded, expected = np.asarray(decode(content[: after_all_first_bits + 40]), int), np.asarray(decode(content), int)
    assert np.abs(decoded - expected).mean() < 6


@pytest.mark.parametrize("scans", [0, 1, 3, 4])
def test_a_progressive_jpeg_that_lacks_detail_is_refused(scans: int) -> None:
    content = encode(picture(WIDTH, HEIGHT), "JPEG", quality=90, progressive=True)
    assert outcome_of(content[: scan_starts(content)[scans] + 80]) == "truncated"


@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_cut_anywhere_decodes_or_is_refused_as_truncated_or_damaged(*, progressive: bool) -> None:
    content = whole(progressive=progressive)
    for length in range(20, len(content), 97):
        assert outcome_of(content[:length]) in ("incomplete", "truncated", "damaged")


def test_nuls_that_fill_up_a_broken_download_are_no_rows() -> None:
    content = whole()
    cut = len(content) * 6 // 10
    assert outcome_of(content[:cut] + bytes(len(content) - cut)) == "truncated"
    assert outcome_of(content[:cut] + bytes(10 * len(content))) == "truncated"
    assert outcome_of(content[:-2] + bytes(4096)) == "incomplete"
    assert outcome_of(content + bytes(4096)) == "whole"
    assert outcome_of(content + b"trailer" + bytes(4096)) == "whole"


def test_a_small_jpeg_without_its_end_marker_is_decoded() -> None:
    for image in (picture(8, 8), Image.new("RGB", (64, 64), "red"), Image.new("L", (16, 16), 200)):
        for options in ({}, {"progressive": True}):
            assert outcome_of(encode(image, "JPEG", **options)[:-2]) == "incomplete"


def test_a_photo_on_a_white_floor_is_whole_up_to_its_last_row() -> None:
    image = Image.new("RGB", (160, 400), "white")
    image.paste(photo())
    for options in ({}, {"optimize": True}, {"progressive": True}):
        content = encode(image, "JPEG", **options)
        assert decode(content[:-2]).tobytes() == decode(content).tobytes()
