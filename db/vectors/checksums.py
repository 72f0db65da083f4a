"""Checksums of points, by which a photo in an index is compared with the database.

A point's checksum is the exclusive or of its vector's and its payload's, so that an index can compute each from where
it keeps it.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import msgspec
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from db.vectors.base import Checksums, Payload, Point


_BYTES = 8


def checksums(points: Sequence[Point]) -> Checksums:
    """Return the checksum of each point; see `vector_checksums` and `payload_checksums`."""
    if not points:
        return np.zeros(0, dtype=np.uint64)
    vectors = vector_checksums(np.array([point.vector for point in points]))
    return vectors ^ payload_checksums(point.payload for point in points)


def vector_checksums(vectors: NDArray[np.float32]) -> Checksums:
    """Return the first 64 bits of BLAKE2b over each vector (float32, little-endian), of shape (n, d)."""
    return _digests(row.data for row in np.ascontiguousarray(vectors, dtype="<f4"))


def payload_checksums(payloads: Iterable[Payload]) -> Checksums:
    """Return the first 64 bits of BLAKE2b over each payload as JSON."""
    return _digests(msgspec.json.encode(payload) for payload in payloads)


def _digests(contents: Iterable[bytes | memoryview]) -> Checksums:
    digests = [hashlib.blake2b(content, digest_size=_BYTES).digest() for content in contents]
    return np.frombuffer(b"".join(digests), dtype="<u8").astype(np.uint64)
