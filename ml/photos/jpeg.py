"""The structure of JPEG files: segments, scans, and what a file that is cut off still holds (ITU-T T.81, annex B)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

END = b"\xff\xd9"
_SCAN, _END_OF_IMAGE = 0xDA, 0xD9
_WITHOUT_LENGTH = frozenset({0x01, 0xD8, _END_OF_IMAGE})
_FRAMES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
_PROGRESSIVE = frozenset({0xC2, 0xC6, 0xCA, 0xCE})
_MARKER = re.compile(rb"\xff+([^\x00\xff\xd0-\xd7])")
"""Any marker except a restart. Inside a scan, a zero follows each 0xff byte of pixel data."""

_LAST_COEFFICIENT = 63

_PADDING = 64
"""Nuls at the end of a file from which on they are no pixel data: broken downloads are filled up with them."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A marker with its parameters: `content[start:end]`; the pixel data of a scan follow its `end`."""

    code: int
    start: int
    body: int
    end: int

    @property
    def is_scan(self) -> bool:
        """Whether pixel data follow the segment."""
        return self.code == _SCAN


def segments(content: bytes) -> Iterator[Segment]:
    """Yield a JPEG's segments, without restart markers, up to the end marker of its first picture.

    The last one may end behind the end of a file that is cut off.
    """
    position = 2
    while marker := _MARKER.search(content, position):
        code, body = marker[1][0], marker.end()
        length = 0 if code in _WITHOUT_LENGTH else int.from_bytes(content[body : body + 2], "big")
        position = body + length
        yield Segment(code, body - 2, body, position)
        if code == _END_OF_IMAGE:
            return


def buffers_coefficients(content: bytes) -> bool:
    """Return whether a decoder must keep the whole picture in memory: 2 bytes for each sample, at any reduced size.

    This is so for progressive files, and for files with one scan for each colour.
    """
    colours = 0
    for segment in segments(content):
        if segment.code in _PROGRESSIVE:
            return True
        if segment.code in _FRAMES:
            colours = _byte(content, segment.body + 7)
        if segment.is_scan:
            return _byte(content, segment.body + 2) < colours
    return False


def is_filled_up(content: bytes) -> bool:
    """Return whether a JPEG lacks its end marker and ends in nuls, which a decoder would take for pixel data."""
    return content.endswith(bytes(_PADDING)) and all(segment.code != _END_OF_IMAGE for segment in segments(content))


def scans_of(content: bytes) -> bytes:
    """Return what a JPEG that is cut off holds before its end: no broken segment, and no nuls that fill it up."""
    unpadded = content.rstrip(b"\0")
    kept = unpadded if len(content) - len(unpadded) >= _PADDING else content
    for segment in segments(kept):
        if segment.end > len(kept):
            kept = kept[: segment.start]
    return kept


def with_end(scans: bytes, *, without: int = 0) -> bytes:
    """Return a decodable JPEG: an end marker replaces the last `without` bytes, at most half a scan."""
    last = max((segment.end for segment in segments(scans) if segment.is_scan), default=len(scans))
    end = max(len(scans) - without, (last + len(scans)) // 2)
    return scans[:end].rstrip(b"\xff") + END


def lacks_only_precision(content: bytes, *, last_is_whole: bool) -> bool:
    """Return whether each coefficient of a JPEG that is cut off was sent once, so that later scans only refine it.

    Args:
        content: a file of several scans.
        last_is_whole: whether the last scan counts too.
    """
    frame = next((segment for segment in segments(content) if segment.code in _FRAMES), None)
    scans = [_scan(content, segment) for segment in segments(content) if segment.is_scan]
    if frame is None:
        return False
    colours = _byte(content, frame.body + 7)
    missing = {
        (_byte(content, frame.body + 8 + 3 * colour), coefficient)
        for colour in range(colours)
        for coefficient in range(_LAST_COEFFICIENT + 1)
    }
    for scan in scans if last_is_whole else scans[:-1]:
        missing -= scan
    return not missing


def scan_count(content: bytes) -> int:
    """Return the number of scans."""
    return sum(segment.is_scan for segment in segments(content))


def _scan(content: bytes, segment: Segment) -> set[tuple[int, int]]:
    """Return the colours and coefficients of which the scan has the first bits."""
    colours = _byte(content, segment.body + 2)
    after = segment.body + 3 + 2 * colours
    first, last, bits = (_byte(content, after + offset) for offset in range(3))
    if bits >> 4:  # a refinement
        return set()
    ids = {_byte(content, segment.body + 3 + 2 * colour) for colour in range(colours)}
    return {(colour, coefficient) for colour in ids for coefficient in range(first, last + 1)}


def _byte(content: bytes, at: int) -> int:
    return content[at] if at < len(content) else 0
