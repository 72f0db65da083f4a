"""Compares two indexes: the same queries to both, with every filter shape."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from db.rows import embeddings
from db.vectors.attributes import AttributeCondition, attribute_key
from db.vectors.base import Filter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from db.session import Database
    from db.vectors.base import Hit, Payload, Point, VectorIndex

SAME_SCORE = 1e-4
"""Scores closer than this are equal: engines sum products in different orders."""

_K = 10

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
    "sold or not": ("sold",),
    "attribute": ("attributes",),
    "attribute and category": ("attributes", "categories"),
}
"""The filter fields that each shape sets."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """How often two indexes returned the same hits with one filter shape.

    Attributes:
        shape: the filter's shape.
        queries: number of queries.
        agreeing: number of queries with equal results: as many hits, and the same photo or score at each rank.
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
) -> list[Agreement]:
    """Search both indexes exactly with the vectors of up to `queries` stored photos, with each filter shape.

    The filters are made from each photo's own payload: its category, a range around its price, its place, its seller,
    its first attribute.
    """
    points = sample_points(database, queries, model_version=model_version)
    return [
        Agreement(
            shape,
            len(points),
            sum(
                _are_equal(
                    *(index.search(point.vector, _K, _filter(point.payload, fields), exact=True) for index in indexes)
                )
                for point in points
            ),
        )
        for shape, fields in SHAPES.items()
    ]


def sample_points(database: Database, count: int, *, model_version: str) -> Sequence[Point]:
    """Return up to `count` points, spread evenly over the photo ids."""
    with database.read() as session:
        photo_ids = embeddings.embedded_ids(session, model_version=model_version)
        rows = np.linspace(0, len(photo_ids) - 1, min(count, len(photo_ids))).astype(int)
        return embeddings.points(session, [photo_ids[row] for row in rows], model_version=model_version)


def _are_equal(hits: Sequence[Hit], others: Sequence[Hit]) -> bool:
    return len(hits) == len(others) and all(
        hit.photo_id == other.photo_id or abs(hit.score - other.score) < SAME_SCORE
        for hit, other in zip(hits, others, strict=True)
    )


def _filter(payload: Payload, fields: Sequence[str]) -> Filter:
    """Return a filter that the payload matches and that sets these fields, as far as the payload has their values."""
    low, high = (0.0, 1e9) if payload.price is None else (payload.price / 2, payload.price * 2)
    values: dict[str, Any] = {
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
        "sold": payload.sold,
        "attributes": _conditions(payload),
    }
    return Filter(**{field: values[field] for field in fields})


def _conditions(payload: Payload) -> frozenset[AttributeCondition]:
    """Return a condition on the payload's first attribute: a range that begins at a number, otherwise its value."""
    return frozenset(
        AttributeCondition(name, frozenset({attribute_key(value)}))
        if isinstance(value, str | bool)
        else AttributeCondition(name, minimum=value)
        for name, value in payload.attributes[:1]
    )
