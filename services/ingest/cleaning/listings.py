"""Turns a raw listing into a clean one, or into a reject with its reason. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from db.rows.records import ListingRecord, RejectedRecord
from services.ingest.cleaning.fields import clean_date, clean_price
from services.ingest.cleaning.listing_schema import CATEGORY_LIMIT, violations
from services.ingest.cleaning.prices import PriceError
from services.ingest.cleaning.text import clean_line, clean_paragraphs, shorten
from services.reason_codes import RejectReason
from services.wire.listings import ID_LIMIT, SELLER_LIMIT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from services.ingest.cleaning.raw_listing import RawListing
    from services.ingest.cleaning.repairs import Repair

_GUMTREE_SUFFIX = re.compile(r"(?:\s*\|\s*in\s[^|]*)?\s*\|\s*Gumtree\s*$", re.IGNORECASE)
_SITE_SUFFIX = re.compile(r"\s*\|\s*in\s+(?P<place>[^|]*?)\s*\|[^|]*$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class CleanListing:
    """A cleaned listing, and what was repaired, guessed or left out in it; the codes are its flags."""

    record: ListingRecord
    repairs: tuple[Repair, ...] = ()


def clean_listing(
    raw: RawListing, *, now: datetime | None = None, keep_unpriced: bool = False
) -> CleanListing | RejectedRecord:
    """Clean one listing, or reject it for the first fault found, in the order of `_CleanText.fault`, then its price.

    A listing with an unreadable price is rejected: that does less harm than a wrong price or none. An absurd price is
    kept and flagged; an unreadable date is left out and flagged, which only affects searches by date.

    Args:
        raw: the listing as it stands in the file.
        now: compared with the listing date; the current time by default.
        keep_unpriced: whether to accept a listing whose price cannot be read without a price, and flag it.
    """
    text = _CleanText.of(raw)
    if (fault := text.fault(raw)) is not None:
        return fault
    try:
        price, price_repairs = clean_price(raw, keep_unpriced=keep_unpriced)
    except PriceError as error:
        return _rejected(raw, text.listing_id, "price", reason=error.reason, text=raw.price)
    listed_at, date_repairs = clean_date(raw, now=now or datetime.now(UTC))
    repairs = (*raw.repairs, *price_repairs, *date_repairs)
    record = ListingRecord(
        listing_id=text.listing_id,
        title=text.title,
        description=clean_paragraphs(raw.description),
        category=text.category_path[0],
        category_path=text.category_path,
        price=price.amount,
        currency=price.currency,
        location=text.location,
        region=region_of(text.location),
        flags=tuple(dict.fromkeys(repair.flag for repair in repairs)),
        seller=text.seller,
        listed_at=listed_at,
    )
    return CleanListing(record, repairs)


def check_records(records: Sequence[ListingRecord]) -> list[ListingRecord | RejectedRecord]:
    """Check clean listings against the schema before they reach the database; unclean ones become rejects.

    `clean_listing` should leave nothing to find here. The rejects have no file and line, which are unknown here.
    """
    faults = violations(records)
    return [
        RejectedRecord("", 0, shorten(str(record.listing_id)), *faults[at], shorten(repr(record)))
        if at in faults
        else record
        for at, record in enumerate(records)
    ]


def clean_title(text: str, location: str) -> str:
    """Return a title without the suffix of its site.

    This is ` | in Wokingham, Berkshire | Gumtree`, or the like by another site if the place is the listing's location.
    """
    title = _GUMTREE_SUFFIX.sub("", clean_line(text))
    match = _SITE_SUFFIX.search(title)
    return title[: match.start()] if match and location and match["place"] == location else title


def split_category(text: str) -> tuple[str, ...]:
    """Return the levels of a category path such as `Home & Garden / Mirrors, Clocks / `, first to last."""
    levels = (level.strip(" /") for level in f" {clean_line(text)} ".split(" / "))
    return tuple(filter(None, levels))


def region_of(location: str) -> str:
    """Return the last comma-separated part of a location: `Berkshire` for `Wokingham, Berkshire`."""
    parts = [part.strip() for part in location.split(",")]
    return next((part for part in reversed(parts) if part), "")


@dataclass(frozen=True, slots=True)
class _CleanText:
    """The cleaned text fields of a listing, not checked yet."""

    listing_id: str
    title: str
    category_path: tuple[str, ...]
    location: str
    seller: str

    @classmethod
    def of(cls, raw: RawListing) -> _CleanText:
        location = clean_line(raw.location)
        return cls(
            clean_line(raw.listing_id),
            clean_title(raw.title, location),
            split_category(raw.category),
            location,
            clean_line(raw.seller),
        )

    def fault(self, raw: RawListing) -> RejectedRecord | None:
        """Return the reject for the first missing or overlong field, or None."""
        category = self.category_path[0] if self.category_path else ""
        checks = (
            (not self.listing_id, "id", RejectReason.MISSING_ID, raw.title),
            (len(self.listing_id) > ID_LIMIT, "id", RejectReason.ID_TOO_LONG, self.listing_id),
            (not self.title, "title", RejectReason.MISSING_TITLE, raw.title),
            (not category, "category", RejectReason.MISSING_CATEGORY, raw.category),
            (len(category) > CATEGORY_LIMIT, "category", RejectReason.CATEGORY_TOO_LONG, raw.category),
            (len(self.seller) > SELLER_LIMIT, "seller", RejectReason.SELLER_TOO_LONG, self.seller),
        )
        for is_fault, field, reason, text in checks:
            if is_fault:
                return _rejected(raw, self.listing_id, field, reason=reason, text=text)
        return None


def _rejected(raw: RawListing, listing_id: str, field: str, *, reason: RejectReason, text: str) -> RejectedRecord:
    return RejectedRecord(raw.file, raw.line, shorten(listing_id), field, reason, shorten(text))
