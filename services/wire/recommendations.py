"""The request of a recommendation."""

# ruff: noqa: RUF012  (msgspec copies the empty lists; ruff does not see that the base is a struct)

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from services.wire.fields import described
from services.wire.search import SearchFields

MAX_RECOMMENDATION_LISTINGS = 100
"""Liked and disliked listings of a recommendation together, at most."""

Strategy = Literal["average", "best_score"]

Weights = list[Annotated[float, msgspec.Meta(extra_json_schema={"exclusiveMinimum": 0})]]


class Recommendation(SearchFields, kw_only=True):
    """A search for a buyer who liked some listings and disliked others."""

    positive: Annotated[
        list[str],
        described(
            f"Ids of listings that the buyer liked, at most {MAX_RECOMMENDATION_LISTINGS} together with `negative`.",
            ["lamp-1", "lamp-2"],
            maxItems=MAX_RECOMMENDATION_LISTINGS,
        ),
    ] = []
    negative: Annotated[
        list[str],
        described("Ids of listings that the buyer disliked.", ["lamp-3"], maxItems=MAX_RECOMMENDATION_LISTINGS),
    ] = []
    query_token: Annotated[
        str | None,
        described(
            "The `query_token` of an earlier search by a photo or a listing. It counts as one more liked listing, "
            "with a weight of 1.",
            "lKFsp2xhbXAtMQ",
        ),
    ] = None
    positive_weights: Annotated[
        Weights, described("One weight for each of `positive`; only with the strategy `average`.", [2, 1])
    ] = []
    negative_weights: Annotated[
        Weights, described("One weight for each of `negative`; only with the strategy `average`.", [0.5])
    ] = []
    strategy: Annotated[
        Strategy,
        described(
            "`average` searches by the mean of the liked listings, moved away from the disliked ones. `best_score` "
            "searches by each liked listing, and puts results that are nearer to a disliked one last.",
            "average",
        ),
    ] = "average"
