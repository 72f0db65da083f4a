"""The request and answer that delete listings by filter."""

from __future__ import annotations

from typing import Annotated

import msgspec

from services.wire.fields import described
from services.wire.search import MAX_FILTER_VALUES, HighestPrice, LowestPrice

MAX_EXAMPLE_IDS = 100
"""Ids in an answer, at most."""

_TIME = "if it is unknown, the time when the listing was added counts. A date, with a time or without; UTC by default."


class ListingDeletion(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Which listings to delete. A listing is deleted if it passes all conditions; at least one is needed."""

    listing_id: Annotated[list[str], described("Any of these listings.", ["lamp-1"], maxItems=MAX_FILTER_VALUES)] = []
    category: Annotated[
        list[str],
        described("Any of these first levels of the category path.", ["Phones"], maxItems=MAX_FILTER_VALUES),
    ] = []
    category_path: Annotated[
        str | None, described("The first levels of any category path of the listing.", "Home & Garden / Lamps")
    ] = None
    seller: Annotated[list[str], described("Any of these sellers.", ["seller-9"], maxItems=MAX_FILTER_VALUES)] = []
    currency: Annotated[str | None, described("ISO 4217 code of the price.", "GBP", pattern="^[A-Za-z]{3}$")] = None
    price_min: LowestPrice | None = None
    price_max: HighestPrice | None = None
    listed_since: Annotated[
        str | None,
        described(f"Listed at this time or later; {_TIME}", "2025-01-01T00:00:00Z", format="date-time"),
    ] = None
    listed_before: Annotated[
        str | None,
        described(f"Listed before this time; {_TIME}", "2026-01-01T00:00:00Z", format="date-time"),
    ] = None
    sold: Annotated[bool | None, described("Only sold listings (true), or only others (false).", True)] = None
    dry_run: Annotated[bool, described("Only count the listings.", True)] = False
    expected: Annotated[
        int | None,
        described(
            "The count that a dry run answered. If it has changed, nothing is deleted. Needed unless `dry_run` is set.",
            12,
            minimum=0,
        ),
    ] = None


class ListingsDeleted(msgspec.Struct):
    """The listings that a request deleted, or that it would delete."""

    count: Annotated[int, described("Number of listings that pass the conditions.", 12)]
    listing_ids: Annotated[list[str], described(f"The first {MAX_EXAMPLE_IDS} ids, ascending.", ["lamp-1", "lamp-2"])]
    dry_run: Annotated[bool, described("Whether nothing was deleted.", False)]
