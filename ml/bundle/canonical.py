"""Three generated pictures whose vectors pin a model bundle: the same weights must give the same vectors anywhere."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

COMPONENTS = 8
"""How many of a vector's first components are pinned."""

TOLERANCE = {"f32": 2e-3, "bf16": 2e-2, "int8": 6e-2}
"""Largest difference allowed in a component, by precision.

Measured on ResNet-50 with vectors of 256: 1e-4 in f32 (the graph's weights are float16) and 1.2e-3 in bf16, where
a component is about 0.06 and other weights differ by as much. In int8 it is 2.6e-2: these pictures are unlike the
photos that the ranges of its integers were chosen for. The limit is far from what it has to tell apart: graphs whose
head is in integers too differ by 9e-2, and the three pictures from each other by 0.11 and more.
"""


@dataclass(frozen=True, slots=True)
class CanonicalVectors:
    """The first `COMPONENTS` components of the vectors of `canonical_photos`, in eager float32, and the tolerances."""

    components: tuple[tuple[float, ...], ...]
    tolerance: dict[str, float]


def canonical_photos(size: int) -> NDArray[np.uint8]:
    """Return a ramp, a checkerboard and coloured rings, shape (3, size, size, 3).

    Integer arithmetic only, so that every platform and numpy version draws the same bytes.
    """
    y, x = np.mgrid[:size, :size]
    last = max(size - 1, 1)
    ramp = np.stack([x * 255 // last, y * 255 // last, (x + y) * 255 // (2 * last)], axis=-1)
    cell = max(size // 8, 1)
    light = (x // cell + y // cell) % 2 == 0
    checkerboard = np.where(light[..., None], (230, 180, 40), (20, 60, 120))
    distance = (2 * x - last) ** 2 + (2 * y - last) ** 2
    rings = (distance[..., None] * (1, 2, 3) // max(size // 4, 1)) % 256
    return np.stack([ramp, checkerboard, rings]).astype(np.uint8)


def pin(vectors: NDArray[np.float32]) -> CanonicalVectors:
    """Return what a bundle stores of the canonical photos' vectors, shape (3, d)."""
    rows = vectors[:, :COMPONENTS].tolist()
    return CanonicalVectors(tuple(tuple(row) for row in rows), dict(TOLERANCE))


def largest_difference(canonical: CanonicalVectors, vectors: NDArray[np.float32]) -> float:
    """Return by how much the pinned components differ from the vectors', (3, d), at most; NaN if not comparable."""
    found = vectors[:, :COMPONENTS]
    if [len(row) for row in canonical.components] != [found.shape[1]] * len(found):
        return math.nan
    return float(np.abs(found - np.asarray(canonical.components, dtype=np.float32)).max())
