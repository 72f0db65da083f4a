"""Photo files for tests: a picture in any format, and headers, chunks and tags of any content, valid or not."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
import pillow_heif
from PIL import Image, ImageCms

PNG_MAGIC = b"\x89PNG\r\n\x1a\n"


def picture(width: int = 48, height: int = 40) -> Image.Image:
    """Return a coloured RGB picture without symmetry, which shows rotation and mirroring."""
    y, x = np.mgrid[:height, :width]
    ramp = np.stack([x * 255 // max(width - 1, 1), y * 255 // max(height - 1, 1), (x * y) % 251], axis=-1)
    return Image.fromarray(ramp.astype(np.uint8))


def encode(image: Image.Image, image_format: str, **options: Any) -> bytes:
    out = io.BytesIO()
    if image_format == "HEIF":
        pillow_heif.from_pillow(image).save(out, **options)
    else:
        image.save(out, image_format, **options)
    return out.getvalue()


def png_chunk(kind: bytes, body: bytes = b"") -> bytes:
    """Return a PNG chunk with a correct CRC."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width: int, height: int, *chunks: bytes, depth: int = 8, colour: int = 2) -> bytes:
    """Return a PNG file with a valid header and the given chunks, valid or not."""
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    return PNG_MAGIC + header + b"".join(chunks) + png_chunk(b"IEND")


def bmp(width: int, height: int, *, bits: int = 24, compression: int = 0, body: bytes = b"", header: int = 40) -> bytes:
    """Return a BMP file with this header and body, matching or not."""
    fields = struct.pack("<IiiHHIIiiII", header, width, height, 1, bits, compression, len(body), 2835, 2835, 0, 0)
    palette = bytes(4 << bits) if bits <= 8 else b""
    offset = 14 + len(fields) + len(palette)
    return b"BM" + struct.pack("<IHHI", offset + len(body), 0, 0, offset) + fields + palette + body


def tiff_of_size(width: int, height: int) -> bytes:
    """Return a TIFF file that claims another size than it has."""
    return with_tags(encode(picture(), "TIFF"), {256: (256, width), 257: (257, height)})


def tiff_of_tiles(side: int) -> bytes:
    """Return a TIFF file that claims to have tiles of `side` x `side` pixels."""
    return with_tags(encode(picture(), "TIFF"), {278: (322, side), 284: (323, side)})


def with_tags(tiff: bytes, tags: dict[int, tuple[int, int]]) -> bytes:
    """Return a little-endian TIFF file with tags replaced by other tags of a long value."""
    entries, changed = 10, bytearray(tiff)
    for at in range(entries, entries + 12 * int.from_bytes(tiff[8:10], "little"), 12):
        if (tag := int.from_bytes(tiff[at : at + 2], "little")) in tags:
            changed[at : at + 12] = struct.pack("<HHII", tags[tag][0], 4, 1, tags[tag][1])
    return bytes(changed)


def with_stated_size(image_format: str, side: int) -> bytes:
    """Return a HEIC or AVIF file whose container claims another size than its picture has."""
    content = encode(picture(), image_format)
    at = content.index(b"ispe") + 8
    return content[:at] + struct.pack(">II", side, side) + content[at + 8 :]


def with_exif(jpeg: bytes, tiff: bytes) -> bytes:
    """Return the JPEG with `tiff`, valid or not, as its EXIF segment."""
    return with_segment(jpeg, 0xE1, b"Exif\0\0" + tiff)


def with_segment(jpeg: bytes, code: int, body: bytes) -> bytes:
    """Return the JPEG with another segment at its beginning."""
    return jpeg[:2] + bytes([0xFF, code]) + struct.pack(">H", len(body) + 2) + body + jpeg[2:]


def exif_orientation(value: int, *, kind: int = 3, count: int = 1) -> bytes:
    """Return a TIFF structure with only the orientation tag, of any value and type."""
    return b"MM\0*\0\0\0\x08" + struct.pack(">HHHIHH", 1, 0x0112, kind, count, value, 0) + bytes(4)


def colour_profile(space: Any) -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile(space)).tobytes()
