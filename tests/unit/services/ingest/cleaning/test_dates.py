"""Reading listing dates."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from babel.dates import format_date
from hypothesis import given
from hypothesis import strategies as st

from db.rows.records import ListingRecord
from services.ingest.cleaning.date_order import DateOrder
from services.ingest.cleaning.dates import EARLIEST, FUTURE_TOLERANCE
from services.ingest.cleaning.listings import CleanListing, check_records, clean_listing
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
        ("2024-01-31T09:30:00.123Z", "2024-01-31T09:30:00.123000+00:00"),
        ("2024-01-31T09:30:00.000000000", "2024-01-31T09:30:00+00:00"),
        ("2024-01-31T09:30:00 +01:00", "2024-01-31T08:30:00+00:00"),
        ("2024-01-31 10:00:00 +0100", "2024-01-31T09:00:00+00:00"),
        ("2024-01-31 09:30:00 UTC", "2024-01-31T09:30:00+00:00"),
        ("2024-01-31 9:30", "2024-01-31T09:30:00+00:00"),
        ("2024-1-5 9:30:05 pm", "2024-01-05T21:30:05+00:00"),
        ("2024/01/31", "2024-01-31T00:00:00+00:00"),
        ("202401310930", "2024-01-31T09:30:00+00:00"),
        ("20240131T093000Z", "2024-01-31T09:30:00+00:00"),
        ("1706693400000", "2024-01-31T09:30:00+00:00"),
        ("1706693400123456", "2024-01-31T09:30:00.123456+00:00"),
        ("1706693400123456789", "2024-01-31T09:30:00.123456+00:00"),
        ("1.7066934E9", "2024-01-31T09:30:00+00:00"),
        ("1262304000000", "2010-01-01T00:00:00+00:00"),
    ],
)
def test_reads_iso_8601_dates_and_unix_times_in_utc(text, read):
    listing = clean_record(replace(RAW, listed_at=text), now=NOW)
    assert isinstance(listing, ListingRecord)
    assert listing.listed_at is not None
    assert (listing.listed_at.isoformat(), listing.listed_at.tzinfo, listing.flags) == (read, UTC, ())


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("31/01/2024", "2024-01-31T00:00:00+00:00"),
        ("01/31/2024", "2024-01-31T00:00:00+00:00"),
        ("1/31/2024 12:05 AM", "2024-01-31T00:05:00+00:00"),
        ("31.01.2024", "2024-01-31T00:00:00+00:00"),
        ("31. 1. 2024 9:30", "2024-01-31T09:30:00+00:00"),
        ("03.04.2024", "2024-04-03T00:00:00+00:00"),
        ("31-01-2024", "2024-01-31T00:00:00+00:00"),
        ("31 Jan 2024", "2024-01-31T00:00:00+00:00"),
        ("Jan 31, 2024", "2024-01-31T00:00:00+00:00"),
        ("January 31st, 2024 at 9:30 PM", "2024-01-31T21:30:00+00:00"),
        ("31-Jan-2024 09:30:00", "2024-01-31T09:30:00+00:00"),
        ("31. Januar 2024", "2024-01-31T00:00:00+00:00"),
        ("31 de enero de 2024", "2024-01-31T00:00:00+00:00"),
        ("31 января 2024", "2024-01-31T00:00:00+00:00"),
        ("Wed, 31 Jan 2024 09:30:00 GMT", "2024-01-31T09:30:00+00:00"),
        ("Wed, 31 Jan 2024 09:30:00 -0500", "2024-01-31T14:30:00+00:00"),
        ("Wed, 31 Jan 2024 09:30:00 EST", "2024-01-31T14:30:00+00:00"),
        ("Wed Jan 31 2024 09:30:00 GMT+0100 (Central European Standard Time)", "2024-01-31T08:30:00+00:00"),
        ("2024-01-31 10:30:00 +0100 CET", "2024-01-31T09:30:00+00:00"),
        ("2024-01-31T10:30:00+01:00[Europe/Paris]", "2024-01-31T09:30:00+00:00"),
        ("2024. 01. 31.", "2024-01-31T00:00:00+00:00"),
        ("Wed Jan 31 09:30:00 UTC 2024", "2024-01-31T09:30:00+00:00"),
    ],
)
def test_reads_dates_in_the_notations_of_shops_and_people(text, read):
    listing = clean_record(replace(RAW, listed_at=text), now=NOW)
    assert isinstance(listing, ListingRecord)
    assert listing.listed_at is not None
    assert (listing.listed_at.isoformat(), listing.listed_at.tzinfo, listing.flags) == (read, UTC, ())


@pytest.mark.parametrize(
    "text",
    [
        "yesterday", "31/13/2024", "2024-13-01", "2024", "2024-06-02T12:00:01", "1989-12-31T23:59:59", "1970-01-01",
        "631151999", "-5", "17066934000", "9" * 400, "1_706_693_400", "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00", "0000-00-00 00:00:00", "Thu, 31 Jan 2024", "2024-01-31-05:00",
        "1.70669E+12", "sold 31 Jan 2024", "31 Jan", "Jan 2024", "31 Jam 2024", "2024-01-31 13:00 pm", "13:00",
        "45322.5.1", "99999",
        "Wed, 31 Jan 2024 09:30:00 CST", "٢٠٢٤-٠١-٣١", "\ud800", "1" * 1_000_000,
    ],
)  # fmt: skip
def test_leaves_out_and_flags_an_unreadable_or_implausible_date(text):
    listing = clean_record(replace(RAW, listed_at=text, repairs=(Repair("repaired_record"),)), now=NOW)
    assert isinstance(listing, ListingRecord)
    assert (listing.listed_at, listing.flags) == (None, ("repaired_record", "unreadable_date"))
    assert check_records([listing]) == [listing]


@pytest.mark.parametrize("text", ["", "-", "n/a", "null", "NaT", r"\N"])
def test_a_date_that_says_nothing_is_no_date(text):
    listing = clean_record(replace(RAW, listed_at=text), now=NOW)
    assert isinstance(listing, ListingRecord)
    assert (listing.listed_at, listing.flags) == (None, ())


@pytest.mark.parametrize(
    ("text", "read"), [("45322", "2024-01-31T00:00:00+00:00"), ("1.706693e+09", "2024-01-31T09:23:20+00:00")]
)
def test_flags_a_date_that_is_a_day_number_or_has_few_digits(text, read):
    cleaned = clean_listing(replace(RAW, listed_at=text), now=NOW)
    assert isinstance(cleaned, CleanListing)
    assert cleaned.repairs == (Repair("guessed_date", "listed_at", text, read),)


@pytest.mark.parametrize(
    ("text", "day_first", "read"),
    [
        ("31-Jan-24", None, "2024-01-31"),
        ("Jan 31, 24", None, "2024-01-31"),
        ("31/01/24", True, "2024-01-31"),
        ("03/04/24 10:00", False, "2024-03-04"),
        ("31 Jan 99", None, "1999-01-31"),
    ],
)
def test_flags_a_year_of_two_digits(text, day_first, read):
    listing = clean_record(replace(RAW, listed_at=text, day_first=day_first), now=NOW)
    assert isinstance(listing, ListingRecord)
    assert listing.listed_at is not None
    assert (str(listing.listed_at.date()), listing.flags) == (read, ("guessed_date",))


@pytest.mark.parametrize("text", ["31/01/24", "24-01-31"])
def test_leaves_out_a_year_of_two_digits_that_may_come_first(text):
    listing = clean_record(replace(RAW, listed_at=text), now=NOW)
    assert isinstance(listing, ListingRecord)
    assert listing.listed_at is None
    assert listing.flags


@pytest.mark.parametrize(
    "text",
    [
        "4 мая 2004 г.",
        "4 мая 2004 г., 12:30",
        "2004. május 4.",
        "2004. május 4., kedd",
        "4 Mayıs 2004 Salı",
        "den 4. maj 2004",
        "tirsdag den 4. maj 2004",
        "terça-feira, 4 de maio de 2004",
        "/Date(1083628800000)/",
        r"\/Date(1083628800000+0200)\/",
    ],
)
def test_reads_a_full_date_as_its_country_writes_it(text):
    listing = clean_record(replace(RAW, listed_at=text), now=NOW)
    assert isinstance(listing, ListingRecord)
    assert listing.listed_at is not None
    assert (str(listing.listed_at.date()), listing.flags) == ("2004-05-04", ())


@pytest.mark.parametrize(
    ("day_first", "read"),
    [(None, None), (True, datetime(2024, 4, 3, tzinfo=UTC)), (False, datetime(2024, 3, 4, tzinfo=UTC))],
)
def test_reads_an_ambiguous_date_only_in_a_known_order(day_first, read):
    cleaned = clean_listing(replace(RAW, listed_at="03/04/2024", day_first=day_first), now=NOW)
    assert isinstance(cleaned, CleanListing)
    assert cleaned.record.listed_at == read
    assert cleaned.repairs == (() if read else (Repair("ambiguous_date", "listed_at", "03/04/2024"),))


@pytest.mark.parametrize(
    ("dates", "day_first"),
    [
        (["03/04/2024"], None),
        (["03/04/2024", "31/01/2024"], True),
        (["31-01-2024 09:30", "03/04/2024"], True),
        (["01/31/2024", "03/04/2024", "2024-01-31"], False),
        (["01/31/2024", "31/01/2024"], None),
        (["01/31/2024", "31.01.2024"], None),
        (["01/31/2024", "03.04.2024"], None),
        (["01.31.2024", "03.04.2024"], False),
        (["31.01.2024", "03/04/2024"], None),
        (["31/01/24", "03/04/24"], True),
        (["05/05/2024", "2024-01-31", "", "soon"], None),
    ],
)
def test_learns_the_order_of_day_and_month_from_the_other_dates_of_a_file(dates, day_first):
    order = DateOrder()
    for text in dates:
        order.add(text)
    assert order.day_first is day_first


def test_tells_the_order_in_which_ambiguous_dates_of_a_file_are_read():
    order = DateOrder()
    for text in ("31/01/2024", "03/04/2024 10:00"):
        order.add(text)
    assert order.repairs() == (Repair("date_order", "listed_at", "03/04/2024", "day first"),)


@pytest.mark.parametrize("dates", [["31/01/2024"], ["03/04/2024"], []])
def test_tells_no_order_that_nothing_depends_on(dates):
    order = DateOrder()
    for text in dates:
        order.add(text)
    assert order.repairs() == ()


@EXAMPLES
@given(
    st.datetimes(EARLIEST.replace(tzinfo=None), NOW.replace(tzinfo=None)),
    st.sampled_from(["long", "medium", "short"]),
    st.sampled_from(
        ["en_GB", "en_US", "de", "fr", "es", "it", "pt", "nl", "pl", "sv", "da", "fi", "cs", "hu", "ro", "ru", "uk"]
    ),
)
def test_reads_a_date_as_any_locale_writes_it_or_refuses_it(date, width, locale):
    listing = clean_record(replace(RAW, listed_at=format_date(date, width, locale)), now=NOW)
    assert isinstance(listing, ListingRecord)
    assert listing.listed_at is None or listing.listed_at.date() == date.date()


@EXAMPLES
@given(st.text() | st.datetimes().map(str) | st.floats().map(str) | st.integers().map(str))
def test_any_text_is_a_plausible_date_or_none(text):
    listing = clean_record(replace(RAW, listed_at=text), now=NOW)
    assert isinstance(listing, ListingRecord)
    assert listing.listed_at is None or EARLIEST <= listing.listed_at <= NOW + FUTURE_TOLERANCE
    assert check_records([listing]) == [listing]
