"""Damage inside JPEG files, of which libjpeg warns while it decodes; Pillow hides its warnings."""

from __future__ import annotations

import re

import simplejpeg

from ml.photos import jpeg

_BROKEN = re.compile(r"premature end of data segment|bad (?:Huffman|arithmetic) code|found marker 0x\w+ instead of RST")
_EXTRANEOUS = re.compile(r"(\d+) extraneous bytes? before marker 0xd9")

_MAX_EXTRANEOUS = 16
"""Bytes behind the last row that some cameras leave. Of 41 files in which a wrong byte left bytes over, 33 had more."""


def is_damaged(content: bytes) -> bool:
    """Return whether pixel data of a JPEG are wrong or missing before its end, so that a part of the picture may be.

    Of 78 files with 512 zeros inside, and of 80 that lack 512 bytes, 99 % are found; of files with one wrong byte that
    changes more than 2 % of the pixels, about half. None of 3,771 photos of a marketplace is. The check decodes an
    eighth of the size, and takes 0.2 ms for 320 x 216 pixels. CMYK files with reduced colours cannot be checked.

    Args:
        content: a photo that `decode` accepts; other formats than JPEG are never damaged in this sense.
    """
    if not content.startswith(b"\xff\xd8"):
        return False
    try:
        _height, _width, colours, _sampling = simplejpeg.decode_jpeg_header(content, strict=False)
        colourspace = "CMYK" if colours in ("CMYK", "YCCK") else "GRAY"
        simplejpeg.decode_jpeg(content, colourspace, fastdct=True, min_height=1, min_width=1, min_factor=8)
    except ValueError as warning:
        extraneous = _EXTRANEOUS.search(str(warning))
        if extraneous is not None:
            return int(extraneous[1]) > _MAX_EXTRANEOUS and not _is_padding(content, int(extraneous[1]))
        return _BROKEN.search(str(warning)) is not None
    return False


def _is_padding(content: bytes, count: int) -> bool:
    """Return whether the bytes before the end marker are all the same."""
    end = content.rfind(jpeg.END)
    return len(set(content[max(0, end - count) : end])) == 1
