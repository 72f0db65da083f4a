"""Maps cosine similarity to the displayed score."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from services.errors import ModelUnusable
from services.search.query.keys import RecommendationKey

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ml.bundle.score_map import ScoreMap
    from services.resources import Resources
    from services.search.query.keys import QuerySourceKey
    from services.wire import ScoreKind

log = logging.getLogger(__name__)


def score_map_of(resources: Resources, source_key: QuerySourceKey, model_version: str) -> ScoreMap | None:
    """Return the model's score map; None if cosines are displayed.

    A score map is measured on single photos, so it does not fit the mean vector of a recommendation. Searches by
    stored vectors work without the model's bundle: if it is gone, cosines are displayed.
    """
    if isinstance(source_key, RecommendationKey) and source_key.strategy == "average":
        return None
    try:
        calibration = resources.embedder_for(model_version).bundle.calibration
    except ModelUnusable as error:
        log.warning("scores are shown as cosines: %s", error)
        return None
    return calibration.score_map if calibration else None


def score_kind(score_map: ScoreMap | None) -> ScoreKind:
    """Return what `displayed_scores` are."""
    return "cosine" if score_map is None else "probability"


def displayed_scores(cosines: Sequence[float], score_map: ScoreMap | None) -> list[float]:
    """Return the displayed scores, in [0, 1], of cosines in [-1, 1].

    With a score map they are probabilities that the two photos show the same item, rounded to the six decimals that
    keep different cosines apart. Without one they are the cosines, clipped to 0..1; 1 is the same picture.
    """
    if score_map is None:
        return [round(min(max(cosine, 0.0), 1.0), 4) for cosine in cosines]
    return [round(probability, 6) for probability in score_map(cosines).tolist()]
