"""Measures a model by its stored embeddings, without running it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from db.rows import embeddings
from ml.evaluation.evaluate import measure_retrieval
from services.ingest.models.labelled import labelled_photos

if TYPE_CHECKING:
    from collections.abc import Collection

    from services.resources import Resources

_SHOWN = (
    "same_listing_recall_at_1",
    "same_listing_recall_at_5",
    "same_listing_recall_at_10",
    "category_precision_at_5",
)


def measure_stored(
    resources: Resources, model_version: str, *, listing_ids: Collection[str] | None = None
) -> dict[str, float]:
    """Measure a model's categories and vectors. The caller knows which listings the model has not seen.

    Args:
        resources: whose database has the model's embeddings.
        model_version: the model.
        listing_ids: the listings to ask for, each among the photos of all; every listing by default.

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
    known = [one for one in labelled_photos(resources.database, resources.photo_files) if one.photo_id in vectors]
    rows = np.array(
        [row for row, photo in enumerate(known) if listing_ids is None or photo.listing_id in listing_ids], np.int64
    )
    if not len(rows):
        return {}
    right = [predicted[known[row].photo_id] == known[row].category for row in rows]
    found = measure_retrieval(known, np.stack([vectors[photo.photo_id] for photo in known]), rows)
    figures = {} if found is None else {name: getattr(found, name) for name in _SHOWN}
    return {"category_accuracy": float(np.mean(right)), **figures, "photos": len(rows)}
