"""Hostile photo files, made in code: disguised, truncated, oversized, damaged, and valid but unusual ones."""

from __future__ import annotations

import io
import random
import struct
import zipfile
import zlib
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from tests.photos.files import (
    PNG_MAGIC,
    bmp,
    colour_profile,
    encode,
    exif_orientation,
    picture,
    png,
    png_chunk,
    tiff_of_size,
    tiff_of_tiles,
    with_exif,
    with_segment,
    with_stated_size,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

PILLOW_MAY_WARN = [
    pytest.mark.filterwarnings(f"ignore:::PIL.{module}")
    for module in ("Image", "TiffImagePlugin", "PngImagePlugin", "JpegImagePlugin")
]
"""Marks for tests of these photos: pytest replaces the warning filters with which `ml.photos.decode` ignores
Pillow's warnings about metadata, and would turn the warnings into errors."""


@dataclass(frozen=True, slots=True)
class HostilePhoto:
    """A photo file that must be accepted (`acceptable=True`) or rejected (False), or may be either (None)."""

    name: str
    content: bytes
    acceptable: bool | None


@cache
def hostile_photos() -> tuple[HostilePhoto, ...]:
    """Return all hostile photos, whose names are unique."""
    return tuple(
        photo
        for source in (
            _disguised,
            _truncated,
            _oversized,
            _broken_jpegs,
            _broken_pngs,
            _broken_others,
            _many_pictures,
            _odd_jpegs,
            _odd_others,
        )
        for photo in source()
    )


def _disguised() -> Iterator[HostilePhoto]:
    """Files of other kinds, uploaded as photo.jpg."""
    tiff, icon = encode(picture(), "TIFF"), encode(picture(), "ICO", sizes=[(32, 32)])
    thumbnail = encode(picture(), "TIFF", tiffinfo={254: 1})
    others = {
        "empty": b"",
        "one byte": b"\xff",
        "nuls": bytes(4096),
        "random bytes": random.Random(1).randbytes(4096),
        "html": b"<!DOCTYPE html><html><body><h1>404 Not Found</h1></body></html>",
        "html before a jpeg": b"<html></html>" + encode(picture(), "JPEG"),
        "svg": b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>',
        "svg with entities": b'<?xml version="1.0"?><!DOCTYPE s [<!ENTITY a "aaaa">]><svg>&a;</svg>',
        "pdf": b"%PDF-1.7\n1 0 obj <<>> endobj\ntrailer <<>>\n%%EOF",
        "eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(%pipe%id) (r) file\n%%EOF",
        "icon": icon,
        "tiff of the other byte order": b"MM\0*" + tiff[4:],
        "raw file, a tiff that begins with a thumbnail": thumbnail,
        "raw file of Canon": tiff[:8] + b"CR" + tiff[10:],
        "tiff of a fax": encode(picture().convert("1"), "TIFF", compression="group4"),
        "tiff of 32-bit numbers": encode(picture().convert("F"), "TIFF"),
        "mp4": b"\0\0\0\x18ftypisom\0\0\2\0isommp42" + bytes(64),
        "photoshop": b"8BPS\0\1" + bytes(6) + struct.pack(">HIIHH", 3, 40, 48, 8, 3) + bytes(64),
        "jpeg 2000": encode(picture(), "JPEG2000"),
        "ppm": encode(picture(), "PPM"),
        "tga": encode(picture(), "TGA"),
        "zip": b"PK\3\4" + bytes(64),
        "text that begins with BM": b"BMW 320d, one careful owner, full service history.",
        "riff audio": b"RIFF\x24\0\0\0WAVEfmt " + bytes(32),
    }
    for name, content in others.items():
        yield HostilePhoto(name, content, acceptable=False)


def _truncated() -> Iterator[HostilePhoto]:
    for image_format in ("JPEG", "PNG", "WEBP", "GIF", "BMP", "HEIF", "AVIF", "TIFF"):
        whole = encode(picture(120, 90), image_format)
        for share in (0.02, 0.3, 0.7):
            cut = whole[: max(4, int(len(whole) * share))]
            yield HostilePhoto(f"{image_format} cut at {share:.0%}", cut, acceptable=False)
    progressive = encode(picture(120, 90), "JPEG", progressive=True)
    yield HostilePhoto("progressive JPEG cut at half", progressive[: len(progressive) // 2], acceptable=False)
    yield HostilePhoto("magic number of a JPEG only", b"\xff\xd8\xff", acceptable=False)
    yield HostilePhoto("magic number of a PNG only", PNG_MAGIC, acceptable=False)
    yield HostilePhoto("magic number of a GIF only", b"GIF89a", acceptable=False)


def _oversized() -> Iterator[HostilePhoto]:
    line = png_chunk(b"IDAT", zlib.compress(bytes(1000)))
    webp = encode(picture(), "WEBP", lossless=True)
    huge_webp = b"WEBPVP8X" + struct.pack("<II", 10, 0) + b"\xff\xff\x00" * 2 + webp[12:]
    jpeg = encode(picture(), "JPEG")
    frame = jpeg.index(b"\xff\xc0") + 5
    huge = {
        "png 60000x60000": png(60_000, 60_000, line),
        "png 2147483647x2147483647": png(2**31 - 1, 2**31 - 1, line),
        "png 12000x12000": png(12_000, 12_000, line),
        "png 60000x1": encode(Image.new("1", (60_000, 1)), "PNG"),
        "png 1x60000": encode(Image.new("1", (1, 60_000)), "PNG"),
        "png 60000x20": encode(Image.new("1", (60_000, 20)), "PNG"),
        "png 1x1": encode(picture(1, 1), "PNG"),
        "jpeg 1x1": encode(picture(1, 1), "JPEG"),
        "jpeg 7x400": encode(picture(7, 400), "JPEG"),
        "jpeg 65535x65535": jpeg[:frame] + b"\xff\xff\xff\xff" + jpeg[frame + 4 :],
        "jpeg of height 0": jpeg[:frame] + b"\0\0" + jpeg[frame + 2 :],
        "gif 65535x65535": b"GIF89a\xff\xff\xff\xff" + encode(picture(), "GIF")[10:],
        "webp 65536x65536": b"RIFF" + struct.pack("<I", len(huge_webp)) + huge_webp,
        "bmp 30000x30000": bmp(30_000, 30_000),
        "rle bmp 60000x60000": bmp(60_000, 60_000, bits=8, compression=1, body=b"\0\1"),
        "tiff 60000x60000": tiff_of_size(60_000, 60_000),
        "tiff with tiles of 60000x60000": tiff_of_tiles(60_000),
        **{f"{kind} {side}x{side}": with_stated_size(kind, side) for kind in ("HEIF", "AVIF") for side in (4, 30_000)},
    }
    for name, content in huge.items():
        yield HostilePhoto(name, content, acceptable=False)
    zeros = zlib.compress(bytes(3 * 8000 * 7000 + 7000), 1)
    yield HostilePhoto("png bomb within the limits", png(8000, 7000, png_chunk(b"IDAT", zeros)), acceptable=None)


def _broken_jpegs() -> Iterator[HostilePhoto]:
    jpeg, progressive = encode(picture(), "JPEG"), encode(picture(), "JPEG", progressive=True)
    tables, scan = jpeg.index(b"\xff\xc4"), progressive.rindex(b"\xff\xda")
    quantisation = jpeg.index(b"\xff\xdb")
    many_scans = progressive[:scan] + progressive[scan:-2] * 5000 + b"\xff\xd9"
    many_markers = jpeg[:2] + b"\xff\xfe\0\2" * 200_000 + jpeg[2:]
    middle = len(jpeg) * 3 // 4
    yield HostilePhoto("jpeg with 5000 scans", many_scans, acceptable=False)
    yield HostilePhoto("jpeg with 200000 comments", many_markers, acceptable=False)
    yield HostilePhoto("jpeg without Huffman tables", jpeg.replace(b"\xff\xc4", b"\xff\xfe"), acceptable=None)
    garbled = jpeg[: tables + 5] + b"\xff" * 16 + jpeg[tables + 21 :]
    yield HostilePhoto("jpeg with garbled Huffman tables", garbled, acceptable=False)
    short = jpeg[: quantisation + 2] + b"\0\x05" + jpeg[quantisation + 4 :]
    yield HostilePhoto("jpeg with a short quantisation table", short, acceptable=False)
    yield HostilePhoto("jpeg with a segment of length 0", with_segment(jpeg, 0xE5, b"")[:4] + bytes(2) + jpeg[2:], None)
    yield HostilePhoto("jpeg with ones in its scan", jpeg[:middle] + b"\xff\0" * 40 + jpeg[middle:], acceptable=None)
    yield HostilePhoto("jpeg with nuls in its scan", jpeg[:middle] + bytes(80) + jpeg[middle + 80 :], acceptable=None)
    yield HostilePhoto("jpeg with two frames", jpeg[:20] + jpeg[jpeg.index(b"\xff\xc0") :], acceptable=False)
    yield HostilePhoto("jpeg that repeats itself", jpeg[:-2] + jpeg, acceptable=None)


def _broken_pngs() -> Iterator[HostilePhoto]:
    good = encode(picture(), "PNG")
    idat = good.index(b"IDAT")
    bad_crc = bytearray(good)
    bad_crc[29] ^= 0xFF
    rows = png_chunk(b"IDAT", zlib.compress(bytes((3 * 48 + 1) * 40)))
    text = png_chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(2**26), 9))
    broken = {
        "png with a bad header CRC": (bytes(bad_crc), False),
        "png with a chunk of length 0": (png(48, 40, png_chunk(b"IDAT"), rows), True),
        "png without pixels": (png(48, 40), False),
        "png with too few pixels": (png(48, 40, png_chunk(b"IDAT", zlib.compress(bytes(99)))), False),
        "png with damaged compression": (good[: idat + 20] + bytes(30) + good[idat + 50 :], None),
        "png with a chunk of 2 GiB": (png(48, 40, b"\x7f\xff\xff\xffIDAT" + bytes(50)), False),
        "png of colour type 5": (png(48, 40, rows, colour=5), False),
        "png without a palette": (png(48, 40, rows, colour=3), None),
        "png with a text bomb": (png(48, 40, text, rows), False),
        "png with two headers": (good[:33] + good[8:], None),
        "png with an endless animation": (png(48, 40, png_chunk(b"acTL", bytes(8)), rows), True),
        "png with garbled EXIF": (png(48, 40, png_chunk(b"eXIf", b"MM\0*\xff\xff\xff\xff"), rows), True),
    }
    for name, (content, acceptable) in broken.items():
        yield HostilePhoto(name, content, acceptable)


def _broken_others() -> Iterator[HostilePhoto]:
    gif, webp = encode(picture(), "GIF"), encode(picture(), "WEBP")
    descriptor = gif.index(b",\0\0\0\0")
    broken = {
        "gif whose frame lies outside": (gif[: descriptor + 1] + b"\xf0\xff\xf0\xff" + gif[descriptor + 5 :], False),
        "gif without a frame": (gif[:descriptor] + b";", False),
        "gif with an endless comment": (gif[:descriptor] + b"!\xfe" + b"\xffx" * 4000 + gif[descriptor:], None),
        "gif with code size 200": (gif[: descriptor + 10] + b"\xc8" + gif[descriptor + 11 :], False),
        "webp that claims more than it has": (b"RIFF" + struct.pack("<I", 2**31) + webp[8:], False),
        "webp that claims 4 bytes": (b"RIFF" + struct.pack("<I", 4) + webp[8:], None),
        "webp of unknown chunks": (b"RIFF\x20\0\0\0WEBPXXXX" + struct.pack("<I", 20) + bytes(20), False),
        "webp with a garbled frame": (webp[:40] + bytes(len(webp) - 40), None),
        "rle bmp that runs outside": (bmp(40, 40, bits=8, compression=1, body=b"\0\2\xff\xff\xff\1" * 9), None),
        "rle bmp that ends at once": (bmp(40, 40, bits=8, compression=1, body=b"\0\1"), None),
        "rle4 bmp of random bytes": (
            bmp(40, 40, bits=4, compression=2, body=random.Random(2).randbytes(400)),
            None,
        ),
        "bmp of negative width": (bmp(-40, 40, body=bytes(4800)), False),
        "bmp of lowest height": (bmp(40, -(2**31), body=bytes(4800)), False),
        "bmp of 7 bits": (bmp(40, 40, bits=7, body=bytes(4800)), False),
        "bmp that holds a jpeg": (bmp(40, 40, compression=4, body=encode(picture(), "JPEG")), False),
        "bmp without pixels": (bmp(40, 40), False),
    }
    for name, (content, acceptable) in broken.items():
        yield HostilePhoto(name, content, acceptable)


def _many_pictures() -> Iterator[HostilePhoto]:
    """Files of several pictures, which must be accepted."""
    frames = [Image.new("RGB", (48, 40), colour) for colour in ("red", "green", "blue")]
    odd = {
        "animated gif": encode(frames[0], "GIF", save_all=True, append_images=frames[1:]),
        "animated webp": encode(frames[0], "WEBP", save_all=True, append_images=frames[1:]),
        "animated png": encode(frames[0], "PNG", save_all=True, append_images=frames[1:]),
        "multi-picture jpeg": encode(picture(), "MPO", save_all=True, append_images=[picture()]),
        "tiff of two pages": encode(frames[0], "TIFF", save_all=True, append_images=frames[1:]),
        "animated avif": encode(frames[0], "AVIF", save_all=True, append_images=frames[1:]),
    }
    for name, content in odd.items():
        yield HostilePhoto(name, content, acceptable=True)


def _odd_jpegs() -> Iterator[HostilePhoto]:
    """Unusual JPEGs that real phones and editors write, which must be accepted."""
    jpeg, grey = encode(picture(), "JPEG"), picture().convert("L")
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr("run.sh", "echo")
    odd = {
        "jpeg with a garbled picture list": with_segment(jpeg, 0xE2, b"MPF\0II*\0\xff\xff\xff\xff"),
        "jpeg and zip": jpeg + archive.getvalue(),
        "jpeg and html": with_segment(jpeg, 0xFE, b"<script>alert(1)</script>"),
        "jpeg with 60 kB of EXIF": with_exif(jpeg, exif_orientation(1) + bytes(60_000)),
        "jpeg with orientation 0": with_exif(jpeg, exif_orientation(0)),
        "jpeg with orientation 9": with_exif(jpeg, exif_orientation(9)),
        "jpeg with orientation 65535": with_exif(jpeg, exif_orientation(65_535)),
        "jpeg with orientation as text": with_exif(jpeg, exif_orientation(0x3600, kind=2)),
        "jpeg with a billion orientations": with_exif(jpeg, exif_orientation(6, count=10**9)),
        "jpeg with random EXIF": with_exif(jpeg, random.Random(3).randbytes(500)),
        "jpeg with EXIF that points at itself": with_exif(jpeg, b"MM\0*\0\0\0\0" * 9),
        "jpeg with empty EXIF": with_exif(jpeg, b""),
        "jpeg with an empty colour profile": with_segment(jpeg, 0xE2, b"ICC_PROFILE\0\1\1"),
        "jpeg with a profile of half its length": encode(picture(), "JPEG", icc_profile=colour_profile("LAB")[:300]),
        "jpeg with a profile for other pixels": encode(picture(), "JPEG", icc_profile=colour_profile("LAB")),
        "grey jpeg with a profile for colours": encode(
            picture().convert("L"), "JPEG", icc_profile=colour_profile("sRGB")
        ),
        "jpeg without its end marker": jpeg[:-2],
        "progressive jpeg without its end marker": encode(picture(), "JPEG", progressive=True)[:-1],
        "cmyk jpeg": encode(picture().convert("CMYK"), "JPEG"),
        "grey jpeg": encode(grey, "JPEG"),
        "progressive jpeg": encode(picture(), "JPEG", progressive=True),
        "jpeg 8x8": encode(picture(8, 8), "JPEG"),
    }
    for name, content in odd.items():
        yield HostilePhoto(name, content, acceptable=True)


def _odd_others() -> Iterator[HostilePhoto]:
    """Other unusual files that real scanners and editors write, which must be accepted."""
    odd = {
        **{f"tiff of {kind}": encode(picture(), "TIFF", compression=kind) for kind in ("tiff_lzw", "jpeg", "packbits")},
        "cmyk tiff": encode(picture().convert("CMYK"), "TIFF", compression="tiff_adobe_deflate"),
        "16-bit tiff": encode(Image.fromarray(np.arange(1920, dtype=np.uint16).reshape(40, 48) * 34), "TIFF"),
        "lab tiff": encode(Image.new("LAB", (48, 40), (128, 128, 128)), "TIFF"),
        "heic": encode(picture(), "HEIF"),
        "heic with alpha": encode(picture().convert("RGBA"), "HEIF"),
        "avif": encode(picture(), "AVIF"),
        "gif and html": encode(picture(), "GIF") + b"<html><script>alert(1)</script></html>",
        "16-bit png": encode(Image.fromarray(np.arange(1920, dtype=np.uint16).reshape(40, 48) * 34), "PNG"),
        "1-bit png": encode(picture().convert("1"), "PNG"),
        "palette png with transparency": encode(picture().convert("P"), "PNG", transparency=0),
        "grey png with alpha": encode(picture().convert("LA"), "PNG"),
        "webp with alpha": encode(picture().convert("RGBA"), "WEBP"),
        "bmp upside down": bmp(40, -40, body=bytes(4800)),
        "1-bit bmp": encode(picture().convert("1"), "BMP"),
        "png 20000x8": encode(Image.new("L", (20_000, 8)), "PNG"),
    }
    for name, content in odd.items():
        yield HostilePhoto(name, content, acceptable=True)
