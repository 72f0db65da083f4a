"""What is asked for, checked: the filter, the ranking, and how many results."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from math import isfinite
from typing import TYPE_CHECKING

from db.vectors.base import Filter
from ml.photos.crops import WHOLE_PHOTO, Crop
from services.errors import BadQuery
from services.settings import Engine
from services.wire import MAX_K

if TYPE_CHECKING:
    from services.wire import SearchFields

_SECONDS_PER_DAY = 86_400

LONGEST_LIST = 1000
"""Values that one field of a filter may have."""


@dataclass(frozen=True, slots=True)
class RankingOptions:
    """How results are ranked beyond their similarity.

    Attributes:
        min_score: least similarity that is shown, in [0, 1].
        diversity: 0 to 1; see `ranking.diversified`.
        price_weight, place_weight, recency_weight: 0 to 1; see `ranking.factors`.
        near_price, near_currency, near_place: what price and place are compared with.
    """

    min_score: float = 0.0
    diversity: float = 0.0
    price_weight: float = 0.0
    place_weight: float = 0.0
    recency_weight: float = 0.0
    near_price: float | None = None
    near_currency: str | None = None
    near_place: str | None = None

    def __post_init__(self) -> None:
        """Raise BadQuery for values that make no sense."""
        for name in ("min_score", "diversity", "price_weight", "place_weight", "recency_weight"):
            if not 0 <= getattr(self, name) <= 1:  # NaN is neither
                raise BadQuery(name, f"is {getattr(self, name)}, and must be 0 to 1")
        if self.near_price is not None and not (isfinite(self.near_price) and self.near_price > 0):
            raise BadQuery("near_price", f"is {self.near_price}, and must be a number above 0")

    @property
    def weighs(self) -> bool:
        """Whether anything but similarity counts for a score."""
        return bool(self.price_weight or self.place_weight or self.recency_weight)

    @property
    def reorders(self) -> bool:
        """Whether results come in another order than by similarity."""
        return self.weighs or self.diversity > 0


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked for besides the picture.

    Attributes:
        k: listings, 1 to 100.
        category_aware: prefer the categories that the model sees; None leaves it to the default.
        crop: the part of the photo to search by.
    """

    k: int = 10
    where: Filter = field(default_factory=Filter)
    engine: Engine = Engine.AUTO
    wishes: RankingOptions = field(default_factory=RankingOptions)
    category_aware: bool | None = None
    crop: Crop = WHOLE_PHOTO

    def __post_init__(self) -> None:
        """Raise BadQuery for values that make no sense."""
        check_k(self.k)
        low, high = self.where.price_min, self.where.price_max
        for name, bound in (("price_min", low), ("price_max", high)):
            if bound is not None and not (isfinite(bound) and bound >= 0):
                raise BadQuery(name, f"is {bound}, and must be a number from 0")
        if low is not None and high is not None and low > high:
            raise BadQuery("price_min", f"is {low}, above price_max, {high}")


def query_of(fields: SearchFields) -> Query:
    """Return what the fields of a request ask for, but for what they leave to the listing that is asked by.

    Raises:
        BadQuery: a value makes no sense.
    """
    return Query(
        k=fields.k,
        where=_filter(fields),
        engine=fields.engine or Engine.AUTO,
        wishes=_wishes(fields),
        category_aware=fields.category_aware,
        crop=_crop(fields.crop),
    )


def check_fields(fields: SearchFields) -> None:
    """Raise BadQuery where a field has more values than anybody needs."""
    for name in ("category", "seller", "exclude_seller", "exclude_listing"):
        if len(getattr(fields, name)) > LONGEST_LIST:
            raise BadQuery(name, f"has {len(getattr(fields, name))} values, and may have {LONGEST_LIST}")


def check_k(k: int) -> None:
    """Raise BadQuery unless `k` is 1 to 100."""
    if not 1 <= k <= MAX_K:
        raise BadQuery("k", f"is {k}, and must be 1 to {MAX_K}")


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


def _wishes(fields: SearchFields) -> RankingOptions:
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
        raise BadQuery(field, f"is {text!r}, and must be an ISO 4217 code such as GBP")
    return code


def _listed_since(max_age_days: float | None) -> int | None:
    if max_age_days is None:
        return None
    if not 0 < max_age_days <= 36_500:
        raise BadQuery("max_age_days", f"is {max_age_days}, and must be above 0 and at most 36500")
    return int(time.time() - max_age_days * _SECONDS_PER_DAY)


def _crop(text: str | None) -> Crop:
    if text is None:
        return WHOLE_PHOTO
    try:
        return Crop.parse(text)
    except ValueError as error:
        raise BadQuery("crop", str(error)) from error
