"""A linear classifier of hashed n-grams, small enough for a bundle, with numpy alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ml.text.features import hashed_ngrams

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray


MAX_TITLE = 1000
"""Characters of a title that count, so that the description does too."""


class Words(NamedTuple):
    """What a seller wrote about an item; either may be empty."""

    title: str = ""
    description: str = ""

    @property
    def text(self) -> str:
        """Both, as one text; all of the title if there is no description."""
        return f"{self.title[:MAX_TITLE]}\n{self.description}" if self.description else self.title


@dataclass(frozen=True, slots=True, eq=False)
class TextClassifier:
    """Gives the probabilities of c categories from the v n-grams that it knows.

    Attributes:
        hashes: uint32 (v,), ascending.
        rarities: float16 (v,), the inverse document frequency of each n-gram.
        weights: float16 (v, c).
        biases: float32 (c,).
    """

    hashes: NDArray[np.uint32]
    rarities: NDArray[np.float16]
    weights: NDArray[np.float16]
    biases: NDArray[np.float32]

    @classmethod
    def of(cls, arrays: Mapping[str, NDArray[Any]], *, categories: int) -> TextClassifier:
        """Return the classifier of stored arrays, by name; raise ValueError or KeyError if they cannot be used."""
        hashes, rarities, weights, biases = (arrays[name] for name in cls.__slots__)
        count = len(hashes)
        expected = {
            "hashes": (hashes, np.uint32, (count,)),
            "rarities": (rarities, np.float16, (count,)),
            "weights": (weights, np.float16, (count, categories)),
            "biases": (biases, np.float32, (categories,)),
        }
        for name, (array, dtype, shape) in expected.items():
            if array.dtype != dtype or array.shape != shape:
                stated = f"{array.dtype} of shape {array.shape}"
                raise ValueError(f"the {name} are {stated}; they must be {np.dtype(dtype)} of shape {shape}")
            if name != "hashes" and not np.isfinite(array).all():
                raise ValueError(f"the {name} must be finite")
        if not (rarities > 0).all():
            raise ValueError("the rarities must be above 0")
        if not (np.diff(hashes.astype(np.int64)) > 0).all():
            raise ValueError("the hashes must ascend")
        return cls(hashes, rarities, weights, biases)

    @property
    def arrays(self) -> dict[str, NDArray[Any]]:
        """The arrays to store, by name."""
        return {name: getattr(self, name) for name in self.__slots__}

    def knows(self, text: str) -> bool:
        """Say whether a text has a known n-gram; others say nothing of its category."""
        return len(known_rows(hashed_ngrams(text), self.hashes)) > 0

    def log_probabilities(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Return the log-probabilities of the categories: (n, c). Unknown n-grams count nothing."""
        logits = np.empty((len(texts), len(self.biases)))
        for row, text in enumerate(texts):
            known = known_rows(hashed_ngrams(text), self.hashes)
            values = unit_length(self.rarities[known].astype(np.float32))
            logits[row] = values @ self.weights[known].astype(np.float32) + self.biases
        return np.asarray(logits - np.logaddexp.reduce(logits, axis=1, keepdims=True))


def known_rows(hashes: NDArray[np.uint32], known: NDArray[np.uint32]) -> NDArray[np.int64]:
    """Return the rows in `known`, ascending, of those `hashes` that it has: int64 (m,)."""
    if not len(known):
        return np.empty(0, np.int64)
    rows = np.minimum(np.searchsorted(known, hashes), len(known) - 1)
    return np.asarray(rows[known[rows] == hashes])


def unit_length(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the values divided by their length; none if there are none."""
    length = float(np.linalg.norm(values))
    return values / np.float32(length) if length else values
