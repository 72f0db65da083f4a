"""From a request's fields to fields that say all by themselves, and from likes and dislikes to a subject. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from services.errors import BadQuery
from services.search.query.tokens import TasteSubject, TasteWrong, decode_subject
from services.wire import SearchFields

if TYPE_CHECKING:
    from services.search.query.subjects import QuerySource
    from services.wire import Recommendation

_NOTHING_NEAR = "has no {0} to compare with: that of a listing that is asked by is taken; else give `near_{0}`"


def plain_fields(asked: SearchFields) -> SearchFields:
    """Return the fields that every search has, without those that name what is searched by."""
    return SearchFields(**{name: getattr(asked, name) for name in SearchFields.__struct_fields__})


def resolved(fields: SearchFields, subject: QuerySource) -> SearchFields:
    """Return the fields with what they leave to the listing that is asked by, so that they say all without it.

    Raises:
        BadQuery: they leave something to it that it does not have.
    """
    seller, excluded_seller = list(fields.seller), list(fields.exclude_seller)
    if fields.same_seller and not subject.seller:
        raise BadQuery("same_seller", "what is searched by has no seller; name one with `seller`, or leave it out")
    if fields.same_seller is not None and subject.seller:
        (seller if fields.same_seller else excluded_seller).append(subject.seller)
    near_price, near_currency = fields.near_price, fields.near_currency
    if near_price is None:
        near_price, near_currency = subject.price, near_currency or subject.currency
    near_place = subject.place if fields.near_place is None else fields.near_place
    if fields.price_weight and not near_price:
        raise BadQuery("price_weight", _NOTHING_NEAR.format("price"))
    if fields.place_weight and not near_place:
        raise BadQuery("place_weight", _NOTHING_NEAR.format("place"))
    return msgspec.structs.replace(
        fields,
        crop=None,
        same_seller=None,
        seller=seller,
        exclude_seller=excluded_seller,
        exclude_listing=[*fields.exclude_listing, *sorted(subject.excluded)],
        near_price=near_price if fields.price_weight else None,
        near_currency=near_currency if fields.price_weight else None,
        near_place=near_place if fields.place_weight else None,
    )


def taste_of(asked: Recommendation) -> TasteSubject:
    """Return what is asked for as a subject.

    Raises:
        BadQuery: nothing is liked, too much is named, weights do not fit, or the token is none of a photo or listing.
    """
    query = None if asked.query_token is None else decode_subject(asked.query_token)
    if isinstance(query, TasteSubject):
        raise BadQuery("query_token", "is that of a recommendation; name again what was liked")
    try:
        return TasteSubject(
            tuple(asked.positive),
            tuple(asked.negative),
            tuple(asked.positive_weights),
            tuple(asked.negative_weights),
            asked.strategy,
            query,
        )
    except TasteWrong as wrong:
        raise BadQuery(wrong.field, wrong.problem) from wrong
