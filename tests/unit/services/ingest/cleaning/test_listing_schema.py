"""The schema of clean listings, the last check before the database."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.rows.records import ListingRecord, RejectedRecord
from services.ingest.cleaning.listings import check_records
from tests.unit.services.ingest.cleaning.examples import CLEAN, EXAMPLES, RAW, clean_record


@EXAMPLES
@given(st.builds(replace, st.just(RAW), title=st.text(), category=st.text(), description=st.text(), location=st.text()))
def test_every_cleaned_listing_passes_the_schema(raw):
    listing = clean_record(raw)
    if isinstance(listing, ListingRecord):
        assert check_records([listing]) == [listing]


@pytest.mark.parametrize(
    ("record", "field", "reason"),
    [
        (replace(CLEAN, listing_id=""), "listing_id", "missing_id"),
        (replace(CLEAN, listing_id="x" * 201), "listing_id", "id_too_long"),
        (replace(CLEAN, title=""), "title", "missing_title"),
        (replace(CLEAN, title="two\nlines"), "title", "not_one_line"),
        (replace(CLEAN, description="a\0b"), "description", "not_text"),
        (replace(CLEAN, description="a\ud800b"), "description", "not_text"),
        (replace(CLEAN, category="x" * 201, category_path=("x" * 201,)), "category", "category_too_long"),
        (replace(CLEAN, category_path=()), "category_path", "bad_category_path"),
        (replace(CLEAN, category_path=("Home & Garden", "\ud800")), "category_path", "bad_category_path"),
        (replace(CLEAN, category="Toys"), "", "category_not_first_level"),
        (replace(CLEAN, price=Decimal("-1")), "price", "bad_price"),
        (replace(CLEAN, price=Decimal("1.001")), "price", "bad_price"),
        (replace(CLEAN, price=Decimal("NaN")), "price", "bad_price"),
        (replace(CLEAN, price=Decimal(10) ** 13), "price", "bad_price"),
        (replace(CLEAN, price=1.5), "price", "bad_price"),
        (replace(CLEAN, price=None), "", "currency_without_price"),
        (replace(CLEAN, currency="gbp"), "currency", "bad_currency"),
        (replace(CLEAN, flags=("no code",)), "flags", "bad_flags"),
        (replace(CLEAN, url="javascript:alert(1)"), "url", "bad_link"),
        (replace(CLEAN, attributes={"Size": "42"}), "attributes", "bad_attributes"),
        (replace(CLEAN, attributes={"size": 42}), "attributes", "bad_attributes"),
        (replace(CLEAN, attributes={"size": float("nan")}), "attributes", "bad_attributes"),
        (replace(CLEAN, attributes={"size": ""}), "attributes", "bad_attributes"),
        (replace(CLEAN, other_categories=((),)), "other_categories", "bad_category_path"),
        (replace(CLEAN, sold=1), "sold", "bad_sold"),
        (replace(CLEAN, seller="x" * 201), "seller", "seller_too_long"),
        (replace(CLEAN, seller="two\nlines"), "seller", "not_one_line"),
        (replace(CLEAN, listed_at=datetime(2024, 1, 31)), "listed_at", "bad_time"),
    ],
)
def test_rejects_unclean_records_and_passes_the_others(record, field, reason):
    verdicts = check_records([CLEAN, record, CLEAN])
    assert [verdicts[0], verdicts[2]] == [CLEAN, CLEAN]
    assert isinstance(verdicts[1], RejectedRecord)
    assert (verdicts[1].field, verdicts[1].reason) == (field, reason)


def test_accepts_an_empty_batch():
    assert check_records([]) == []


def test_accepts_a_batch_without_prices():
    record = replace(CLEAN, price=None, currency=None)
    assert check_records([record]) == [record]
