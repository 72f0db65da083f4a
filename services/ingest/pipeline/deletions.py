"""Deletes all listings that pass a filter, with their photos."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import TYPE_CHECKING

from more_itertools import chunked

from db.rows import listings
from db.rows.listings import ListingConditions
from services.errors import BadInput, BadQuery, Conflict
from services.ingest.cleaning.text import counted
from services.wire.deletions import MAX_EXAMPLE_IDS, ListingDeletion, ListingsDeleted
from services.wire.fields import described_fields, out_of_limits

if TYPE_CHECKING:
    from db.session import Database

_ABOVE_EVERY_PRICE = Decimal(10) ** 14
_NO_CONDITION = frozenset({"dry_run", "expected"})


def delete_by_filter(database: Database, deletion: ListingDeletion) -> ListingsDeleted:
    """Delete the listings that pass the conditions, in batches; a dry run only counts them.

    Raises:
        BadInput: there is no condition, or neither `dry_run` nor `expected`.
        BadQuery: a value is malformed or out of range.
        Conflict: the number of listings is not the expected one; nothing was deleted.
    """
    where = _conditions(deletion)
    with database.read() as session:
        matching = listings.matching_ids(session, where)
    if not deletion.dry_run:
        _check_expected(deletion.expected, len(matching))
        for batch in chunked(matching, listings.LISTINGS_PER_WRITE):
            with database.write() as session:
                still = listings.matching_ids(session, replace(where, listing_ids=batch))
                listings.delete_listings(session, still)
    return ListingsDeleted(len(matching), matching[:MAX_EXAMPLE_IDS], deletion.dry_run)


def _check_expected(expected: int | None, count: int) -> None:
    if expected is None:
        raise BadQuery(
            "expected",
            f"is missing. The conditions select {counted(count, 'listing')}; send expected={count} to delete them",
        )
    if expected != count:
        problem = f"The conditions select {counted(count, 'listing')}, not {expected}. Nothing was deleted"
        raise Conflict(f"{problem}. Check them with dry_run=true.")


def _conditions(deletion: ListingDeletion) -> ListingConditions:
    _check_limits(deletion)
    return ListingConditions(
        listing_ids=deletion.listing_id or None,
        categories=deletion.category,
        category_path=deletion.category_path,
        sellers=deletion.seller,
        currency=deletion.currency and deletion.currency.upper(),
        price_min=_amount(deletion.price_min, ROUND_CEILING),
        price_max=_amount(deletion.price_max, ROUND_FLOOR),
        listed_since=_time("listed_since", deletion.listed_since),
        listed_before=_time("listed_before", deletion.listed_before),
        sold=deletion.sold,
    )


def _check_limits(deletion: ListingDeletion) -> None:
    names = [field.name for field in described_fields(ListingDeletion) if field.name not in _NO_CONDITION]
    if not any(getattr(deletion, name) not in (None, [], "") for name in names):
        raise BadInput(f"A deletion needs at least one condition: {', '.join(names)}.")
    for field, number in out_of_limits(deletion):
        raise BadQuery(field.name, f"{number} is out of range; it must be {field.limits}")
    for field in described_fields(ListingDeletion):
        limit = field.schema.get("maxItems")
        if limit is not None and (count := len(getattr(deletion, field.name))) > limit:
            raise BadQuery(field.name, f"has {count} values; the limit is {limit}")
    code = deletion.currency
    if code is not None and not (len(code) == 3 and code.isascii() and code.isalpha()):
        raise BadQuery("currency", f"{code!r} is not a currency; use an ISO 4217 code such as GBP")
    if deletion.price_min is not None and deletion.price_max is not None and deletion.price_min > deletion.price_max:
        raise BadQuery("price_min", f"{deletion.price_min} is above price_max, {deletion.price_max}")


def _amount(price: float | None, rounding: str) -> Decimal | None:
    """Return a bound in whole hundredths that the same prices pass; above every price it may be any large amount."""
    if price is None:
        return None
    return min(Decimal(str(price)), _ABOVE_EVERY_PRICE).quantize(Decimal("0.01"), rounding)


def _time(field: str, text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        time = datetime.fromisoformat(text.strip())
        return (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise BadQuery(field, f"{text!r} is not a date; write 2026-03-01 or 2026-03-01T09:30:00Z") from error
