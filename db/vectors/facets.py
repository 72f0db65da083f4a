"""Facets: how many photos have each value of a field, among those that pass a filter."""

from __future__ import annotations

from dataclasses import dataclass
from heapq import nsmallest
from typing import TYPE_CHECKING

from db.vectors.attributes import AttributeValue, attribute_key, number_of, token_of, value_of
from db.vectors.keys import levels_below

if TYPE_CHECKING:
    from collections.abc import Mapping

PATH_FACET = "category_path"
"""Counts the keys of category paths that are one level below the filter's path; first levels if it has none."""

LISTING_FACETS = ("category", PATH_FACET, "currency", "seller", "sold")
"""Names of facets that are not those of attributes."""

MAX_FACET_VALUES = 50
"""Values in one facet, at most."""


@dataclass(frozen=True, slots=True)
class FacetValue:
    """A value with the number of photos that have it. Of several spellings of a text, the most frequent one.

    Attributes:
        listings: number of listings that have it; None if the engine counts only photos.
    """

    value: AttributeValue
    photos: int
    listings: int | None = None


@dataclass(frozen=True, slots=True)
class Facet:
    """The values of one field.

    Attributes:
        values: at most `MAX_FACET_VALUES`; most photos first, equal counts by ascending key.
        more: number of further values.
        photos: number of photos that have any value; one in several categories counts for each.
        minimum, maximum: of all values that are numbers; None if none is.
    """

    values: tuple[FacetValue, ...] = ()
    more: int = 0
    photos: int = 0
    minimum: float | None = None
    maximum: float | None = None
    listings: int | None = None


NO_VALUES = Facet()


def facet_of(counts: Mapping[str, int], *, name: str, listings: Mapping[str, int] | None = None) -> Facet:
    """Return the facet of a field. It takes 2 microseconds for each value: 0.2 s for 125,000 models.

    Args:
        counts: photos, above 0, for each value; see `token_of`.
        name: of the field: values of attributes are joined by `attribute_key`, those of listing fields are not.
        listings: listings for each value; None if they were not counted.
    """
    photos_of: dict[str, int] = {}
    listings_of: dict[str, int] = {}
    commonest: dict[str, tuple[int, str]] = {}  # minus its photos, and the token
    for token, photos in counts.items():
        key = token if name in LISTING_FACETS else attribute_key(value_of(token))
        photos_of[key] = photos_of.get(key, 0) + photos
        commonest[key] = min(commonest.get(key, (0, "")), (-photos, token))
        if listings is not None:
            listings_of[key] = listings_of.get(key, 0) + listings[token]
    best = nsmallest(MAX_FACET_VALUES, ((-photos, key) for key, photos in photos_of.items()))
    numbers = [number for token in counts if (number := number_of(token)) is not None]
    return Facet(
        values=tuple(FacetValue(value_of(commonest[key][1]), -photos, listings_of.get(key)) for photos, key in best),
        more=max(0, len(photos_of) - MAX_FACET_VALUES),
        photos=sum(counts.values()),
        minimum=min(numbers, default=None),
        maximum=max(numbers, default=None),
        listings=None if listings is None else sum(listings_of.values()),
    )


def next_levels(counts: Mapping[str, int], category_path: str | None) -> dict[str, int]:
    """Return, by token, the counts of the path keys one level below a category path; None stands for the top."""
    return {token_of(key): counts[key] for key in levels_below(counts, category_path)}
