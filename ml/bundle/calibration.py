"""Calibrates a network's probabilities and similarities on validation listings that it was not trained on.

Fits three values, which the model bundle records:

    temperature     divides the logits, so that predictions with probability 0.7 are correct seven times in ten
    confident_from  probability from which the predicted category may be filled in automatically
    score_map       maps the cosine of two vectors to the probability that the photos show the same item
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from ml.bundle.score_map import ScoreMap, fit_score_map, retrieved_pairs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

NEVER_CONFIDENT = 2.0
"""A threshold that no probability reaches: of a model without calibration, too."""

TARGET_PRECISION = 0.9
"""Share of confident categories that must be correct on validation."""

MIN_CONFIDENT = 20
"""Minimum predictions above a threshold. With 20 of 20 correct, the 95 % Clopper-Pearson interval starts at 0.83."""

_TEMPERATURES = (0.05, 20.0)


class Calibration(msgspec.Struct, frozen=True):
    """Values fitted on a network's validation listings.

    Attributes:
        temperature: divides the network's logits. The network contains it too; it is recorded here to recover the
            logits from the probabilities.
        confident_from: predictions with at least this probability are correct with `TARGET_PRECISION`;
            `NEVER_CONFIDENT` if no probability is enough.
        confident_from_by_category: the same among the photos predicted as each category, without categories that have
            too few predictions or no sufficient probability. Reported but not served, since thresholds from fewer
            photos hold less well: calibrated on each half of the real held-out listings and measured on the other,
            0.86 and 0.79 of the predictions are correct; with the single threshold 0.87 and 0.93.
        score_map: None if there were too few pairs to fit it.
        photos: number of validation photos.
    """

    temperature: float
    confident_from: float
    confident_from_by_category: dict[str, float]
    score_map: ScoreMap | None
    photos: int


def calibrate(
    logits: NDArray[np.float32],
    actual: NDArray[np.int64],
    *,
    categories: Sequence[str],
    vectors: NDArray[np.float32],
    queries: NDArray[np.int64],
    items: NDArray[np.int64],
    contents: NDArray[np.int64],
) -> Calibration:
    """Calibrate a network on validation photos. The arguments must not include held-out photos.

    Args:
        logits: (v, c), of the validation photos, at temperature 1.
        actual: (v,), their categories, as columns of `logits`.
        categories: names of the columns.
        vectors: (n, d), unit length, of all training and validation photos: the gallery of the search.
        queries: (q,), rows of the validation photos in `vectors`.
        items: (n,), code of the item on each photo, the same for photos of one listing and for equal photos.
        contents: (n,), code of each photo's bytes.

    Raises:
        ValueError: there is no validation photo.
    """
    temperature = fit_temperature(logits, actual)
    probabilities = softmax(logits / temperature)
    similarities, same_item = retrieved_pairs(vectors, queries, items=items, contents=contents)
    return Calibration(
        temperature=temperature,
        confident_from=confident_from(probabilities, actual),
        confident_from_by_category=confident_from_by_category(probabilities, actual, categories=categories),
        score_map=fit_score_map(similarities, same_item),
        photos=len(actual),
    )


def fit_temperature(logits: NDArray[np.float32], actual: NDArray[np.int64]) -> float:
    """Return the temperature, 0.05 to 20, with the least negative log-likelihood (Guo et al. 2017, arXiv:1706.04599).

    Args:
        logits: (n, c).
        actual: (n,), the correct columns.

    Raises:
        ValueError: there are no logits.
    """
    from scipy.optimize import minimize_scalar  # a slow import that serving does not need

    if not len(logits):
        raise ValueError("There are no validation photos to fit a temperature on.")
    wide = logits.astype(np.float64)

    def loss(log_temperature: float) -> float:
        scaled = wide / np.exp(log_temperature)
        return float((np.logaddexp.reduce(scaled, axis=1) - scaled[np.arange(len(actual)), actual]).mean())

    best: Any = minimize_scalar(loss, bounds=tuple(np.log(_TEMPERATURES)), method="bounded")
    return float(np.exp(best.x))


def confident_from(probabilities: NDArray[Any], actual: NDArray[np.int64]) -> float:
    """Return the lowest probability from which at least a share `TARGET_PRECISION` of the predictions is correct.

    `NEVER_CONFIDENT` if no threshold achieves this on at least `MIN_CONFIDENT` photos.

    Args:
        probabilities: (n, c).
        actual: (n,), the correct columns.
    """
    top = probabilities.max(axis=1)
    return _threshold(top, probabilities.argmax(axis=1) == actual)


def confident_from_by_category(
    probabilities: NDArray[Any], actual: NDArray[np.int64], *, categories: Sequence[str]
) -> dict[str, float]:
    """Return `confident_from` among the photos predicted as each category, where a threshold exists."""
    top, predicted = probabilities.max(axis=1), probabilities.argmax(axis=1)
    thresholds = {
        category: _threshold(top[rows], actual[rows] == column)
        for column, category in enumerate(categories)
        if (rows := predicted == column).any()
    }
    return {category: threshold for category, threshold in thresholds.items() if threshold < NEVER_CONFIDENT}


def softmax(logits: NDArray[Any]) -> NDArray[np.float64]:
    """Return the probabilities of logits (n, c)."""
    wide = logits.astype(np.float64)
    return np.asarray(np.exp(wide - np.logaddexp.reduce(wide, axis=1)[:, None]))


def uncalibrated(probabilities: NDArray[np.float32], temperature: float) -> NDArray[np.float64]:
    """Return the probabilities (n, c) at temperature 1.

    The logarithm of a probability is its logit divided by the temperature, plus a constant that softmax cancels.
    """
    return softmax(temperature * logarithms(probabilities))


def logarithms(probabilities: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the logarithms of probabilities, finite also where float32 has rounded one to 0."""
    return np.asarray(np.log(np.maximum(probabilities, np.finfo(np.float32).tiny, dtype=np.float64)))


def _threshold(top: NDArray[Any], correct: NDArray[np.bool_]) -> float:
    """Return the lowest probability in `top` from which `TARGET_PRECISION` are correct, or `NEVER_CONFIDENT`."""
    order = np.argsort(-top, kind="stable")
    ranked = top[order]
    share = np.cumsum(correct[order]) / np.arange(1, len(top) + 1)
    complete = np.append(ranked[1:] < ranked[:-1], True)  # equal probabilities pass a threshold together
    enough = complete & (share >= TARGET_PRECISION) & (np.arange(1, len(top) + 1) >= MIN_CONFIDENT)
    return float(ranked[np.flatnonzero(enough)[-1]]) if enough.any() else NEVER_CONFIDENT
