"""Canonical photos: three generated pictures whose vectors check that a bundle embeds the same on every machine."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

COMPONENTS = 8
"""Number of leading components of each vector that a bundle records."""

TOLERANCE = {"f32": 2e-3, "bf16": 2e-2, "int8": 6e-2}
"""Largest allowed difference of a component, by precision.

Measured on ResNet-50 with 256 components: 1e-4 in f32 (the graph's weights are float16) and 1.2e-3 in bf16; a component
is about 0.06, and other weights differ by as much. In int8 it is 2.6e-2, since the integer ranges were chosen on real
photos. A graph with an int8 head too differs by 9e-2, and the three pictures differ from each other by 0.11 or more.
"""


@dataclass(frozen=True, slots=True)
class CanonicalVectors:
    """The first `COMPONENTS` components of the vectors of `canonical_photos`, from eager float32 torch.

    Attributes:
        tolerance: largest allowed difference of a component, by precision.
    """

    components: tuple[tuple[float, ...], ...]
    tolerance: dict[str, float]

    @classmethod
    def of(cls, vectors: NDArray[np.float32]) -> CanonicalVectors:
        """Record the canonical photos' vectors, (3, d), with the tolerances of this release."""
        rows = vectors[:, :COMPONENTS].tolist()
        return cls(tuple(tuple(row) for row in rows), dict(TOLERANCE))


def canonical_photos(size: int) -> NDArray[np.uint8]:
    """Draw a ramp, a checkerboard and coloured rings: uint8 (3, size, size, 3).

    Uses integer arithmetic only, so that every platform and numpy version draws the same bytes.
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


def largest_difference(canonical: CanonicalVectors, vectors: NDArray[np.float32]) -> float:
    """Return the largest difference between the recorded components and vectors (3, d); NaN if the shapes differ."""
    components = vectors[:, :COMPONENTS]
    if [len(row) for row in canonical.components] != [components.shape[1]] * len(components):
        return math.nan
    return float(np.abs(components - np.asarray(canonical.components, dtype=np.float32)).max())
