"""What a network's probabilities and similarities are worth, learnt on validation listings that it was not fitted to.

Three things are fitted, and travel with the model bundle:

    temperature     what the logits are divided by, so that 0.7 is right seven times in ten
    confident_from  the probability from which the likeliest category may be filled in unasked
    score_map       from the cosine of two vectors to the probability that the two photos show the same item
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
"""The threshold of what is never confident: no probability reaches it."""

UNCALIBRATED_CONFIDENT_FROM = 0.5
"""The threshold of a model that was not calibrated: a guess, and called one wherever it is shown."""

PRECISION = 0.9
"""How often confident categories are right, on validation."""

FEWEST_CONFIDENT = 20
"""Predictions that a threshold must rest on: where 20 of 20 are right, the 95 % interval (Clopper and Pearson) already
reaches down to 0.83."""

_TEMPERATURES = (0.05, 20.0)


class Calibration(msgspec.Struct, frozen=True):
    """What was learnt on the validation listings of a network.

    Attributes:
        temperature: what the network divides its logits by. It is part of the network already, and is kept here so that
            the logits can be had back from the probabilities.
        confident_from: the likeliest category is right in `PRECISION` of the cases where its probability is at least
            this; `NEVER_CONFIDENT` where no probability is enough.
        confident_from_by_category: the same among the photos that are given one category; without those categories
            for which no probability is enough, or that are given too seldom to tell. Reported, not served: resting on
            fewer photos, they kept what they promise less well than the one threshold (on the real listings, calibrated
            on each half of the held-out ones and measured on the other: 0.86 and 0.79 right, not 0.87 and 0.93).
        score_map: None where there were too few pairs to learn it from.
        photos: validation photos that it rests on.
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
    """Calibrate a network on validation photos; none of the held-out ones may be among what is given.

    Args:
        logits: (v, c), of the validation photos, before any temperature.
        actual: (v,), each one's category, as a column of `logits`.
        categories: the names of the columns.
        vectors: (n, d), unit length, of all training and validation photos: what a search goes through.
        queries: (q,), the validation photos, as rows of `vectors`.
        items: (n,), a code for the item that each photo shows; photos of one listing, and equal photos, are of one.
        contents: (n,), a code for each photo's bytes.

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
        actual: (n,), the right columns.

    Raises:
        ValueError: there are no logits.
    """
    from scipy.optimize import minimize_scalar  # here: serving reads calibrations and fits none

    if not len(logits):
        raise ValueError("A temperature cannot be fitted without validation photos.")
    wide = logits.astype(np.float64)

    def loss(log_temperature: float) -> float:
        scaled = wide / np.exp(log_temperature)
        return float((np.logaddexp.reduce(scaled, axis=1) - scaled[np.arange(len(actual)), actual]).mean())

    best: Any = minimize_scalar(loss, bounds=tuple(np.log(_TEMPERATURES)), method="bounded")
    return float(np.exp(best.x))


def confident_from(probabilities: NDArray[Any], actual: NDArray[np.int64], *, precision: float = PRECISION) -> float:
    """Return the least probability from which the likeliest category is right in a share of at least `precision`.

    `NEVER_CONFIDENT` where no threshold achieves that on at least `FEWEST_CONFIDENT` photos.

    Args:
        probabilities: (n, c).
        actual: (n,), the right columns.
    """
    top = probabilities.max(axis=1)
    return _threshold(top, probabilities.argmax(axis=1) == actual, precision)


def confident_from_by_category(
    probabilities: NDArray[Any],
    actual: NDArray[np.int64],
    *,
    categories: Sequence[str],
    precision: float = PRECISION,
) -> dict[str, float]:
    """Return `confident_from` among the photos that are given each category; without categories that have none."""
    top, predicted = probabilities.max(axis=1), probabilities.argmax(axis=1)
    found = {
        category: _threshold(top[given], actual[given] == column, precision)
        for column, category in enumerate(categories)
        if (given := predicted == column).any()
    }
    return {category: threshold for category, threshold in found.items() if threshold < NEVER_CONFIDENT}


def softmax(logits: NDArray[Any]) -> NDArray[np.float64]:
    """Return the probabilities (n, c) that logits (n, c) stand for."""
    wide = logits.astype(np.float64)
    return np.asarray(np.exp(wide - np.logaddexp.reduce(wide, axis=1)[:, None]))


def uncalibrated(probabilities: NDArray[np.float32], temperature: float) -> NDArray[np.float64]:
    """Return the probabilities (n, c) that the network would have given at temperature 1.

    A probability's logarithm is its logit over the temperature, but for a constant that softmax does not see.
    """
    return softmax(temperature * np.log(np.maximum(probabilities, np.finfo(np.float32).tiny, dtype=np.float64)))


def _threshold(top: NDArray[Any], right: NDArray[np.bool_], precision: float) -> float:
    """Return the least of the probabilities `top` from which a share of `precision` is right, or `NEVER_CONFIDENT`."""
    order = np.argsort(-top, kind="stable")
    ranked = top[order]
    share = np.cumsum(right[order]) / np.arange(1, len(top) + 1)
    complete = np.append(ranked[1:] < ranked[:-1], True)  # equal probabilities are above a threshold together
    enough = complete & (share >= precision) & (np.arange(1, len(top) + 1) >= FEWEST_CONFIDENT)
    return float(ranked[np.flatnonzero(enough)[-1]]) if enough.any() else NEVER_CONFIDENT
