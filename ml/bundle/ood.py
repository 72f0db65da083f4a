"""Out-of-distribution (OOD) detection: tells photos that resemble no photo that the network was trained on.

The score is the distance to the k-th nearest training photo (Sun et al. 2022, arXiv:2204.06507), in the Mahalanobis
metric of the training photos. `lookalike bench ood` compares it with other scores.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

FALSE_ALARM_RATE = 0.05
"""Largest expected share of photos like the training photos that are called out of distribution.

The usual rate, as in FPR95; 0.02 misses up to twice as many foreign photos. The 95th percentile of some hundred
validation photos, as small shops have, is also better known than the 98th.
"""

NEIGHBOUR = 10
"""k. With 1, a few odd training photos decide: AUROC on drawn text is 0.42 on real listings, and 0.97 with 10."""

MAX_REFERENCES = 4096
"""Reference vectors in a bundle: 2 MB at 256 components. With 2,048, the demo's FPR95 on real photos is 0.32, with
4,096 it is 0.18."""

_RIDGE = 1e-4
"""Added to the variance in each direction; vectors have unit length. Below it, int8 noise (3e-6) would count."""

_ROUNDING = 1e-2
"""Largest difference of a reference's length from 1; float16 rounds it by 1e-4."""

_SEED = 0
_AT_ONCE = 256


class OodCalibration(msgspec.Struct, frozen=True):
    """The threshold of an OOD detector, and its figures.

    Attributes:
        k: the distance is to the k-th nearest reference.
        threshold: distances above it are out of distribution.
        false_alarm_rate: expected share of in-distribution photos above the threshold, at most; in (0, 1).
        photos: number of validation photos that the threshold was chosen on.
        held_out_photos: number of photos of held-out listings that it was measured on.
        held_out_alarms: share of them above the threshold.
    """

    k: int
    threshold: float
    false_alarm_rate: float
    photos: int
    held_out_photos: int
    held_out_alarms: float


@dataclass(frozen=True, slots=True, eq=False)
class OodDetector:
    """The vectors of training photos, and the distance from which a photo resembles none of them.

    Attributes:
        references: float16 (m, d), of unit length but for rounding.
    """

    references: NDArray[np.float16]
    calibration: OodCalibration
    distances: NearestDistances

    @classmethod
    def of(cls, references: NDArray[np.float16], calibration: OodCalibration, *, vector_size: int) -> OodDetector:
        """Return the detector; raise ValueError if the references or the threshold cannot be used."""
        _check(references, calibration, vector_size)
        return cls(references, calibration, NearestDistances(references))

    def scores(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the distances of vectors (n, d) over the threshold, (n,): above 1 is out of distribution."""
        return self.distances(vectors, self.calibration.k) / np.float32(self.calibration.threshold)

    def score(self, vector: NDArray[np.float32]) -> float:
        """Return the score of one vector, (d,), to four decimals; see `is_in_distribution`."""
        return round(float(self.scores(vector[np.newaxis])[0]), 4)


def is_in_distribution(score: float) -> bool:
    """Return whether a score is that of a photo that resembles a training photo."""
    return score <= 1


class NearestDistances:
    """The distance of a vector to the k-th nearest of m references, in the Mahalanobis metric of the references."""

    def __init__(self, references: NDArray[Any]) -> None:
        """Build the metric from `references`, (m, d); milliseconds for thousands of references."""
        wide = references.astype(np.float64)
        variances, directions = np.linalg.eigh(np.cov(wide, rowvar=False, bias=True))
        self._whitening = (directions / np.sqrt(np.maximum(variances, 0) + _RIDGE)).astype(np.float32)
        self._references = references.astype(np.float32) @ self._whitening
        self._squares = (self._references**2).sum(axis=1)

    def __call__(self, vectors: NDArray[np.float32], k: int) -> NDArray[np.float32]:
        """Return the distances of vectors (n, d) to their k-th nearest reference, 1 to m: float32 (n,), at least 0."""
        parts = [vectors[start : start + _AT_ONCE] for start in range(0, len(vectors), _AT_ONCE)]
        return np.concatenate([self._distances(part, k) for part in parts] or [np.empty(0, np.float32)])

    def _distances(self, vectors: NDArray[np.float32], k: int) -> NDArray[np.float32]:
        queries = vectors @ self._whitening
        squares = (queries**2).sum(axis=1)[:, None] - 2 * queries @ self._references.T + self._squares
        return np.sqrt(np.maximum(np.partition(squares, k - 1, axis=1)[:, k - 1], 0), dtype=np.float32)


def reference_rows(contents: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the rows of the training photos to keep as references: up to `MAX_REFERENCES` distinct ones, drawn.

    Args:
        contents: (t,), a code of each training photo's bytes.
    """
    distinct = np.unique(contents, return_index=True)[1]
    return np.sort(np.random.default_rng(_SEED).permutation(distinct)[:MAX_REFERENCES])


def fit_ood_detector(
    references: NDArray[np.float32], *, validation: NDArray[np.float32], held_out: NDArray[np.float32]
) -> OodDetector | None:
    """Choose the threshold on validation photos, and measure it on held-out photos.

    Args:
        references: (m, d), vectors of training photos.
        validation: (v, d), vectors of photos of other listings.
        held_out: (h, d), vectors of photos of further listings; at least one.

    Returns:
        None if there are too few photos: it takes `NEIGHBOUR` references, and 19 validation photos to hold the
        false-alarm rate.
    """
    rounded = references.astype(np.float16)
    if len(rounded) < NEIGHBOUR:
        return None
    distances = NearestDistances(rounded)
    threshold = conformal_threshold(distances(validation, NEIGHBOUR), FALSE_ALARM_RATE)
    if not 0 < threshold < math.inf:
        return None
    calibration = OodCalibration(
        k=NEIGHBOUR,
        threshold=threshold,
        false_alarm_rate=FALSE_ALARM_RATE,
        photos=len(validation),
        held_out_photos=len(held_out),
        held_out_alarms=float((distances(held_out, NEIGHBOUR) > threshold).mean()),
    )
    return OodDetector(rounded, calibration, distances)


def conformal_threshold(scores: NDArray[Any], rate: float) -> float:
    """Return the score that a further score of the same distribution exceeds with probability `rate` at most.

    The ceil((n + 1)(1 - rate))-th smallest of n scores; infinite if n is too small (Bates et al. 2023,
    arXiv:2104.08279).
    """
    rank = math.ceil((len(scores) + 1) * (1 - rate))
    return float(np.sort(scores)[rank - 1]) if rank <= len(scores) else math.inf


def _check(references: NDArray[np.float16], calibration: OodCalibration, vector_size: int) -> None:
    if references.dtype != np.float16 or references.ndim != 2 or references.shape[1] != vector_size:
        stated = f"{references.dtype} of shape {references.shape}"
        raise ValueError(f"the references are {stated}; they must be float16 of shape (m, {vector_size})")
    norms = np.linalg.norm(references.astype(np.float32), axis=1)
    if not (np.abs(norms - 1) < _ROUNDING).all():  # also true for NaN
        raise ValueError("the references must have unit length")
    if not 1 <= calibration.k <= len(references):
        raise ValueError(f"k is {calibration.k}; it must be 1 to {len(references)}, the number of references")
    if not 0 < calibration.threshold < math.inf:
        raise ValueError(f"the threshold is {calibration.threshold}; it must be finite and above 0")
