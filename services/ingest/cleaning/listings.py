"""Turns a raw listing into a clean one, or into a reject with its reason. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import chain
from typing import TYPE_CHECKING

from db.rows.records import ListingRecord, RejectedRecord
from services.ingest.cleaning.attributes import clean_attributes
from services.ingest.cleaning.categories import (
    MAX_LEVELS,
    MAX_PATHS,
    guess_paths,
    is_numeric,
    split_category,
    split_paths,
)
from services.ingest.cleaning.fields import clean_availability, clean_date, clean_page_url, clean_price
from services.ingest.cleaning.html_text import plain_text
from services.ingest.cleaning.listing_schema import CATEGORY_LIMIT, violations
from services.ingest.cleaning.prices import PriceError
from services.ingest.cleaning.repairs import Repair, flags_of
from services.ingest.cleaning.text import clean_line, clean_paragraphs, cut, decode_entities, shorten
from services.reason_codes import ListingFlag, RejectReason
from services.wire.listings import DESCRIPTION_LIMIT, ID_LIMIT, LOCATION_LIMIT, SELLER_LIMIT, TITLE_LIMIT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from services.ingest.cleaning.raw_listing import RawListing

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
    now = now or datetime.now(UTC)
    listed_at, date_repairs = clean_date(raw, now=now)
    sold, sold_repairs = clean_availability(raw, now=now)
    url, url_repairs = clean_page_url(raw)
    attributes, attribute_repairs = clean_attributes(raw.attributes)
    found = (text.repairs(raw), price_repairs, date_repairs, sold_repairs, url_repairs, attribute_repairs)
    repairs = (*raw.repairs, *chain(*found))
    record = replace(
        text.record(),
        price=price.amount,
        currency=price.currency,
        flags=flags_of(repairs),
        listed_at=listed_at,
        url=url,
        attributes=attributes,
        sold=sold,
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
    other_categories: tuple[tuple[str, ...], ...]
    location: str
    seller: str
    description: str = ""
    guessed_categories: bool = False
    shortened: tuple[Repair, ...] = ()

    @classmethod
    def of(cls, raw: RawListing) -> _CleanText:
        location = clean_line(decode_entities(raw.location))
        is_open = not raw.category_separator and not raw.categories_separator
        cells, is_guess = (
            guess_paths(raw.category) if is_open else (split_paths(raw.category, raw.categories_separator), False)
        )
        paths = [path for path in (split_category(cell, raw.category_separator) for cell in cells) if path]
        title, long_title = _within("title", clean_title(decode_entities(raw.title), location), TITLE_LIMIT)
        location, long_location = _within("location", location, LOCATION_LIMIT)
        description = clean_paragraphs(plain_text(raw.description))
        description, long_description = _within("description", description, DESCRIPTION_LIMIT)
        return cls(
            clean_line(raw.listing_id),
            title,
            paths[0] if paths else (),
            tuple(dict.fromkeys(path for path in paths if path != paths[0])),
            location,
            clean_line(decode_entities(raw.seller)),
            description,
            is_guess,
            (*long_title, *long_location, *long_description),
        )

    def record(self) -> ListingRecord:
        """Return the listing with its texts only."""
        return ListingRecord(
            listing_id=self.listing_id,
            title=self.title,
            description=self.description,
            category=self.category_path[0],
            category_path=self.category_path,
            price=None,
            currency=None,
            location=self.location,
            region=region_of(self.location),
            seller=self.seller,
            other_categories=self.other_categories,
        )

    def repairs(self, raw: RawListing) -> tuple[Repair, ...]:
        """Return what is doubtful in the texts, and which were shortened."""
        if is_numeric(self.category_path[0]):
            numeric = Repair(ListingFlag.NUMERIC_CATEGORY, "category", raw.category, self.category_path[0])
            return (*self.shortened, numeric)
        if self.guessed_categories:
            paths = " | ".join(map(" > ".join, (self.category_path, *self.other_categories)))
            return (*self.shortened, Repair(ListingFlag.GUESSED_CATEGORIES, "category", raw.category, paths))
        return self.shortened

    def fault(self, raw: RawListing) -> RejectedRecord | None:
        """Return the reject for the first missing or overlong field, or None."""
        category = self.category_path[0] if self.category_path else ""
        paths = (self.category_path, *self.other_categories)
        is_long = any(len(level) > CATEGORY_LIMIT for path in paths for level in path)
        is_deep = len(paths) > MAX_PATHS or any(len(path) > MAX_LEVELS for path in paths)
        checks = (
            (not self.listing_id, "id", RejectReason.MISSING_ID, raw.title),
            (len(self.listing_id) > ID_LIMIT, "id", RejectReason.ID_TOO_LONG, self.listing_id),
            (not self.title, "title", RejectReason.MISSING_TITLE, raw.title),
            (not category, "category", RejectReason.MISSING_CATEGORY, raw.category),
            (is_deep, "category", RejectReason.CATEGORY_TOO_DEEP, raw.category),
            (is_long, "category", RejectReason.CATEGORY_TOO_LONG, raw.category),
            (len(self.seller) > SELLER_LIMIT, "seller", RejectReason.SELLER_TOO_LONG, self.seller),
        )
        for is_fault, field, reason, text in checks:
            if is_fault:
                return _rejected(raw, self.listing_id, field, reason=reason, text=text)
        return None


def _within(field: str, text: str, limit: int) -> tuple[str, tuple[Repair, ...]]:
    """Return the text within its limit, and the repair if it was longer."""
    short = cut(text, limit)
    return short, () if short == text else (Repair(ListingFlag.SHORTENED_TEXT, field, text, short),)


def _rejected(raw: RawListing, listing_id: str, field: str, *, reason: RejectReason, text: str) -> RejectedRecord:
    return RejectedRecord(raw.file, raw.line, shorten(listing_id), field, reason, shorten(text))
