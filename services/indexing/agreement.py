"""Whether two indexes answer alike: the same queries, under every shape of filter, to both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from db import embeddings
from db.vectors.base import NO_FILTER, Filter, Payload

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from db.session import Database
    from db.vectors.base import Hit, Point, VectorIndex

_TOLERANCE = 1e-4
"""Scores nearer than this are equal: engines add up a vector's products in different orders."""


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


def agreement(
    database: Database,
    indexes: tuple[VectorIndex, VectorIndex],
    *,
    model_version: str,
    queries: int,
    k: int = 10,
) -> list[Agreement]:
    """Search both indexes with the vectors of `queries` stored photos, or all there are, under each shape of filter.

    The filters are made from each photo's own payload: its category, around its price, its place.
    """
    points = _sample(database, model_version, queries)
    return [
        Agreement(
            shape,
            len(points),
            sum(
                _alike(*(index.search(point.vector, k, where_of(point.payload)) for index in indexes))
                for point in points
            ),
        )
        for shape, where_of in SHAPES.items()
    ]


def _sample(database: Database, model_version: str, count: int) -> Sequence[Point]:
    """Return up to `count` points, evenly spread over the photo ids."""
    with database.read() as session:
        known = embeddings.embedded_ids(session, model_version=model_version)
        chosen = np.linspace(0, len(known) - 1, min(count, len(known))).astype(int)
        return embeddings.points(session, [known[row] for row in chosen], model_version=model_version)


def _alike(hits: Sequence[Hit], others: Sequence[Hit]) -> bool:
    return len(hits) == len(others) and all(
        hit.photo_id == other.photo_id or abs(hit.score - other.score) < _TOLERANCE
        for hit, other in zip(hits, others, strict=True)
    )


def _around(price: float | None) -> tuple[float, float]:
    """Return half and twice the price; for a listing without one, every price."""
    return (0.0, 1e9) if price is None else (price / 2, price * 2)


def _category(payload: Payload) -> Filter:
    return Filter(categories=frozenset({payload.category}))


def _price_range(payload: Payload) -> Filter:
    low, high = _around(payload.price)
    return Filter(price_min=low, price_max=high)


def _price_max(payload: Payload) -> Filter:
    return Filter(price_max=_around(payload.price)[1])


def _location(payload: Payload) -> Filter:
    return Filter(location=payload.locations[-1] if payload.locations else None)


def _category_and_price(payload: Payload) -> Filter:
    return Filter(categories=frozenset({payload.category}), price_max=_around(payload.price)[1])


def _category_and_location(payload: Payload) -> Filter:
    return Filter(categories=frozenset({payload.category}), location=_location(payload).location)


def _three_at_once(payload: Payload) -> Filter:
    low, high = _around(payload.price)
    where = _category_and_location(payload)
    return Filter(where.categories, price_min=low, price_max=high, location=where.location)


def _others(payload: Payload) -> Filter:
    return Filter(excluded_listing_ids=frozenset({payload.listing_id}))


SHAPES: dict[str, Callable[[Payload], Filter]] = {
    "none": lambda _payload: NO_FILTER,
    "category": _category,
    "price max": _price_max,
    "price range": _price_range,
    "location": _location,
    "category and price": _category_and_price,
    "category and location": _category_and_location,
    "category, price and location": _three_at_once,
    "other listings": _others,
}
