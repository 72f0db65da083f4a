"""Joins what photos and words say about an item's category.

The joint log-probability is a weighted sum of both, normalised (a logarithmic opinion pool: Genest and Zidek 1986,
"Combining probability distributions: a critique and an annotated bibliography"). Each basis, what is known of an item,
has its own weights, which calibrate it at once: several photos agree more than independent ones would.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from ml.bundle.calibration import MIN_CONFIDENT, NEVER_CONFIDENT, confident_from

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from ml.text.classifier import TextClassifier

_WEIGHTS = (0.05, 5.0)
"""Bounds of a weight."""


class FusionWeights(msgspec.Struct, frozen=True):
    """How much photos and words count on one basis.

    Attributes:
        photos, words: multiply the log-probabilities; 0 for what the basis lacks.
        confident_from: probability from which nine of ten categories were correct; above 1 if none is enough.
        listings: number of validation listings that they were fitted on.
    """

    photos: float
    words: float
    confident_from: float
    listings: int


@dataclass(frozen=True, slots=True, eq=False)
class TextModel:
    """What words say, and how it is joined with what photos say.

    Attributes:
        fusion: the weights by basis; see `basis_of`.
    """

    classifier: TextClassifier
    fusion: Mapping[str, FusionWeights]

    def weights(self, basis: str) -> FusionWeights:
        """Return the weights of a basis; where validation had too few such items, both count in full."""
        photos, words = (float(any(part in names for part in basis.split(" and "))) for names in (_PHOTOS, _WORDS))
        return self.fusion.get(basis) or FusionWeights(photos, words, NEVER_CONFIDENT, 0)


_PHOTOS, _WORDS = ("photo", "photos"), ("title", "text")


def basis_of(photos: int, *, has_title: bool, has_description: bool) -> str:
    """Return what is known of an item: `photo`, `photos and title`, `text`, ...; a text has a description.

    Raises:
        ValueError: nothing is known.
    """
    parts = ["photos" if photos > 1 else "photo"] if photos else []
    if has_title or has_description:
        parts.append("text" if has_description else "title")
    if not parts:
        raise ValueError("nothing is known of the item")
    return " and ".join(parts)


def joined(
    photos: NDArray[np.float64] | None, words: NDArray[np.float64] | None, weights: FusionWeights
) -> NDArray[np.float64]:
    """Return the joint log-probabilities of n items: (n, c).

    Args:
        photos, words: the log-probabilities of each, (n, c); None for what is not known.
    """
    logits: Any = 0.0
    for part, weight in ((photos, weights.photos), (words, weights.words)):
        logits = logits if part is None else logits + weight * part
    return np.asarray(logits - np.logaddexp.reduce(logits, axis=1, keepdims=True))


def fit_fusion(
    photos: NDArray[np.float64] | None, words: NDArray[np.float64] | None, actual: NDArray[np.int64]
) -> FusionWeights | None:
    """Return the weights with the least negative log-likelihood on n validation listings; None if there are too few.

    Args:
        photos, words: as in `joined`.
        actual: (n,), the correct columns.
    """
    from scipy.optimize import minimize  # a slow import that serving does not need

    if len(actual) < MIN_CONFIDENT:
        return None
    used = np.array([photos is not None, words is not None])

    def weights_of(logarithms: NDArray[np.float64]) -> FusionWeights:
        both = np.where(used, np.exp(logarithms), 0.0)
        return FusionWeights(float(both[0]), float(both[1]), NEVER_CONFIDENT, len(actual))

    def loss(logarithms: NDArray[np.float64]) -> float:
        chosen = joined(photos, words, weights_of(logarithms))[np.arange(len(actual)), actual]
        return -float(chosen.mean())

    bounds = [tuple(np.log(_WEIGHTS))] * 2
    best = weights_of(minimize(loss, np.zeros(2), method="L-BFGS-B", bounds=bounds).x)
    probabilities = np.exp(joined(photos, words, best))
    return msgspec.structs.replace(best, confident_from=confident_from(probabilities, actual))
