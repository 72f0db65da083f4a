"""Checks the fields of a search request and turns them into a query: filter, ranking options and number of results."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING

from db.vectors.attributes import AttributeCondition, attribute_key
from db.vectors.base import Filter
from ml.photos.crops import WHOLE_PHOTO, Crop
from services.errors import BadQuery
from services.settings import Engine
from services.wire import AttributeFilter, NumberRange, SearchFields, SearchOptions, SharedOptions, TextOptions
from services.wire.attributes import (
    ATTRIBUTE_NAME_LIMIT,
    MAX_ATTRIBUTE_FILTERS,
    MAX_ATTRIBUTE_VALUES,
    NAME_PATTERN,
    parse_condition_texts,
)
from services.wire.fields import described_fields, out_of_limits

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from services.wire import AttributeValue, Sort

_SECONDS_PER_DAY = 86_400


@dataclass(frozen=True, slots=True)
class RankingOptions:
    """How results are ranked beyond their similarity.

    Attributes:
        min_score: lowest similarity to show, in [0, 1].
        diversity: 0 to 1; see `ranking.diverse_order`.
        price_weight, place_weight, recency_weight: 0 to 1; see `ranking.factors`.
        near_price, near_currency, near_place: reference for the price and place of results.
        sort: the order of the most similar results; see `ranking.sorted_by`.
    """

    min_score: float = 0.0
    diversity: float = 0.0
    price_weight: float = 0.0
    place_weight: float = 0.0
    recency_weight: float = 0.0
    near_price: float | None = None
    near_currency: str | None = None
    near_place: str | None = None
    sort: Sort = "similarity"

    @property
    def is_weighted(self) -> bool:
        """Whether scores depend on more than similarity."""
        return bool(self.price_weight or self.place_weight or self.recency_weight)

    @property
    def is_sorted(self) -> bool:
        """Whether the most similar results are in another order than that of their scores."""
        return self.sort != "similarity"

    @property
    def reorders(self) -> bool:
        """Whether the order can differ from that of similarity."""
        return self.is_weighted or self.diversity > 0 or self.is_sorted


@dataclass(frozen=True, slots=True)
class Query:
    """A checked search request, without its source.

    Attributes:
        k: number of listings, 1 to 100.
        where: the filter.
        same_seller: keep only listings of the source's seller (True), or only those of others (False).
        category_aware: prefer the categories that the model sees; None means the default.
        crop: part of the photo to search by.
        fold_copies: show listings that reviews call the same item as one result.
    """

    k: int
    where: Filter
    same_seller: bool | None
    engine: Engine
    ranking: RankingOptions
    category_aware: bool | None
    crop: Crop
    fold_copies: bool = True


def query_of(fields: SearchFields) -> Query:
    """Parse the fields of a request.

    Raises:
        BadQuery: a value is malformed or out of range.
    """
    check_limits(fields)
    if fields.price_min is not None and fields.price_max is not None and fields.price_min > fields.price_max:
        raise BadQuery("price_min", f"{fields.price_min} is above price_max, {fields.price_max}")
    for name in (*fields.attributes, *fields.facets):
        if not re.fullmatch(NAME_PATTERN, name):
            field = "attributes" if name in fields.attributes else "facets"
            raise BadQuery(
                field,
                f"{name!r} is not a name; use 1 to {ATTRIBUTE_NAME_LIMIT} letters (a to z), digits or underscores",
            )
    return Query(
        k=fields.k,
        where=_filter(fields),
        same_seller=fields.same_seller,
        engine=fields.engine or Engine.AUTO,
        ranking=_ranking_options(fields),
        category_aware=fields.category_aware,
        crop=parse_crop(fields.crop),
        fold_copies=fields.fold_copies,
    )


def plain_fields(request: SharedOptions) -> SearchFields:
    """Return the options that all kinds of search share, without the query source and the cursor.

    Raises:
        BadQuery: a text in `attribute` is malformed.
    """
    shared = {name: getattr(request, name) for name in SharedOptions.__struct_fields__}
    if not isinstance(request, TextOptions):
        assert isinstance(request, SearchOptions), "a request has its attributes as texts or as an object"
        return SearchFields(**shared, attributes=request.attributes, facets=request.facets)
    try:
        attributes = parse_condition_texts(request.attribute)
    except ValueError as error:
        raise BadQuery("attribute", str(error)) from error
    return SearchFields(**shared, attributes=attributes, facets=request.facet)


def check_list_lengths(fields: SearchFields) -> None:
    """Raise BadQuery for a list with more values than `SearchFields` allows."""
    for described in described_fields(SearchFields):
        limit = described.schema.get("maxItems")
        if limit is not None and (count := len(getattr(fields, described.name))) > limit:
            raise BadQuery(described.name, f"has {count} values; the limit is {limit}")


def check_limits(fields: SearchFields) -> None:
    """Raise BadQuery for a number outside the limits that `SearchFields` states."""
    for described, number in out_of_limits(fields):
        raise BadQuery(described.name, f"{number} is out of range; it must be {described.limits}")


def check_k(k: int) -> None:
    """Raise BadQuery unless `k` is 1 to 100."""
    check_limits(SearchFields(k=k))


def parse_crop(text: str | None) -> Crop:
    """Parse `x,y,width,height`; None means the whole photo.

    Raises:
        BadQuery: the text is no crop, or the crop reaches beyond the photo.
    """
    if text is None:
        return WHOLE_PHOTO
    try:
        return Crop.parse(text)
    except ValueError as error:
        raise BadQuery("crop", str(error)) from error


def _filter(fields: SearchFields) -> Filter:
    return Filter(
        categories=frozenset(fields.category),
        price_min=fields.price_min,
        price_max=fields.price_max,
        location=fields.location,
        excluded_listing_ids=frozenset(fields.exclude_listing),
        category_path=fields.category_path,
        currency=_currency("currency", fields.currency),
        region=fields.region,
        listed_since=_listed_since(fields.max_age_days),
        sellers=frozenset(fields.seller),
        excluded_sellers=frozenset(fields.exclude_seller),
        sold=fields.sold,
        attributes=_conditions(fields.attributes),
    )


def _conditions(attributes: Mapping[str, AttributeFilter]) -> frozenset[AttributeCondition]:
    if len(attributes) > MAX_ATTRIBUTE_FILTERS:
        raise BadQuery("attributes", f"has {len(attributes)} names; the limit is {MAX_ATTRIBUTE_FILTERS}")
    return frozenset(_condition(name, value) for name, value in attributes.items())


def _condition(name: str, value: AttributeFilter) -> AttributeCondition:
    if isinstance(value, NumberRange):
        return _range(name, value)
    values = value if isinstance(value, list) else [value]
    if not 1 <= len(values) <= MAX_ATTRIBUTE_VALUES:
        raise BadQuery("attributes", f"{name} has {len(values)} values; give 1 to {MAX_ATTRIBUTE_VALUES}")
    _check_finite(name, values)
    return AttributeCondition(name, frozenset(map(attribute_key, values)))


def _range(name: str, bounds: NumberRange) -> AttributeCondition:
    _check_finite(name, [bound for bound in (bounds.min, bounds.max) if bound is not None])
    if bounds.min is None and bounds.max is None:
        raise BadQuery("attributes", f"the range of {name} has neither `min` nor `max`")
    if bounds.min is not None and bounds.max is not None and bounds.min > bounds.max:
        raise BadQuery("attributes", f"the range of {name} begins above its end: {bounds.min} to {bounds.max}")
    return AttributeCondition(name, minimum=bounds.min, maximum=bounds.max)


def _check_finite(name: str, values: Iterable[AttributeValue]) -> None:
    if any(isinstance(value, float) and not isfinite(value) for value in values):
        raise BadQuery("attributes", f"a number of {name} is not finite")


def _ranking_options(fields: SearchFields) -> RankingOptions:
    return RankingOptions(
        min_score=fields.min_score or 0.0,
        diversity=fields.diversity,
        price_weight=fields.price_weight,
        place_weight=fields.place_weight,
        recency_weight=fields.recency_weight,
        near_price=fields.near_price,
        near_currency=_currency("near_currency", fields.near_currency),
        near_place=fields.near_place,
        sort=fields.sort or "similarity",
    )


def _currency(field: str, text: str | None) -> str | None:
    if text is None:
        return None
    code = text.strip().upper()
    if not (len(code) == 3 and code.isascii() and code.isalpha()):
        raise BadQuery(field, f"{text!r} is not a currency; use an ISO 4217 code such as GBP")
    return code


def _listed_since(max_age_days: float | None) -> int | None:
    """Return seconds since the epoch."""
    if max_age_days is None:
        return None
    return int(time.time() - max_age_days * _SECONDS_PER_DAY)
