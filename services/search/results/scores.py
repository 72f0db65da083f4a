"""What the scores of a search are read by."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from services.errors import ModelUnusable
from services.search.query.tokens import TasteSubject

if TYPE_CHECKING:
    from ml.bundle.score_map import ScoreMap
    from services.resources import Resources
    from services.search.query.tokens import QuerySourceKey

log = logging.getLogger(__name__)


def score_map_of(resources: Resources, subject: QuerySourceKey, model_version: str) -> ScoreMap | None:
    """Return what the model's scores are read by; None, so that cosines are shown, where it has none.

    A mean of several vectors is not one photo's: nothing was measured of its cosines. Searches by stored vectors
    need nothing else of the model, so they are answered even when its bundle is gone.
    """
    if isinstance(subject, TasteSubject) and subject.strategy == "average":
        return None
    try:
        calibration = resources.embedder_for(model_version).bundle.calibration
    except ModelUnusable as error:
        log.warning("scores are shown as cosines: %s", error)
        return None
    return calibration.score_map if calibration else None
