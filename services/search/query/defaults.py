"""Completes a request with values of its source: the seller, and the reference for price and place. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import msgspec

from services.errors import BadQuery

if TYPE_CHECKING:
    from services.search.query.parsing import Query
    from services.search.query.sources import QuerySource
    from services.wire import SearchFields


@dataclass(frozen=True, slots=True)
class SourceDefaults:
    """Values that the source adds to a request.

    Attributes:
        sellers: added to the sellers that the request keeps.
        excluded_sellers: added to the sellers that the request excludes.
        excluded_listing_ids: added to the listings that the request excludes, in order.
        near_price, near_currency, near_place: the reference to use; None where its weight is 0.
    """

    sellers: tuple[str, ...]
    excluded_sellers: tuple[str, ...]
    excluded_listing_ids: tuple[str, ...]
    near_price: float | None
    near_currency: str | None
    near_place: str | None

    def complete_query(self, query: Query) -> Query:
        """Return the query with these values."""
        where, ranking = query.where, query.ranking
        return replace(
            query,
            where=replace(
                where,
                sellers=where.sellers.union(self.sellers),
                excluded_sellers=where.excluded_sellers.union(self.excluded_sellers),
                excluded_listing_ids=where.excluded_listing_ids.union(self.excluded_listing_ids),
            ),
            ranking=replace(
                ranking, near_price=self.near_price, near_currency=self.near_currency, near_place=self.near_place
            ),
        )

    def complete_fields(self, fields: SearchFields) -> SearchFields:
        """Return the fields with these values, for a cursor that stands on its own."""
        return msgspec.structs.replace(
            fields,
            crop=None,
            facets=[],
            same_seller=None,
            seller=[*fields.seller, *self.sellers],
            exclude_seller=[*fields.exclude_seller, *self.excluded_sellers],
            exclude_listing=[*fields.exclude_listing, *self.excluded_listing_ids],
            near_price=self.near_price,
            near_currency=self.near_currency,
            near_place=self.near_place,
        )


def source_defaults(query: Query, source: QuerySource) -> SourceDefaults:
    """Return the values that a query takes from its source.

    Raises:
        BadQuery: the query needs a value that the source does not have.
    """
    ranking = query.ranking
    if query.same_seller and not source.seller:
        raise BadQuery(
            "same_seller", "needs a source with a seller; search by a listing that has one, or name one with `seller`"
        )
    sellers = (source.seller,) if source.seller else ()
    near_price, near_currency = ranking.near_price, ranking.near_currency
    if near_price is None:
        near_price, near_currency = source.price, near_currency or source.currency
    near_place = source.place if ranking.near_place is None else ranking.near_place
    if ranking.price_weight and not near_price:
        raise BadQuery(
            "price_weight", "needs a price to compare with; search by a listing that has one, or set `near_price`"
        )
    if ranking.place_weight and not near_place:
        raise BadQuery(
            "place_weight", "needs a place to compare with; search by a listing that has one, or set `near_place`"
        )
    return SourceDefaults(
        sellers=sellers if query.same_seller is True else (),
        excluded_sellers=sellers if query.same_seller is False else (),
        excluded_listing_ids=tuple(sorted(source.excluded_listing_ids)),
        near_price=near_price if ranking.price_weight else None,
        near_currency=near_currency if ranking.price_weight else None,
        near_place=near_place if ranking.place_weight else None,
    )
