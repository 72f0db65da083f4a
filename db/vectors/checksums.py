"""Checksums of points, by which a photo in an index is compared with the database."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import msgspec
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from db.vectors.base import Checksums, Point


_BYTES = 8


def checksums(points: Sequence[Point], vectors: NDArray[np.float32]) -> Checksums:
    """Return the first 64 bits of BLAKE2b over each point's vector (float32, little-endian) and payload.

    Args:
        points: the points whose payloads are hashed.
        vectors: their vectors, shape (n, d).
    """
    rows = np.ascontiguousarray(vectors, dtype="<f4")
    digests = [_digest(point, row) for point, row in zip(points, rows, strict=True)]
    return np.frombuffer(b"".join(digests), dtype="<u8").astype(np.uint64)


def _digest(point: Point, vector: NDArray[np.float32]) -> bytes:
    digest = hashlib.blake2b(vector.data, digest_size=_BYTES)
    digest.update(msgspec.json.encode(point.payload))
    return digest.digest()
