"""Reads the body of an answer within a limit, also when the server compresses it although nobody asked."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS
_RAW_DEFLATE = -zlib.MAX_WBITS


class BodyTooLarge(Exception):
    """A body has more bytes than allowed."""


class UnknownEncoding(Exception):
    """A body is compressed in a way that cannot be read."""


def read_body(parts: Iterable[bytes], encoding: str, max_bytes: int) -> bytes:
    """Return the body, decompressed.

    Args:
        parts: the body as sent.
        encoding: the Content-Encoding header; empty without one.
        max_bytes: most bytes before and after decompression; no more are held in memory.

    Raises:
        BodyTooLarge: the body has more bytes.
        UnknownEncoding: the encoding is neither gzip nor deflate, or the body is damaged.
    """
    raw = bytearray()
    for part in parts:
        raw += part
        if len(raw) > max_bytes:
            raise BodyTooLarge
    names = [name for name in encoding.lower().replace(",", " ").split() if name != "identity"]
    if not names:
        return bytes(raw)
    if names not in (["gzip"], ["x-gzip"], ["deflate"]):
        raise UnknownEncoding(f"the server compresses the photo as {encoding}, although this was not requested")
    return _decompressed(bytes(raw), max_bytes)


def _decompressed(raw: bytes, max_bytes: int) -> bytes:
    for window in (_GZIP_OR_ZLIB, _RAW_DEFLATE):
        unpacker = zlib.decompressobj(window)
        try:
            content = unpacker.decompress(raw, max_bytes + 1)
        except zlib.error:
            continue
        if len(content) > max_bytes:
            raise BodyTooLarge
        if not unpacker.eof:
            raise UnknownEncoding("the server's compressed answer is cut off")
        return content
    return raw  # some servers say gzip and send the photo as it is; the photo's own bytes decide
