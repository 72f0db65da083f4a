"""Cuts metadata out of photo files without touching their pixels: EXIF, GPS, XMP, IPTC, comments, thumbnails, trailers.

What a decoder needs is kept, by a list for each format; everything else goes. The orientation alone can be put back.
"""

from __future__ import annotations

import struct
import zlib
from itertools import pairwise
from typing import TYPE_CHECKING

from ml.photos import jpeg

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ml.photos.formats import PhotoFormat

_TIFF_WITH_ORIENTATION = b"MM\0*\0\0\0\x08" + struct.pack(">HHHI", 1, 0x0112, 3, 1) + b"%b" + bytes(6)
"""EXIF data of one tag (CIPA DC-008, section 4.6)."""

_PNG_KEPT = frozenset(
    b"IHDR PLTE IDAT IEND tRNS gAMA cHRM sRGB iCCP sBIT cICP mDCV cLLI bKGD pHYs acTL fcTL fdAT".split()
)
_WEBP_KEPT_IN_FRAMES = frozenset((b"VP8 ", b"VP8L", b"ALPH"))
_WEBP_KEPT = frozenset((b"VP8X", b"ANIM", b"ANMF", b"ICCP")) | _WEBP_KEPT_IN_FRAMES
_WEBP_EXIF_FLAG, _WEBP_XMP_FLAG = 0x08, 0x04
_FRAME_HEADER_SIZE = 16
_GIF_ANIMATION = (b"NETSCAPE2.0", b"ANIMEXTS1.0")
_GIF_EXTENSION, _GIF_IMAGE, _GIF_TRAILER = 0x21, 0x2C, 0x3B
_GIF_TIMING, _GIF_APPLICATION = 0xF9, 0xFF

_JPEG_KEPT = frozenset({*range(0xC0, 0xD0), 0xD8, 0xD9, 0xDA, 0xDB, 0xDC, 0xDD, 0x01})
_JFIF, _EXIF, _ICC, _ADOBE = 0xE0, 0xE1, 0xE2, 0xEE
_JFIF_BYTES, _ADOBE_BYTES = 12, 12


def without_metadata(content: bytes, photo_format: PhotoFormat, *, orientation: int = 1) -> bytes:
    """Return a JPEG, PNG, WebP, GIF or BMP file without metadata, and only its first picture if it is an MPO file.

    A file that is damaged is cleaned as far as its structure can be followed, and cut off there.

    Args:
        content: the file.
        photo_format: its format.
        orientation: the EXIF orientation to write into a JPEG, PNG or WebP file, unless it is 1.
    """
    exif = b"" if orientation == 1 else _TIFF_WITH_ORIENTATION.replace(b"%b", struct.pack(">H", orientation))
    match photo_format:
        case "JPEG":
            return b"".join(_jpeg_parts(content, exif))
        case "PNG":
            return b"".join(_png_parts(content, exif))
        case "WEBP":
            return _webp(content, exif)
        case "GIF":
            return b"".join(_gif_parts(content))
        case _:
            return content


def _jpeg_parts(content: bytes, exif: bytes) -> Iterator[bytes]:
    found = list(jpeg.segments(content))
    after = jpeg.Segment(0, len(content), len(content), len(content))
    has_header = bool(found) and found[0].code == _JFIF
    yield content[:2]
    if exif and not has_header:
        yield _jpeg_segment(_EXIF, b"Exif\0\0" + exif)
    for segment, following in pairwise((*found, after)):
        yield _jpeg_kept(content, segment)
        if segment.is_scan:
            yield content[segment.end : following.start]
        if exif and has_header and segment is found[0]:
            yield _jpeg_segment(_EXIF, b"Exif\0\0" + exif)


def _jpeg_kept(content: bytes, segment: jpeg.Segment) -> bytes:
    """Return what is kept of a segment: all of it, a short form or nothing."""
    body = content[segment.body + 2 : segment.end]
    if segment.code in _JPEG_KEPT or (segment.code == _ICC and body.startswith(b"ICC_PROFILE\0")):
        return content[segment.start : segment.end]
    if segment.code == _JFIF and body.startswith(b"JFIF\0"):
        return _jpeg_segment(_JFIF, body[:_JFIF_BYTES].ljust(_JFIF_BYTES, b"\0") + bytes(2))  # no thumbnail
    if segment.code == _ADOBE and body.startswith(b"Adobe"):
        return _jpeg_segment(_ADOBE, body[:_ADOBE_BYTES])
    return b""


def _jpeg_segment(code: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, code, len(body) + 2) + body


def _png_parts(content: bytes, exif: bytes) -> Iterator[bytes]:
    yield content[:8]
    for kind, start, end in png_chunks(content):
        if kind in _PNG_KEPT:
            yield content[start:end]
        if kind == b"IHDR" and exif:
            checksum = zlib.crc32(b"eXIf" + exif)
            yield struct.pack(">I", len(exif)) + b"eXIf" + exif + struct.pack(">I", checksum)
        if kind == b"IEND":
            return


def png_chunks(content: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield kind, start and end of each chunk of a PNG file; the last may end behind the end of a file that is cut."""
    start = 8
    while start + 8 <= len(content):
        end = start + 12 + int.from_bytes(content[start : start + 4], "big")
        yield content[start + 4 : start + 8], start, end
        start = end


def _webp(content: bytes, exif: bytes) -> bytes:
    body = b"".join(_webp_chunks(content, 12, _WEBP_KEPT))
    if exif and body.startswith(b"VP8X"):
        body = body[:8] + bytes((body[8] | _WEBP_EXIF_FLAG,)) + body[9:] + _riff_chunk(b"EXIF", exif)
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def _webp_chunks(content: bytes, start: int, kept: frozenset[bytes]) -> Iterator[bytes]:
    """Yield the chunks of these kinds, with their padding (RFC 9649, section 2.3)."""
    while start + 8 <= len(content):
        kind, size = content[start : start + 4], int.from_bytes(content[start + 4 : start + 8], "little")
        body = content[start + 8 : start + 8 + size]
        start += 8 + size + size % 2
        if kind not in kept:
            continue
        if kind == b"VP8X" and body:
            body = bytes((body[0] & ~(_WEBP_EXIF_FLAG | _WEBP_XMP_FLAG),)) + body[1:]
        if kind == b"ANMF":
            body = body[:_FRAME_HEADER_SIZE] + b"".join(_webp_chunks(body, _FRAME_HEADER_SIZE, _WEBP_KEPT_IN_FRAMES))
        is_cut = len(body) < size and kind != b"ANMF"
        yield kind + struct.pack("<I", size) + body if is_cut else _riff_chunk(kind, body)


def _riff_chunk(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("<I", len(body)) + body + bytes(len(body) % 2)


def _gif_parts(content: bytes) -> Iterator[bytes]:
    position = 13 + _palette_size(content, 10)
    yield content[:position]
    while position < len(content):
        start, kind = position, content[position]
        if kind == _GIF_IMAGE:
            position += 10 + _palette_size(content, position + 9) + 1
        elif kind == _GIF_EXTENSION:
            position += 2
        else:
            yield content[position : position + 1] if kind == _GIF_TRAILER else b""
            return
        position = _after_sub_blocks(content, position)
        if kind == _GIF_IMAGE or _is_kept_extension(content[start : start + 14]):
            yield content[start:position]


def _is_kept_extension(head: bytes) -> bool:
    label = head[1] if len(head) > 1 else 0
    return label == _GIF_TIMING or (label == _GIF_APPLICATION and head[3:14] in _GIF_ANIMATION)


def _after_sub_blocks(content: bytes, position: int) -> int:
    while position < len(content) and content[position]:
        position += 1 + content[position]
    return position + 1


def _palette_size(content: bytes, at: int) -> int:
    flags = content[at] if at < len(content) else 0
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0
