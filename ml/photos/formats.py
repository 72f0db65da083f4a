"""Recognises photo formats from a file's bytes, before a decoder sees them."""

from __future__ import annotations

from typing import Literal, TypeAlias

PhotoFormat: TypeAlias = Literal["JPEG", "PNG", "WEBP", "GIF", "BMP", "HEIF", "AVIF", "TIFF"]
"""The accepted formats, by Pillow's names. A phone's MPO file is a JPEG with more pictures behind the first."""

FORMAT_NAMES = "JPEG, PNG, WebP, GIF, BMP, HEIC, AVIF or TIFF"
"""The accepted formats in texts."""

_TIFF_SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")

_BRANDS: dict[bytes, PhotoFormat] = {
    **dict.fromkeys((b"avif", b"avis"), "AVIF"),
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"), "HEIF"),
}
"""Brands of ISO/IEC 23008-12 files. `mif1` says nothing about the codec, so the others are looked at first."""

_GENERIC_BRANDS = frozenset({b"mif1", b"msf1"})

_BRANDS_READ = 32
"""Brands of a file that are looked at; encoders write fewer than ten."""

_BMP_HEADER_SIZES = frozenset({12, 40, 52, 56, 64, 108, 124})

_UNSUPPORTED: tuple[tuple[int, bytes, str], ...] = (
    (0, b"8BPS", "a Photoshop file"),
    (0, b"%!PS", "a PostScript file"),
    (0, b"\xc5\xd0\xd3\xc6", "a PostScript file"),
    (0, b"%PDF", "a PDF file"),
    (0, b"\0\0\1\0", "an icon file"),
    (0, b"\0\0\0\x0cjP  ", "a JPEG 2000 file"),
    (0, b"\xff\x4f\xff\x51", "a JPEG 2000 file"),
    (0, b"\xff\x0a", "a JPEG XL file"),
    (0, b"\0\0\0\x0cJXL ", "a JPEG XL file"),
    (4, b"ftypcrx ", "a camera's raw file"),
    (4, b"ftypjxl", "a JPEG XL file"),
    (4, b"ftyp", "a video"),
    *((0, signature, "a camera's raw file") for signature in _TIFF_SIGNATURES),
    (0, b"qoif", "a QOI file"),
    (0, b"<svg", "an SVG file"),
    (0, b"<?xml", "an XML or SVG file"),
)
"""Offset, signature at that offset, and a name for the format."""


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
    if content.startswith(_TIFF_SIGNATURES):
        return "TIFF" if content[8:10] != b"CR" else None
    return _brand(content) if content[4:8] == b"ftyp" else None


def _brand(content: bytes) -> PhotoFormat | None:
    """Return the format that the brands of an ISO media file name: the major brand first, `mif1` and `msf1` last."""
    size = min(int.from_bytes(content[:4], "big"), 16 + 4 * _BRANDS_READ)
    brands = [content[8:12], *(content[at : at + 4] for at in range(16, size, 4))]
    named = [_BRANDS[brand] for brand in sorted(brands, key=_GENERIC_BRANDS.__contains__) if brand in _BRANDS]
    return named[0] if named else None


def name_unsupported(content: bytes) -> str | None:
    """Name a known format that is not accepted, such as 'a PDF file'; None for unknown bytes."""
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


def _little_endian(content: bytes) -> int:
    return int.from_bytes(content, "little")
