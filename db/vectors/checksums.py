"""Checksums of points: whether an index holds a photo as the truth has it, and not as it once was."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Sequence

    from db.vectors.base import PhotoIds, Point

Sums: TypeAlias = NDArray[np.uint64]
"""64 bits for each point, shape (n,)."""

_BYTES = 8


@dataclass(frozen=True, slots=True)
class HeldPoints:
    """What an index holds: the photo ids, ascending, and in their order the checksum that each was put in with."""

    photo_ids: PhotoIds
    checksums: Sums


def checksums(points: Sequence[Point], vectors: NDArray[np.float32]) -> Sums:
    """Return the first 64 bits of BLAKE2b over each point's vector (float32, little-endian) and payload.

    Args:
        points: what the payloads are taken from.
        vectors: theirs, shape (n, d).
    """
    rows = np.ascontiguousarray(vectors, dtype="<f4")
    digests = [_digest(point, row) for point, row in zip(points, rows, strict=True)]
    return np.frombuffer(b"".join(digests), dtype="<u8").astype(np.uint64)


def _digest(point: Point, vector: NDArray[np.float32]) -> bytes:
    digest = hashlib.blake2b(vector.data, digest_size=_BYTES)
    digest.update(msgspec.json.encode(point.payload))
    return digest.digest()
