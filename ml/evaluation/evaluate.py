"""The metrics of a network on listings that it has not seen."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np

from ml.evaluation.retrieval import gallery_of, search_all
from ml.metrics import (
    accuracy,
    expected_calibration_error,
    macro_f1,
    precision_at_k,
    recall_at_k,
    reliability,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ml.labelled import LabelledPhoto

UNKNOWN = -1
"""The column of a category that the network does not know: it is never predicted, so always wrong."""


@dataclass(frozen=True, slots=True)
class RetrievalMetrics:
    """Search metrics; shares in [0, 1].

    A match is another, different photo of any listing that shows the query. The queries are the held-out photos with a
    match. The gallery is all photos, with exact copies merged into one entry that belongs to every listing that shows
    it; the query itself is excluded.

    Attributes:
        same_listing_recall_at_1, _5, _10: share of queries with a match among their first k results.
        same_listing_map: mean average precision over the whole ranking.
        category_precision_at_5: mean share of a query's first five results that are of its category.
        queries: number of queries.
        gallery: number of entries.
    """

    same_listing_recall_at_1: float
    same_listing_recall_at_5: float
    same_listing_recall_at_10: float
    same_listing_map: float
    category_precision_at_5: float
    queries: int
    gallery: int


@dataclass(frozen=True, slots=True)
class HeldOutMetrics:
    """Metrics on held-out listings; shares in [0, 1].

    Attributes:
        category_accuracy, category_macro_f1: of the most probable category, over all held-out photos.
        calibration_error: expected calibration error of its probability, in 15 bins of equal count.
        retrieval: None if no held-out listing has two different photos.
    """

    category_accuracy: float
    category_macro_f1: float
    calibration_error: float
    held_out_photos: int
    retrieval: RetrievalMetrics | None

    def by_name(self) -> dict[str, float]:
        """Return all metrics in one dictionary, without those of retrieval if there are none."""
        nested = asdict(self)
        return {**(nested.pop("retrieval") or {}), **nested}


def evaluate(
    photos: Sequence[LabelledPhoto],
    vectors: NDArray[np.float32],
    probabilities: NDArray[np.float32],
    *,
    categories: Sequence[str],
    held_out: NDArray[np.int64],
) -> HeldOutMetrics:
    """Measure a network by its `vectors` (n, d) and `probabilities` (n, c) for the n `photos`.

    Args:
        categories: names of the columns of `probabilities`.
        held_out: rows of the photos to measure on; at least one.
    """
    actual = columns_of([photos[row].category for row in held_out], categories)
    predicted, confidence = probabilities[held_out].argmax(axis=1), probabilities[held_out].max(axis=1)
    return HeldOutMetrics(
        category_accuracy=accuracy(predicted, actual),
        category_macro_f1=macro_f1(predicted, actual),
        calibration_error=expected_calibration_error(reliability(confidence, predicted == actual)),
        held_out_photos=len(held_out),
        retrieval=measure_retrieval(photos, vectors, held_out),
    )


def columns_of(names: Sequence[str], categories: Sequence[str]) -> NDArray[np.int64]:
    """Return the column of each category name, or UNKNOWN: int64 (n,)."""
    column_of = {category: column for column, category in enumerate(categories)}
    return np.array([column_of.get(name, UNKNOWN) for name in names], dtype=np.int64)


def measure_retrieval(
    photos: Sequence[LabelledPhoto], vectors: NDArray[np.float32], held_out: NDArray[np.int64]
) -> RetrievalMetrics | None:
    """Search with each held-out photo, a row of `photos`, by the vectors (n, d); None if no photo has a match."""
    gallery = gallery_of(photos)
    queries = gallery.rows_with_match(held_out)
    if not len(queries):
        return None
    outcome = search_all(gallery, vectors, queries)
    return RetrievalMetrics(
        same_listing_recall_at_1=recall_at_k(outcome.same_listing, 1),
        same_listing_recall_at_5=recall_at_k(outcome.same_listing, 5),
        same_listing_recall_at_10=recall_at_k(outcome.same_listing, 10),
        same_listing_map=float(outcome.average_precision.mean()),
        category_precision_at_5=precision_at_k(outcome.same_category, 5),
        queries=len(queries),
        gallery=len(gallery),
    )
