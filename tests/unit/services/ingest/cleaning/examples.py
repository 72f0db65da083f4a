"""A raw listing and its clean form."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, settings

from db.rows.records import ListingRecord, RejectedRecord
from services.ingest.cleaning.listings import CleanListing, clean_listing
from services.ingest.cleaning.raw_listing import RawListing

EXAMPLES = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

RAW = RawListing(
    file="listings.csv",
    line=7,
    listing_id="L-1",
    title="Oak desk | in Wokingham, Berkshire | Gumtree",
    category="Home & Garden / Desks, Tables / Desks",
    description="Solid oak.\r\n\r\n\r\n\r\nSome  scratches.\t",
    price="£1,250.00",
    location="Wokingham, Berkshire",
)
CLEAN = ListingRecord(
    listing_id="L-1",
    title="Oak desk",
    description="Solid oak.\n\nSome scratches.",
    category="Home & Garden",
    category_path=("Home & Garden", "Desks, Tables", "Desks"),
    price=Decimal("1250.00"),
    currency="GBP",
    location="Wokingham, Berkshire",
    region="Berkshire",
)

NOW = datetime(2024, 6, 1, 12, tzinfo=UTC)


def clean_record(raw: RawListing, **options: Any) -> ListingRecord | RejectedRecord:
    """Clean a listing, and return its record without the repairs, or the reject."""
    cleaned = clean_listing(raw, **options)
    return cleaned.record if isinstance(cleaned, CleanListing) else cleaned
