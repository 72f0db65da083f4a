"""How good a network is on listings that it has not seen."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np

from ml.metrics import accuracy, agreement, macro_f1, nearest, precision_at_k, recall_at_k

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ml.data import LabelledPhoto

_UNKNOWN = -1
"""The column of a category that the network has no probability for: never predicted, so always wrong."""


@dataclass(frozen=True, slots=True)
class Retrieval:
    """How well photos find each other; shares in [0, 1].

    The queries are the held-out photos whose listing has another, different photo; the gallery is all photos.

    Attributes:
        same_listing_recall_at_1, _5, _10: the share of queries with such a photo among their first k.
        category_precision_at_5: the mean share of a query's first five that are of its category.
    """

    same_listing_recall_at_1: float
    same_listing_recall_at_5: float
    same_listing_recall_at_10: float
    category_precision_at_5: float
    queries: int
    gallery: int


@dataclass(frozen=True, slots=True)
class Metrics:
    """Measured on held-out listings; shares in [0, 1].

    Attributes:
        category_accuracy, category_macro_f1: of the most probable category, over all held-out photos.
        retrieval: None when no held-out listing has two different photos.
    """

    category_accuracy: float
    category_macro_f1: float
    held_out_photos: int
    retrieval: Retrieval | None

    def by_name(self) -> dict[str, float]:
        """Return the figures that could be measured, each under its attribute's name."""
        nested = asdict(self)
        return {**(nested.pop("retrieval") or {}), **nested}


def evaluate(
    photos: Sequence[LabelledPhoto],
    vectors: NDArray[np.float32],
    probabilities: NDArray[np.float32],
    *,
    categories: Sequence[str],
    held_out: NDArray[np.int64],
) -> Metrics:
    """Measure the network that made `vectors` (n, d) and `probabilities` (n, c) of the n `photos`.

    Args:
        categories: the names of the columns of `probabilities`.
        held_out: rows of the photos to measure on, at least one.
    """
    column_of = {category: column for column, category in enumerate(categories)}
    actual = np.array([column_of.get(photos[row].category, _UNKNOWN) for row in held_out])
    predicted = probabilities[held_out].argmax(axis=1)
    return Metrics(
        category_accuracy=accuracy(predicted, actual),
        category_macro_f1=macro_f1(predicted, actual),
        held_out_photos=len(held_out),
        retrieval=_retrieval(photos, vectors, held_out),
    )


def _retrieval(
    photos: Sequence[LabelledPhoto], vectors: NDArray[np.float32], held_out: NDArray[np.int64]
) -> Retrieval | None:
    listings = _codes([photo.listing_id for photo in photos])
    contents = _codes([photo.sha256 for photo in photos])
    queries = held_out[_different_photos(listings, contents)[listings[held_out]] > 1]
    if not len(queries):
        return None
    neighbours = nearest(vectors, queries, 10, contents=contents)
    same_listing = agreement(neighbours, queries, labels=listings)
    same_category = agreement(neighbours, queries, labels=_codes([photo.category for photo in photos]))
    return Retrieval(
        same_listing_recall_at_1=recall_at_k(same_listing, 1),
        same_listing_recall_at_5=recall_at_k(same_listing, 5),
        same_listing_recall_at_10=recall_at_k(same_listing, 10),
        category_precision_at_5=precision_at_k(same_category, 5),
        queries=len(queries),
        gallery=len(photos),
    )


def _codes(names: Sequence[str]) -> NDArray[np.int64]:
    """Return an integer for each name, from 0, equal where the names are."""
    return np.unique(np.array(names), return_inverse=True)[1].astype(np.int64)


def _different_photos(listings: NDArray[np.int64], contents: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return how many different photos each listing has, by listing code."""
    different = np.unique(np.stack([listings, contents]), axis=1)
    return np.bincount(different[0])
