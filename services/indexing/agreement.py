"""Whether two indexes answer alike: the same queries, under every shape of filter, to both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from db.rows import embeddings
from db.vectors.base import Filter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from db.session import Database
    from db.vectors.base import Hit, Payload, Point, VectorIndex

SAME_SCORE = 1e-4
"""Scores nearer than this are equal: engines add up a vector's products in different orders."""

SHAPES: dict[str, tuple[str, ...]] = {
    "none": (),
    "category": ("categories",),
    "price max": ("price_max",),
    "price range": ("price_min", "price_max"),
    "location": ("location",),
    "category and price": ("categories", "price_max"),
    "category and location": ("categories", "location"),
    "category, price and location": ("categories", "price_min", "price_max", "location"),
    "other listings": ("excluded_listing_ids",),
    "category path": ("category_path",),
    "currency and price range": ("currency", "price_min", "price_max"),
    "region": ("region",),
    "listed since": ("listed_since",),
    "same seller": ("sellers",),
    "other sellers": ("excluded_sellers",),
}
"""Which fields of the filter each shape sets."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """How often two indexes gave the same hits under one shape of filter.

    Attributes:
        shape: the filter's shape.
        queries: how many were asked.
        agreeing: of them, those answered alike: as many hits, and rank by rank the same photo or the same score.
    """

    shape: str
    queries: int
    agreeing: int


def measure_agreement(
    database: Database,
    indexes: tuple[VectorIndex, VectorIndex],
    *,
    model_version: str,
    queries: int,
    k: int = 10,
) -> list[Agreement]:
    """Search both indexes with the vectors of `queries` stored photos, or all there are, under each shape of filter.

    The filters are made from each photo's own payload: its category, around its price, its place, its seller.
    """
    points = sample_points(database, queries, model_version=model_version)
    return [
        Agreement(
            shape,
            len(points),
            sum(
                _alike(*(index.search(point.vector, k, _filter(point.payload, fields)) for index in indexes))
                for point in points
            ),
        )
        for shape, fields in SHAPES.items()
    ]


def sample_points(database: Database, count: int, *, model_version: str) -> Sequence[Point]:
    """Return up to `count` points, evenly spread over the photo ids."""
    with database.read() as session:
        known = embeddings.embedded_ids(session, model_version=model_version)
        chosen = np.linspace(0, len(known) - 1, min(count, len(known))).astype(int)
        return embeddings.points(session, [known[row] for row in chosen], model_version=model_version)


def _alike(hits: Sequence[Hit], others: Sequence[Hit]) -> bool:
    return len(hits) == len(others) and all(
        hit.photo_id == other.photo_id or abs(hit.score - other.score) < SAME_SCORE
        for hit, other in zip(hits, others, strict=True)
    )


def _filter(payload: Payload, fields: Sequence[str]) -> Filter:
    """Return the filter that the payload suggests, of these fields only; what it does not say lets everything pass."""
    low, high = (0.0, 1e9) if payload.price is None else (payload.price / 2, payload.price * 2)
    suggested: dict[str, Any] = {
        "categories": frozenset({payload.category}),
        "price_min": low,
        "price_max": high,
        "location": payload.locations[-1] if payload.locations else None,
        "excluded_listing_ids": frozenset({payload.listing_id}),
        "category_path": payload.category_paths[-1] if payload.category_paths else None,
        "currency": payload.currency,
        "region": payload.region or None,
        "listed_since": payload.listed_at,
        "sellers": frozenset({payload.seller} - {""}),
        "excluded_sellers": frozenset({payload.seller} - {""}),
    }
    return Filter(**{field: suggested[field] for field in fields})
