"""Whether the photo of a query resembles the photos that the model was trained on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml.bundle.ood import is_in_distribution
from services.errors import ModelUnusable

if TYPE_CHECKING:
    from db.vectors.base import Vector
    from services.resources import Resources


def in_distribution(resources: Resources, model_version: str, vector: Vector) -> bool | None:
    """Return whether the photo of a vector, (d,), resembles a training photo of the model.

    None if the model has no OOD detector, or its bundle is gone: searches by stored vectors work without it.
    """
    try:
        detector = resources.embedder_for(model_version).bundle.ood
    except ModelUnusable:  # `score_map_of` logs it
        return None
    return None if detector is None else is_in_distribution(detector.score(vector))
