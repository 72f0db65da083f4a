"""JPEG files whose pixel data are damaged before their end."""

from __future__ import annotations

import random

import pytest

from ml.photos import jpeg
from ml.photos.jpeg_damage import is_damaged
from tests.photos.files import encode, picture

OPTIONS: list[dict[str, object]] = [
    {},
    {"progressive": True},
    {"restart_marker_rows": 1},
    {"subsampling": 0},
    {"subsampling": 2},
    {"optimize": True},
]


def whole(mode: str = "RGB", **options: object) -> bytes:
    return encode(picture(320, 240).convert(mode), "JPEG", quality=85, **options)


def middle(content: bytes) -> int:
    """Return a place in the middle of the first scan."""
    scans = [segment for segment in jpeg.segments(content) if segment.is_scan]
    end = scans[1].start if len(scans) > 1 else len(content)
    return (scans[0].end + end) // 2


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("options", OPTIONS)
def test_a_whole_jpeg_is_not_damaged(mode: str, options: dict[str, object]) -> None:
    assert not is_damaged(whole(mode, **options))
    assert not is_damaged(whole(mode, **options) + b"trailing bytes")


@pytest.mark.parametrize("image_format", ["PNG", "WEBP", "HEIF", "AVIF"])
def test_other_formats_are_not_damaged(image_format: str) -> None:
    assert not is_damaged(encode(picture(32, 32), image_format))


@pytest.mark.parametrize(("mode", "options"), [*(("RGB", one) for one in OPTIONS), ("L", {}), ("CMYK", {})])
def test_missing_bytes_are_damage(mode: str, options: dict[str, object]) -> None:
    content = whole(mode, **options)
    at = middle(content)
    assert is_damaged(content[:at] + content[at + 200 :])


def test_most_sectors_of_zeros_are_damage() -> None:
    content, draw = whole(), random.Random(1)
    start = middle(content) // 2
    places = [draw.randrange(start, len(content) - 600) for _ in range(20)]
    found = [is_damaged(content[:at] + bytes(512) + content[at + 512 :]) for at in places]
    assert sum(found) >= 18


def test_a_restart_marker_out_of_order_is_damage() -> None:
    content = whole(restart_marker_rows=1)
    at = content.index(b"\xff\xd3")
    assert is_damaged(content[:at] + b"\xff\xd6" + content[at + 2 :])


@pytest.mark.parametrize("padding", [b"\0" * 400, b"\x55" * 3])
def test_padding_before_the_end_is_no_damage(padding: bytes) -> None:
    content = whole()
    assert not is_damaged(content[:-2] + padding + content[-2:])
