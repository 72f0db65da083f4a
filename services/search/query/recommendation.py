"""Recommendations: from liked and disliked listings to a key, and from their vectors to one query vector. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from services.errors import BadQuery
from services.search.query.keys import InvalidRecommendation, RecommendationKey

if TYPE_CHECKING:
    from collections.abc import Sequence

    from db.vectors.base import Vector
    from services.search.query.keys import QuerySourceKey
    from services.wire import Recommendation


def recommendation_key(request: Recommendation, query: QuerySourceKey | None) -> RecommendationKey:
    """Check a recommendation request, with the source of its `query_token`, and return its key.

    Raises:
        BadQuery: nothing is liked, too many listings, unsuitable weights, or a token that is a recommendation itself.
    """
    if isinstance(query, RecommendationKey):
        raise BadQuery("query_token", "belongs to a recommendation; list its liked listings in `positive` instead")
    try:
        return RecommendationKey(
            tuple(request.positive),
            tuple(request.negative),
            tuple(request.positive_weights),
            tuple(request.negative_weights),
            request.strategy,
            query,
        )
    except InvalidRecommendation as error:
        raise BadQuery(error.field, error.problem) from error


def average_vector(
    positive: Sequence[Vector],
    negative: Sequence[Vector],
    *,
    positive_weights: Sequence[float] | None = None,
    negative_weights: Sequence[float] | None = None,
) -> Vector:
    """Return the query vector of Qdrant's recommend strategy `average_vector`, at unit length.

    It is p + (p - n), where p and n are the weighted means of the liked and disliked vectors, or p if nothing is
    disliked (https://qdrant.tech/documentation/concepts/explore/, "Average vector strategy").

    Raises:
        BadQuery: the vectors cancel out.
    """
    query = np.average(np.stack(positive), axis=0, weights=positive_weights).astype(np.float64)
    if len(negative):
        query = 2 * query - np.average(np.stack(negative), axis=0, weights=negative_weights)
    norm = float(np.linalg.norm(query))
    if norm < 1e-6:
        raise BadQuery("negative", "cancels out the liked listings; change `positive` or `negative`")
    return np.asarray(query / norm, dtype=np.float32)


def mean_vectors(vectors: Sequence[tuple[Vector, ...]]) -> list[Vector]:
    """Return the mean vector of each listing's photos."""
    return [np.asarray(np.mean(of_listing, axis=0), dtype=np.float32) for of_listing in vectors]
