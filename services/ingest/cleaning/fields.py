"""Cleans single fields of a raw listing: each function returns the value, and what was guessed or left out for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.ingest.cleaning.availability import is_sold, sold_of
from services.ingest.cleaning.dates import DateError, parse_date
from services.ingest.cleaning.links import clean_url
from services.ingest.cleaning.prices import Price, PriceError, is_absurd, parse_price, read_currency
from services.ingest.cleaning.repairs import Repair
from services.ingest.cleaning.text import clean_line
from services.reason_codes import ListingFlag

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from services.ingest.cleaning.raw_listing import RawListing


def clean_price(raw: RawListing, *, keep_unpriced: bool) -> tuple[Price, list[Repair]]:
    """Return the price with its currency.

    Raises:
        PriceError: the price cannot be read, and a listing without a price is not wanted.
    """
    try:
        currency = read_currency(raw.currency)
        price = parse_price(raw.price, currency=currency, decimal_mark=raw.decimal_mark, group_mark=raw.group_mark)
    except PriceError:
        if not keep_unpriced:
            raise
        return Price(None), [Repair(ListingFlag.PRICE_LEFT_OUT, "price", raw.price)]
    return price, [] if price.amount is None else list(_price_repairs(raw, price))


def _price_repairs(raw: RawListing, price: Price) -> Iterator[Repair]:
    currency = price.currency or ""
    read = f"{price.amount} {currency}".strip()
    for flag in price.flags:
        if flag is ListingFlag.CURRENCY_CONFLICT:
            yield Repair(flag, "currency", raw.currency, currency)
        else:
            yield Repair(flag, "price", raw.price, read)
    is_resolved = currency or ListingFlag.CURRENCY_CONFLICT in price.flags
    if (
        ListingFlag.UNKNOWN_CURRENCY not in price.flags
        and raw.currency.strip()
        and (read_currency(raw.currency) is None or not is_resolved)
    ):
        yield Repair(ListingFlag.UNKNOWN_CURRENCY, "currency", raw.currency, currency)
    if price.amount is not None and is_absurd(price.amount, price.currency):
        yield Repair(ListingFlag.ABSURD_PRICE, "price", raw.price, read)


def clean_date(raw: RawListing, *, now: datetime) -> tuple[datetime | None, list[Repair]]:
    """Return when the listing was listed, in UTC; None when it is unknown or cannot be read."""
    try:
        read = parse_date(clean_line(raw.listed_at), now=now, day_first=raw.day_first)
    except DateError as error:
        return None, [Repair(error.flag, "listed_at", raw.listed_at)]
    if read is None:
        return None, []
    return read.at, [Repair(read.flag, "listed_at", raw.listed_at, read.at.isoformat())] if read.flag else []


def clean_availability(raw: RawListing, *, now: datetime) -> tuple[bool, list[Repair]]:
    """Return whether the listing is sold: its availability or its mark of a sale says so."""
    read = (
        ("availability", raw.availability, sold_of(raw.availability)),
        ("sold", raw.sold, is_sold(raw.sold, now=now)),
    )
    unknown = [Repair(ListingFlag.UNKNOWN_AVAILABILITY, name, text) for name, text, sold in read if sold is None]
    return any(sold for _name, _text, sold in read), unknown


def clean_page_url(raw: RawListing) -> tuple[str, list[Repair]]:
    """Return the address of the listing's page; empty if there is none or it cannot be used."""
    url = clean_url(raw.url)
    return ("", [Repair(ListingFlag.BAD_LISTING_URL, "url", raw.url)]) if url is None else (url, [])
