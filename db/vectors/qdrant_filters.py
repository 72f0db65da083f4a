"""A `Filter` as conditions on Qdrant's payload fields, before either of Qdrant's two APIs gives them its own types."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from db.vectors.base import NO_FILTER, location_key
from db.vectors.qdrant_schema import CATEGORY, LISTING_ID, LOCATIONS, PRICE

if TYPE_CHECKING:
    from db.vectors.base import Filter


@dataclass(frozen=True, slots=True)
class AnyOf:
    """The field equals, or for an array holds, any of the values."""

    field: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Between:
    """The field is there and within the bounds, both inclusive."""

    field: str
    minimum: float | None
    maximum: float | None


@dataclass(frozen=True, slots=True)
class Conditions:
    """Each of `must` holds, and none of `must_not`."""

    must: tuple[AnyOf | Between, ...]
    must_not: tuple[AnyOf, ...]


def conditions(where: Filter) -> Conditions | None:
    """Return what a point must satisfy, or None when every point passes."""
    if where == NO_FILTER:
        return None
    must: list[AnyOf | Between] = []
    if where.categories:
        must.append(AnyOf(CATEGORY, tuple(sorted(where.categories))))
    if where.location is not None:
        must.append(AnyOf(LOCATIONS, (location_key(where.location),)))
    if where.price_min is not None or where.price_max is not None:
        must.append(Between(PRICE, where.price_min, where.price_max))
    excluded = tuple(sorted(where.excluded_listing_ids))
    return Conditions(tuple(must), (AnyOf(LISTING_ID, excluded),) if excluded else ())
