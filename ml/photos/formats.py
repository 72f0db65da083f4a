"""Recognises photo formats from a file's bytes, before a decoder sees them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator

PhotoFormat: TypeAlias = Literal["JPEG", "PNG", "WEBP", "GIF", "BMP"]
"""The accepted formats, by Pillow's names."""

_BMP_HEADER_SIZES = frozenset({12, 40, 52, 56, 64, 108, 124})

_UNSUPPORTED: tuple[tuple[int, bytes, str], ...] = (
    (0, b"II*\0", "a TIFF file"),
    (0, b"MM\0*", "a TIFF file"),
    (0, b"8BPS", "a Photoshop file"),
    (0, b"%!PS", "a PostScript file"),
    (0, b"\xc5\xd0\xd3\xc6", "a PostScript file"),
    (0, b"%PDF", "a PDF file"),
    (0, b"\0\0\1\0", "an icon file"),
    (0, b"\0\0\0\x0cjP  ", "a JPEG 2000 file"),
    (0, b"\xff\x4f\xff\x51", "a JPEG 2000 file"),
    (0, b"\xff\x0a", "a JPEG XL file"),
    (0, b"\0\0\0\x0cJXL ", "a JPEG XL file"),
    (4, b"ftypavif", "an AVIF file"),
    (4, b"ftypavis", "an AVIF file"),
    (4, b"ftyphei", "a HEIC file"),
    (4, b"ftyphev", "a HEIC file"),
    (4, b"ftypmif1", "a HEIF file"),
    (0, b"qoif", "a QOI file"),
    (0, b"<svg", "an SVG file"),
    (0, b"<?xml", "an XML or SVG file"),
)
"""Offset, signature at that offset, and a name for the format."""

JPEG_SCAN = 0xDA
"""Code of the marker that starts a scan of a JPEG."""

_EOI = 0xD9
_WITHOUT_LENGTH = frozenset({0x01, 0xD8})
_JPEG_MARKER = re.compile(rb"\xff+([^\x00\xff\xd0-\xd7])")
"""Any marker except a restart. Inside a scan, a zero follows each 0xff byte of pixel data."""


def sniff(content: bytes) -> PhotoFormat | None:
    """Return the accepted format that the first bytes identify, or None."""
    if content.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if content.startswith((b"GIF87a", b"GIF89a")):
        return "GIF"
    if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
        return "WEBP"
    if content.startswith(b"BM") and int.from_bytes(content[14:18], "little") in _BMP_HEADER_SIZES:
        return "BMP"
    return None


def name_unsupported(content: bytes) -> str | None:
    """Name a known format that is not accepted, such as 'a TIFF file'; None for unknown bytes."""
    for offset, signature, name in _UNSUPPORTED:
        if content.startswith(signature, offset):
            return name
    return None


def riff_size(content: bytes) -> int:
    """Return the size in bytes that a WebP file states."""
    return 8 + _little_endian(content[4:8])


def webp_canvas(content: bytes) -> tuple[int, int] | None:
    """Return the width and height in the first chunk of a WebP file, or None if the chunk is broken.

    The three layouts are in RFC 9649, sections 2.5, 2.6 and 2.7, and RFC 6386, section 9.1.
    """
    if len(content) < 30:
        return None
    chunk = content[12:16]
    if chunk == b"VP8X":
        return _little_endian(content[24:27]) + 1, _little_endian(content[27:30]) + 1
    if chunk == b"VP8L":
        bits = _little_endian(content[21:25])
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if chunk == b"VP8 ":
        return _little_endian(content[26:28]) & 0x3FFF, _little_endian(content[28:30]) & 0x3FFF
    return None


def jpeg_markers(content: bytes) -> Iterator[int]:
    """Yield the codes of a JPEG's markers, without restart markers, up to the end of its first picture."""
    position = 2
    while marker := _JPEG_MARKER.search(content, position):
        code = marker[1][0]
        if code == _EOI:
            return
        yield code
        length = 0 if code in _WITHOUT_LENGTH else int.from_bytes(content[marker.end() : marker.end() + 2], "big")
        position = marker.end() + length


def _little_endian(content: bytes) -> int:
    return int.from_bytes(content, "little")
