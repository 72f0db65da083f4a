"""Joins what photos and words say about an item's category.

The joint log-probability is a weighted sum of both, normalised (a logarithmic opinion pool: Genest and Zidek 1986,
"Combining probability distributions: a critique and an annotated bibliography"). Each basis, what is known of an item,
has its own weights, which calibrate it at once: several photos agree more than independent ones would.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import msgspec
import numpy as np

from ml.bundle.calibration import MIN_CONFIDENT, NEVER_CONFIDENT, confident_from

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from ml.text.classifier import TextClassifier

_WEIGHTS = (0.05, 5.0)
"""Bounds of a weight."""


class Basis(NamedTuple):
    """What is known of an item.

    Attributes:
        photos: 0, 1, or 2 for several.
        words: `title`, or `text` with a description; empty for none.
    """

    photos: Literal[0, 1, 2]
    words: Literal["", "title", "text"]

    @classmethod
    def of(cls, photos: int, words: Literal["", "title", "text"]) -> Basis:
        """Return the basis of an item with this many photos."""
        return cls(0 if photos == 0 else 1 if photos == 1 else 2, words)

    @property
    def name(self) -> str:
        """In words: `photo`, `photos and title`, `text`; `none` if nothing is known."""
        seen = ("", "photo", "photos")[self.photos]
        return " and ".join(filter(None, (seen, self.words))) or "none"


BASES = tuple(Basis(photos, words) for photos in (0, 1, 2) for words in ("", "title", "text") if photos or words)


class FusionWeights(msgspec.Struct, frozen=True):
    """How much photos and words count on one basis.

    Attributes:
        photos, words: multiply the log-probabilities, 0 to 5; 0 for what the basis lacks.
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
        fusion: the weights by the name of a basis.
    """

    classifier: TextClassifier
    fusion: Mapping[str, FusionWeights]

    @classmethod
    def of(cls, classifier: TextClassifier, fusion: Mapping[str, FusionWeights]) -> TextModel:
        """Return the model; raise ValueError if the weights cannot be used."""
        for name, one in fusion.items():
            if name not in {basis.name for basis in BASES}:
                raise ValueError(f"the fusion weights name an unknown basis, {name!r}")
            if not (0 <= one.photos <= _WEIGHTS[1] and 0 <= one.words <= _WEIGHTS[1] and one.confident_from >= 0):
                raise ValueError(f"the fusion weights of {name!r} are out of range")
        return cls(classifier, fusion)

    def weights(self, basis: Basis) -> FusionWeights:
        """Return the weights of a basis; where validation had too few such items, both count in full."""
        in_full = FusionWeights(float(basis.photos > 0), float(basis.words != ""), NEVER_CONFIDENT, 0)
        return self.fusion.get(basis.name, in_full)


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
        both = np.where(used, np.clip(np.exp(logarithms), *_WEIGHTS), 0.0)
        return FusionWeights(float(both[0]), float(both[1]), NEVER_CONFIDENT, len(actual))

    def loss(logarithms: NDArray[np.float64]) -> float:
        chosen = joined(photos, words, weights_of(logarithms))[np.arange(len(actual)), actual]
        return -float(chosen.mean())

    bounds = [tuple(np.log(_WEIGHTS))] * 2
    best = weights_of(minimize(loss, np.zeros(2), method="L-BFGS-B", bounds=bounds).x)
    probabilities = np.exp(joined(photos, words, best))
    return msgspec.structs.replace(best, confident_from=confident_from(probabilities, actual))
