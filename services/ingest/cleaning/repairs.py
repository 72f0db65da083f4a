"""What was changed in a record that is accepted nevertheless."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from services.reason_codes import ListingFlag

if TYPE_CHECKING:
    from collections.abc import Iterable


FLAGS_OF = {
    "price": frozenset(
        {
            ListingFlag.ABSURD_PRICE,
            ListingFlag.ZERO_SALE_PRICE,
            ListingFlag.PRICE_RANGE,
            ListingFlag.PRICE_PER_UNIT,
            ListingFlag.AMBIGUOUS_PRICE,
            ListingFlag.APPROXIMATE_PRICE,
            ListingFlag.ROUNDED_PRICE,
            ListingFlag.PRICE_LEFT_OUT,
            ListingFlag.PRICE_OF_VARIANT,
            ListingFlag.CURRENCY_CONFLICT,
            ListingFlag.UNKNOWN_CURRENCY,
        }
    ),
    "currency": frozenset({ListingFlag.CURRENCY_CONFLICT, ListingFlag.UNKNOWN_CURRENCY}),
    "category": frozenset({ListingFlag.CATEGORY_SPELLING, ListingFlag.GUESSED_CATEGORIES}),
    "title": frozenset({ListingFlag.SHORTENED_TEXT}),
    "description": frozenset({ListingFlag.SHORTENED_TEXT}),
    "location": frozenset({ListingFlag.SHORTENED_TEXT}),
    "listed_at": frozenset({ListingFlag.UNREADABLE_DATE, ListingFlag.AMBIGUOUS_DATE, ListingFlag.GUESSED_DATE}),
    "url": frozenset({ListingFlag.BAD_LISTING_URL}),
    "attributes": frozenset({ListingFlag.ATTRIBUTE_LEFT_OUT}),
    "sold": frozenset({ListingFlag.UNKNOWN_AVAILABILITY, ListingFlag.MARKED_SOLD}),
}
"""Flags that tell of the value of a field: they go with the value, and stay with it."""


class Repair(NamedTuple):
    """One thing that was repaired, guessed or left out in an accepted record.

    Attributes:
        flag: a code of `ListingFlag`.
        field: the field of the listing, or the column of the file; empty if the whole record is concerned.
        before: the text as it stands in the file.
        after: the value that was taken; empty if none was.
    """

    flag: str
    field: str = ""
    before: str = ""
    after: str = ""


def flags_of(repairs: Iterable[Repair]) -> tuple[str, ...]:
    """Return the codes of the repairs, each once."""
    return tuple(dict.fromkeys(repair.flag for repair in repairs))
