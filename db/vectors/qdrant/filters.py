"""Translates a `Filter` to conditions on Qdrant's payload fields, for both of Qdrant's APIs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from db.vectors.attributes import attribute_text
from db.vectors.base import NO_FILTER
from db.vectors.keys import location_key, path_key
from db.vectors.qdrant.attribute_fields import key_value, number_field, value_field
from db.vectors.qdrant.schema import (
    CATEGORY,
    CATEGORY_PATHS,
    CURRENCY,
    LISTED_AT,
    LISTING_ID,
    LOCATIONS,
    PRICE,
    REGION,
    SELLER,
    SOLD,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from db.vectors.attributes import AttributeCondition
    from db.vectors.base import Filter


@dataclass(frozen=True, slots=True)
class AnyOf:
    """The field equals any of the values, or its array contains any of them. Without values, nothing matches."""

    field: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Between:
    """The field exists and is within the bounds, both inclusive."""

    field: str
    minimum: float | None
    maximum: float | None


@dataclass(frozen=True, slots=True)
class FilterConditions:
    """All of `must` match, and none of `must_not`."""

    must: tuple[AnyOf | Between, ...]
    must_not: tuple[AnyOf, ...]


def conditions(where: Filter) -> FilterConditions | None:
    """Return the conditions of a filter, or None if every point passes."""
    if where == NO_FILTER:
        return None
    return FilterConditions((*_equalities(where), *_ranges(where)), tuple(_exclusions(where)))


def _equalities(where: Filter) -> Iterator[AnyOf]:
    values_of = {
        CATEGORY: sorted(where.categories),
        CATEGORY_PATHS: _one(where.category_path, path_key),
        LOCATIONS: _one(where.location, location_key),
        REGION: _one(where.region, location_key),
        CURRENCY: _one(where.currency),
    }
    yield from (AnyOf(field, tuple(values)) for field, values in values_of.items() if values)
    if where.sellers:
        yield AnyOf(SELLER, tuple(sorted(where.sellers - where.excluded_sellers)))
    if where.sold is not None:
        yield AnyOf(SOLD, (attribute_text(where.sold),))
    for condition in _attributes(where):
        if condition.keys:
            yield AnyOf(value_field(condition.name), tuple(key_value(key) for key in sorted(condition.keys)))


def _one(value: str | None, key: Callable[[str], str] = str) -> list[str]:
    return [] if value is None else [key(value)]


def _ranges(where: Filter) -> Iterator[Between]:
    if where.price_min is not None or where.price_max is not None:
        yield Between(PRICE, where.price_min, where.price_max)
    if where.listed_since is not None:
        yield Between(LISTED_AT, where.listed_since, None)
    for condition in _attributes(where):
        if condition.is_range:
            yield Between(number_field(condition.name), condition.minimum, condition.maximum)


def _attributes(where: Filter) -> list[AttributeCondition]:
    return sorted(where.attributes, key=lambda condition: condition.name)


def _exclusions(where: Filter) -> Iterator[AnyOf]:
    # `_equalities` has already removed excluded sellers from a list of sellers. They must not be excluded here again:
    # if a condition is both in `must` and in `must_not`, the server (1.16.3) ignores the second for an indexed field.
    excluded = {
        LISTING_ID: where.excluded_listing_ids,
        SELLER: where.excluded_sellers if not where.sellers else frozenset(),
    }
    return (AnyOf(field, tuple(sorted(values))) for field, values in excluded.items() if values)
