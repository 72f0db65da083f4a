"""Checks the fields of a search request and turns them into a query: filter, ranking options and number of results."""

from __future__ import annotations

import time
from dataclasses import dataclass

from db.vectors.base import Filter
from ml.photos.crops import WHOLE_PHOTO, Crop
from services.errors import BadQuery
from services.settings import Engine
from services.wire import SearchFields, SearchOptions
from services.wire.fields import described_fields, out_of_limits

_SECONDS_PER_DAY = 86_400


@dataclass(frozen=True, slots=True)
class RankingOptions:
    """How results are ranked beyond their similarity.

    Attributes:
        min_score: lowest similarity to show, in [0, 1].
        diversity: 0 to 1; see `ranking.diverse_order`.
        price_weight, place_weight, recency_weight: 0 to 1; see `ranking.factors`.
        near_price, near_currency, near_place: reference for the price and place of results.
    """

    min_score: float = 0.0
    diversity: float = 0.0
    price_weight: float = 0.0
    place_weight: float = 0.0
    recency_weight: float = 0.0
    near_price: float | None = None
    near_currency: str | None = None
    near_place: str | None = None

    @property
    def is_weighted(self) -> bool:
        """Whether scores depend on more than similarity."""
        return bool(self.price_weight or self.place_weight or self.recency_weight)

    @property
    def reorders(self) -> bool:
        """Whether the order can differ from that of similarity."""
        return self.is_weighted or self.diversity > 0


@dataclass(frozen=True, slots=True)
class Query:
    """A checked search request, without its source.

    Attributes:
        k: number of listings, 1 to 100.
        where: the filter.
        same_seller: keep only listings of the source's seller (True), or only those of others (False).
        category_aware: prefer the categories that the model sees; None means the default.
        crop: part of the photo to search by.
    """

    k: int
    where: Filter
    same_seller: bool | None
    engine: Engine
    ranking: RankingOptions
    category_aware: bool | None
    crop: Crop


def query_of(fields: SearchFields) -> Query:
    """Parse the fields of a request.

    Raises:
        BadQuery: a value is malformed or out of range.
    """
    check_limits(fields)
    if fields.price_min is not None and fields.price_max is not None and fields.price_min > fields.price_max:
        raise BadQuery("price_min", f"{fields.price_min} is above price_max, {fields.price_max}")
    return Query(
        k=fields.k,
        where=_filter(fields),
        same_seller=fields.same_seller,
        engine=fields.engine or Engine.AUTO,
        ranking=_ranking_options(fields),
        category_aware=fields.category_aware,
        crop=parse_crop(fields.crop),
    )


def plain_fields(request: SearchOptions) -> SearchFields:
    """Return the options that all kinds of search share, without the query source and the cursor."""
    return SearchFields(**{name: getattr(request, name) for name in SearchOptions.__struct_fields__})


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
    )


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
