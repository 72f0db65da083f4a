"""Reading listing dates."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.rows.records import ListingRecord
from services.ingest.cleaning.dates import EARLIEST, FUTURE_TOLERANCE
from services.ingest.cleaning.listings import check_records
from services.ingest.cleaning.repairs import Repair
from tests.unit.services.ingest.cleaning.examples import EXAMPLES, NOW, RAW, clean_record


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("2024-01-31", "2024-01-31T00:00:00+00:00"),
        ("20240131", "2024-01-31T00:00:00+00:00"),
        ("2024-01-31 09:30", "2024-01-31T09:30:00+00:00"),
        ("2024-01-31T09:30:00Z", "2024-01-31T09:30:00+00:00"),
        ("2024-01-31T09:30:00+02:00", "2024-01-31T07:30:00+00:00"),
        (" 1706693400 ", "2024-01-31T09:30:00+00:00"),
        ("1706693400.5", "2024-01-31T09:30:00.500000+00:00"),
        ("1990-01-01", "1990-01-01T00:00:00+00:00"),
        ("631152000", "1990-01-01T00:00:00+00:00"),
        ("2024-06-02T12:00:00", "2024-06-02T12:00:00+00:00"),
    ],
)
def test_reads_iso_8601_dates_and_unix_seconds_in_utc(text, read):
    listing = clean_record(replace(RAW, listed_at=text), now=NOW)
    assert isinstance(listing, ListingRecord)
    assert listing.listed_at is not None
    assert (listing.listed_at.isoformat(), listing.listed_at.tzinfo, listing.flags) == (read, UTC, ())


@pytest.mark.parametrize(
    "text",
    [
        "yesterday", "31/01/2024", "2024-13-01", "2024", "2024-06-02T12:00:01", "1989-12-31T23:59:59", "1970-01-01",
        "631151999", "-5", "1706693400000", "9" * 400, "1_706_693_400", "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00", "NaN", "٢٠٢٤-٠١-٣١", "\ud800",
    ],
)  # fmt: skip
def test_leaves_out_and_flags_an_unreadable_or_implausible_date(text):
    listing = clean_record(replace(RAW, listed_at=text, repairs=(Repair("repaired_record"),)), now=NOW)
    assert isinstance(listing, ListingRecord)
    assert (listing.listed_at, listing.flags) == (None, ("repaired_record", "unreadable_date"))
    assert check_records([listing]) == [listing]


@EXAMPLES
@given(st.text() | st.datetimes().map(str) | st.floats().map(str) | st.integers().map(str))
def test_any_text_is_a_plausible_date_or_none(text):
    listing = clean_record(replace(RAW, listed_at=text), now=NOW)
    assert isinstance(listing, ListingRecord)
    assert listing.listed_at is None or EARLIEST <= listing.listed_at <= NOW + FUTURE_TOLERANCE
    assert check_records([listing]) == [listing]
