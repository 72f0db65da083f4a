"""The fields of a search as query parameters, for the calls that are made by GET."""

from __future__ import annotations

from typing import Annotated

from litestar.params import QueryParameter

from services.settings import Engine
from services.wire import MAX_K, SearchFields

_Texts = Annotated[list[str] | None, QueryParameter()]
_Weight = Annotated[float, QueryParameter(ge=0, le=1)]


def search_fields(
    *,
    k: Annotated[int, QueryParameter(ge=1, le=MAX_K, description="Number of listings.")] = 10,
    category: _Texts = None,
    category_path: Annotated[str | None, QueryParameter(description="`Home & Garden / Lamps`.")] = None,
    price_min: Annotated[float | None, QueryParameter(ge=0)] = None,
    price_max: Annotated[float | None, QueryParameter(ge=0)] = None,
    currency: Annotated[str | None, QueryParameter(min_length=3, max_length=3)] = None,
    location: Annotated[str | None, QueryParameter()] = None,
    region: Annotated[str | None, QueryParameter()] = None,
    max_age_days: Annotated[float | None, QueryParameter(gt=0, le=36_500)] = None,
    seller: _Texts = None,
    exclude_seller: _Texts = None,
    same_seller: Annotated[bool | None, QueryParameter()] = None,
    exclude_listing: _Texts = None,
    min_score: Annotated[float | None, QueryParameter(ge=0, le=1)] = None,
    diversity: _Weight = 0.0,
    price_weight: _Weight = 0.0,
    place_weight: _Weight = 0.0,
    recency_weight: _Weight = 0.0,
    near_price: Annotated[float | None, QueryParameter(gt=0)] = None,
    near_currency: Annotated[str | None, QueryParameter(min_length=3, max_length=3)] = None,
    near_place: Annotated[str | None, QueryParameter()] = None,
    category_aware: Annotated[bool | None, QueryParameter()] = None,
    crop: Annotated[str | None, QueryParameter(description="Part of the first photo: `x,y,width,height`.")] = None,
    engine: Annotated[Engine | None, QueryParameter()] = None,
    cursor: Annotated[str | None, QueryParameter(description="Where the answer before ended.")] = None,
) -> SearchFields:
    """Return the fields; `services.wire.search.SearchFields` says what they are."""
    return SearchFields(
        k=k,
        category=category or [],
        category_path=category_path,
        price_min=price_min,
        price_max=price_max,
        currency=currency,
        location=location,
        region=region,
        max_age_days=max_age_days,
        seller=seller or [],
        exclude_seller=exclude_seller or [],
        same_seller=same_seller,
        exclude_listing=exclude_listing or [],
        min_score=min_score,
        diversity=diversity,
        price_weight=price_weight,
        place_weight=place_weight,
        recency_weight=recency_weight,
        near_price=near_price,
        near_currency=near_currency,
        near_place=near_place,
        category_aware=category_aware,
        crop=crop,
        engine=engine,
        cursor=cursor,
    )
