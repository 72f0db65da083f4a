"""Counts the values of a field in Qdrant, for the server and Edge."""

from __future__ import annotations

from collections import Counter
from itertools import count
from typing import TYPE_CHECKING

from db.vectors.attributes import token_of
from db.vectors.facets import LISTING_FACETS, NO_VALUES, PATH_FACET, facet_of, next_levels
from db.vectors.qdrant.attribute_fields import KEY_MARK, VALUES, value_field
from db.vectors.qdrant.schema import CATEGORY_PATHS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from db.vectors.base import Filter
    from db.vectors.facets import Facet
    from db.vectors.qdrant.attribute_fields import AttributeIndexes

_FIRST_LIMIT = 10_000
"""Values that the first request for a facet asks for."""


def count_facet(
    name: str,
    where: Filter,
    indexes: AttributeIndexes,
    *,
    count_values: Callable[[str, int], Mapping[str, int]],
    payloads: Callable[[str], Iterable[Mapping[str, object]]],
) -> Facet:
    """Count the values of a field; see `VectorIndex.facet`.

    Args:
        name: one of `LISTING_FACETS`, or that of an attribute.
        where: the filter of the matching points.
        indexes: of the collection.
        count_values: returns the commonest values of an indexed field with their counts, as many as the given limit.
        payloads: returns the payloads of the matching points, with one field only.
    """
    if name == PATH_FACET:
        return facet_of(next_levels(_all_counts(count_values, CATEGORY_PATHS), where.category_path), name=name)
    field = name if name in LISTING_FACETS else value_field(name)
    if indexes.is_counted(field):
        found = _all_counts(count_values, field)
    elif indexes.is_complete:
        return NO_VALUES
    else:
        found = Counter(text for payload in payloads(field) for text in _texts(payload, name))
    return facet_of(dict(_tokens(name, found)), name=name)


def _all_counts(count_values: Callable[[str, int], Mapping[str, int]], field: str) -> dict[str, int]:
    """Return the count of every value of a field. Edge also returns values that no point has now."""
    found = next(values for limit in _limits() if len(values := count_values(field, limit)) < limit)
    return {text: photos for text, photos in found.items() if photos}


def _limits() -> Iterator[int]:
    return (_FIRST_LIMIT * 10**power for power in count())


def _texts(payload: Mapping[str, object], name: str) -> Sequence[str]:
    values = payload.get(VALUES)
    texts = values.get(name) if isinstance(values, dict) else None
    return texts if isinstance(texts, list) else ()


def _tokens(name: str, found: Mapping[str, int]) -> Iterator[tuple[str, int]]:
    """Yield the token and count of each value that is not empty."""
    for text, photos in found.items():
        if name == "sold":
            yield token_of(text == "true"), photos
        elif name in LISTING_FACETS and text:
            yield token_of(text), photos
        elif name not in LISTING_FACETS and text[0] != KEY_MARK:
            yield text, photos
