"""A listing as a client sends it, and its cleaning."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from db.rows.records import RejectedRecord
from services.errors import ListingRejected
from services.ingest.cleaning.categories import split_category
from services.ingest.cleaning.listings import CleanListing, check_records, clean_listing
from services.ingest.cleaning.prices import PriceError, parse_price, read_currency
from services.ingest.cleaning.raw_listing import RawListing
from services.ingest.cleaning.repairs import FLAGS_OF, Repair
from services.reason_codes import ListingFlag, RejectReason

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from db.models import Listing
    from db.rows.records import ListingRecord
    from db.vectors.attributes import AttributeValue

_LEVELS = "\x1f"
"""Between the levels of a stored path: no level has this character, while `Indoor / Outdoor` may be one level."""

_SET_AGAIN = frozenset({ListingFlag.ABSURD_PRICE, ListingFlag.NUMERIC_CATEGORY})
"""Flags that cleaning sets again from the stored values."""


@dataclass(frozen=True, slots=True)
class ListingInput:
    """A listing as a client sends it.

    Attributes:
        category: the category path, with ` / ` between its levels.
        price: an amount, or text such as `£10`; empty for no price.
        currency: ISO 4217 code for a price without a currency of its own.
        seller: the marketplace's id of the seller; empty when unknown.
        listed_at: ISO 8601 or Unix seconds; empty when unknown.
        url: the listing's page in the shop; empty when unknown.
        attributes: free attributes by name.
        other_categories: paths of further categories, each like `category`.
        sold: whether it is no longer for sale.
        flags: the listing flags of the stored listing, in an update.
    """

    title: str
    category: str
    description: str = ""
    price: str = ""
    currency: str | None = None
    location: str = ""
    seller: str = ""
    listed_at: str = ""
    url: str = ""
    attributes: Mapping[str, AttributeValue] = field(default_factory=dict)
    other_categories: Sequence[str] = ()
    sold: bool = False
    flags: tuple[str, ...] = ()


def clean_input(listing_id: str, listing: ListingInput) -> CleanListing:
    """Clean and check the listing; the answer's repairs are those of this request.

    Raises:
        ListingRejected: a field is invalid.
    """
    raw = RawListing(
        file="",
        line=0,
        listing_id=listing_id,
        title=listing.title,
        category=listing.category,
        description=listing.description,
        price=listing.price,
        location=listing.location,
        repairs=tuple(map(Repair, listing.flags)),
        seller=listing.seller,
        listed_at=listing.listed_at,
        currency=listing.currency or "",
        category_separator=_separator(listing.category),
        url=listing.url,
        attributes=listing.attributes,
    )
    result = clean_listing(raw)
    if isinstance(result, RejectedRecord):
        raise _listing_rejected(result)
    if result.record.listing_id != listing_id:
        raise ListingRejected("id", RejectReason.BAD_ID, f"{listing_id!r} is not a single line of plain text")
    (checked,) = check_records([_completed(result.record, listing)])
    if isinstance(checked, RejectedRecord):
        raise _listing_rejected(checked)
    return CleanListing(checked, tuple(repair for repair in result.repairs if repair not in raw.repairs))


def _completed(record: ListingRecord, listing: ListingInput) -> ListingRecord:
    """Return the record with the values of the request that no column of a feed has."""
    if record.price is not None and record.currency is None and read_currency(listing.currency or "") is None:
        record = replace(record, currency=listing.currency)  # the last check rejects it
    others = (path for path in (split_category(text, _separator(text)) for text in listing.other_categories) if path)
    other_categories = tuple(dict.fromkeys(path for path in others if path != record.category_path))
    return replace(record, other_categories=other_categories, sold=listing.sold)


def _listing_rejected(reject: RejectedRecord) -> ListingRejected:
    return ListingRejected(reject.field, RejectReason(reject.reason), reject.text)


def with_fields(listing: Listing, fields: Mapping[str, Any]) -> ListingInput:
    """Return the stored listing as a client would send it, with these fields replaced.

    Flags that tell of other fields stay: cleaning cannot find them in the stored values.
    """
    replaced = _SET_AGAIN.union(*(FLAGS_OF.get(name, ()) for name in fields))
    current = ListingInput(
        title=listing.title,
        category=_LEVELS.join(listing.category_path),
        description=listing.description,
        price="" if listing.price is None else str(listing.price),
        currency=_stored_currency(listing, fields),
        location=listing.location,
        seller=listing.seller,
        listed_at="" if listing.listed_at is None else listing.listed_at.isoformat(),
        url=listing.url,
        attributes=listing.attributes,
        other_categories=tuple(map(_LEVELS.join, listing.other_categories)),
        sold=listing.sold,
        flags=tuple(flag for flag in listing.flags if flag not in replaced),
    )
    return replace(current, **fields)


def _separator(category: str) -> str:
    return _LEVELS if _LEVELS in category else ""


def _stored_currency(listing: Listing, fields: Mapping[str, Any]) -> str | None:
    """Return the currency for a price that names none; None if the new price names another one."""
    try:
        price = parse_price(str(fields.get("price", "")), currency=read_currency(listing.currency or ""))
    except PriceError:
        return listing.currency
    return None if ListingFlag.CURRENCY_CONFLICT in price.flags else listing.currency
