"""Measures a model on its stored embeddings, without running it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from db.rows import embeddings
from ml.evaluation.evaluate import measure_retrieval
from services.ingest.models.labelled import labelled_photos

if TYPE_CHECKING:
    from collections.abc import Collection

    from services.resources import Resources

_RETRIEVAL_METRICS = (
    "same_listing_recall_at_1",
    "same_listing_recall_at_5",
    "same_listing_recall_at_10",
    "category_precision_at_5",
)


def measure_stored(
    resources: Resources, model_version: str, *, listing_ids: Collection[str] | None = None
) -> dict[str, float]:
    """Measure the stored categories and vectors of a model.

    Args:
        listing_ids: listings whose photos are the queries, which the model should not have seen; by default all. Every
            query searches the photos of all listings.

    Returns:
        Shares in [0, 1] by name: `category_accuracy`, four figures of `RetrievalMetrics` (absent where no listing has
        two different photos), and the count `photos`. Empty where no such photo is embedded.
    """
    with resources.database.read() as session:
        predicted = embeddings.predicted_categories(session, model_version=model_version)
        vectors = {
            point.photo_id: point.vector
            for batch in embeddings.all_points(session, model_version=model_version)
            for point in batch
        }
    embedded = [
        photo for photo in labelled_photos(resources.database, resources.photo_files) if photo.photo_id in vectors
    ]
    rows = np.array(
        [row for row, photo in enumerate(embedded) if listing_ids is None or photo.listing_id in listing_ids], np.int64
    )
    if not len(rows):
        return {}
    correct = [predicted[embedded[row].photo_id] == embedded[row].category for row in rows]
    retrieval = measure_retrieval(embedded, np.stack([vectors[photo.photo_id] for photo in embedded]), rows)
    figures = {} if retrieval is None else {name: getattr(retrieval, name) for name in _RETRIEVAL_METRICS}
    return {"category_accuracy": float(np.mean(correct)), **figures, "photos": len(rows)}
