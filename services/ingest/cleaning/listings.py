"""From a raw listing to a clean one, or to a reject with its reason. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from db.rows.records import ListingRecord, RejectedRecord
from services.ingest.cleaning.dates import DateError, parse_date
from services.ingest.cleaning.gate import CATEGORY_LIMIT, ID_LIMIT, SELLER_LIMIT, violations
from services.ingest.cleaning.prices import PriceError, is_absurd, parse_price
from services.ingest.cleaning.text import clean_line, clean_paragraphs, shorten
from services.reason_codes import ListingFlag, RejectReason

if TYPE_CHECKING:
    from collections.abc import Sequence

    from services.ingest.cleaning.raw_listing import RawListing

_SITE_SUFFIX = re.compile(r"(?:\s*\|\s*in\s[^|]*)?\s*\|\s*Gumtree\s*$", re.IGNORECASE)
_ANY_SITE_SUFFIX = re.compile(r"\s*\|\s*in\s+(?P<place>[^|]*?)\s*\|[^|]*$", re.IGNORECASE)


def clean_listing(raw: RawListing, *, now: datetime | None = None) -> ListingRecord | RejectedRecord:
    """Clean one listing. The first thing that is wrong with it is the reason of its reject:

    `missing_id`, `id_too_long`, `missing_title`, `missing_category`, `category_too_long`, `seller_too_long`, and for
    the price `unreadable_price` (a listing that is reported does less harm than one with a wrong price or none),
    `negative_price`, `price_too_large` (10^13 or more). An `absurd_price` is kept and flagged; an `unreadable_date` is
    left out and flagged: it is only lost to searches by date.

    Args:
        raw: as it stands in the file.
        now: what its date is compared with; the present by default.
    """
    listing_id, location, seller = clean_line(raw.listing_id), clean_line(raw.location), clean_line(raw.seller)
    title, levels = clean_title(raw.title, location), split_category(raw.category)
    faults = (
        (not listing_id, "id", RejectReason.MISSING_ID, raw.title),
        (len(listing_id) > ID_LIMIT, "id", RejectReason.ID_TOO_LONG, listing_id),
        (not title, "title", RejectReason.MISSING_TITLE, raw.title),
        (not levels, "category", RejectReason.MISSING_CATEGORY, raw.category),
        (len("".join(levels[:1])) > CATEGORY_LIMIT, "category", RejectReason.CATEGORY_TOO_LONG, raw.category),
        (len(seller) > SELLER_LIMIT, "seller", RejectReason.SELLER_TOO_LONG, seller),
    )
    for is_at_fault, field, reason, text in faults:
        if is_at_fault:
            return _rejected(raw, listing_id, field, reason=reason, text=text)
    try:
        price = parse_price(raw.price)
    except PriceError as error:
        return _rejected(raw, listing_id, "price", reason=error.reason, text=raw.price)
    flags = raw.flags if price.amount is None or not is_absurd(price.amount) else (*raw.flags, ListingFlag.ABSURD_PRICE)
    listed_at, is_unreadable = _read_date(raw.listed_at, now or datetime.now(UTC))
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
        flags=(*flags, ListingFlag.UNREADABLE_DATE) if is_unreadable else flags,
        seller=seller,
        listed_at=listed_at,
    )


def _read_date(text: str, now: datetime) -> tuple[datetime | None, bool]:
    """Return the date, and whether there is one that cannot be read."""
    try:
        return parse_date(clean_line(text), now=now), False
    except DateError:
        return None, True


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
