"""From a raw listing to a clean one, or to a reject with its reason. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from db.records import ListingRecord, RejectedRecord
from services.ingest.prices import PriceError, is_absurd, parse_price
from services.ingest.rejects import shorten
from services.ingest.schema import CATEGORY_LIMIT, ID_LIMIT, violations
from services.ingest.text_cleaning import clean_line, clean_paragraphs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from services.ingest.readers import RawListing

_SITE_SUFFIX = re.compile(r"(?:\s*\|\s*in\s[^|]*)?\s*\|\s*Gumtree\s*$", re.IGNORECASE)
_ANY_SITE_SUFFIX = re.compile(r"\s*\|\s*in\s+(?P<place>[^|]*?)\s*\|[^|]*$", re.IGNORECASE)


def clean_listing(raw: RawListing) -> ListingRecord | RejectedRecord:
    """Clean one listing. The first thing that is wrong with it is the reason of its reject:

    `missing_id`, `id_too_long`, `missing_title`, `missing_category`, `category_too_long`, and for the price
    `unreadable_price` (a listing that is reported does less harm than one with a wrong price or none),
    `negative_price`, `price_too_large` (10^13 or more). An `absurd_price` is kept and flagged.
    """
    listing_id, location = clean_line(raw.listing_id), clean_line(raw.location)
    title, levels = clean_title(raw.title, location), split_category(raw.category)
    if not listing_id:
        return _rejected(raw, "", "id", reason="missing_id", text=raw.title)
    if len(listing_id) > ID_LIMIT:
        return _rejected(raw, listing_id, "id", reason="id_too_long", text=listing_id)
    if not title:
        return _rejected(raw, listing_id, "title", reason="missing_title", text=raw.title)
    if not levels:
        return _rejected(raw, listing_id, "category", reason="missing_category", text=raw.category)
    if len(levels[0]) > CATEGORY_LIMIT:
        return _rejected(raw, listing_id, "category", reason="category_too_long", text=raw.category)
    try:
        price = parse_price(raw.price)
    except PriceError as error:
        return _rejected(raw, listing_id, "price", reason=error.reason, text=raw.price)
    flags = raw.flags if price.amount is None or not is_absurd(price.amount) else (*raw.flags, "absurd_price")
    return ListingRecord(
        listing_id=listing_id,
        title=title,
        description=clean_paragraphs(raw.description),
        category=levels[0],
        category_path=levels,
        price=price.amount,
        currency=price.currency,
        location=location,
        region=region_of(location),
        flags=flags,
    )


def check_records(records: Sequence[ListingRecord]) -> list[ListingRecord | RejectedRecord]:
    """Return each record that is what `schema` calls clean, and a reject in the place of each that is not.

    `clean_listing` should leave nothing to find here. It is the gate before the database, whatever the records' source;
    file and line are not known at this point and are left empty.
    """
    found = violations(records)
    return [
        RejectedRecord("", 0, shorten(str(record.listing_id)), *found[at], shorten(repr(record)))
        if at in found
        else record
        for at, record in enumerate(records)
    ]


def clean_title(text: str, location: str = "") -> str:
    """Return a title without the suffix that its site added.

    That is ` | in Wokingham, Berkshire | Gumtree`, or the same by another site if the place is the listing's location.
    """
    title = _SITE_SUFFIX.sub("", clean_line(text))
    match = _ANY_SITE_SUFFIX.search(title)
    return title[: match.start()] if match and location and match["place"] == location else title


def split_category(text: str) -> tuple[str, ...]:
    """Return the levels of a category path such as `Home & Garden / Mirrors, Clocks / `, first to last."""
    levels = (level.strip(" /") for level in f" {clean_line(text)} ".split(" / "))
    return tuple(filter(None, levels))


def region_of(location: str) -> str:
    """Return the last comma-separated part of a place: `Berkshire` of `Wokingham, Berkshire`."""
    parts = [part.strip() for part in location.split(",")]
    return next((part for part in reversed(parts) if part), "")


def _rejected(raw: RawListing, listing_id: str, field: str, *, reason: str, text: str) -> RejectedRecord:
    return RejectedRecord(raw.file, raw.line, shorten(listing_id), field, reason, shorten(text))
