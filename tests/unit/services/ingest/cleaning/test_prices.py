"""Reading prices."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.rows.records import ListingRecord, RejectedRecord
from services.ingest.cleaning.listings import check_records
from services.ingest.cleaning.prices import Price, is_absurd, parse_price
from tests.unit.services.ingest.cleaning.examples import EXAMPLES, RAW, clean_record


@pytest.mark.parametrize(
    ("text", "amount", "currency"),
    [
        ("£10,000.00", "10000.00", "GBP"),
        ("€5", "5.00", "EUR"),
        ("12.50", "12.50", None),
        ("US$ 5", "5.00", "USD"),
        ("$1,000", "1000.00", "USD"),
        ("1.234,50 €", "1234.50", "EUR"),
        ("€ 1.234", "1234.00", "EUR"),
        ("1 234,50 €", "1234.50", "EUR"),
        ("1\u202f234,50\u00a0€", "1234.50", "EUR"),
        ("CHF 1'234.50", "1234.50", "CHF"),
        ("12,5", "12.50", None),
        ("1,234", "1234.00", None),
        ("10,00,000", "1000000.00", None),
        ("£1.5k", "1500.00", "GBP"),
        ("£20 ono", "20.00", "GBP"),
        ("20 GBP", "20.00", "GBP"),
        ("150 kr", "150.00", None),
        ("99 zł", "99.00", "PLN"),
        ("\uff04\uff11\uff12", "12.00", "USD"),
        ("12.345", "12.35", None),
        ("0.005", "0.01", None),
        ("0.125 €", "0.13", "EUR"),
        ("1e3", "1000.00", None),
        ("-0", "0.00", None),
        ("£0.00", "0.00", "GBP"),
        ("9999999999999", "9999999999999.00", None),
    ],
)
def test_reads_a_price_exactly(text, amount, currency):
    price = parse_price(text)
    assert (str(price.amount), price.currency) == (amount, currency)


@pytest.mark.parametrize("text", ["Free", "FREE", " free! ", "gratis"])
def test_reads_free_as_a_price_of_zero(text):
    assert parse_price(text) == Price(Decimal("0.00"), None)


@pytest.mark.parametrize("text", ["", "  ", "-", "n/a", "NaN", "null", "POA"])
def test_reads_blank_text_and_placeholders_as_no_price(text):
    assert parse_price(text) == Price(None, None)


@pytest.mark.parametrize(
    "text",
    ["call me", "£5 - £10", "5 apples", "£", "£ €5", "£5 €", "1,2345", "1.2.3", "12,34,5", "ono", "5 m", "٣", "0x10"],
)
def test_rejects_text_that_is_not_a_price(text):
    rejected = clean_record(replace(RAW, price=text))
    assert rejected == RejectedRecord("listings.csv", 7, "L-1", "price", "unreadable_price", text)


@pytest.mark.parametrize("text", ["-5", "£-5.00", "-£5", "\u22125 €"])
def test_rejects_a_negative_price(text):
    rejected = clean_record(replace(RAW, price=text))
    assert isinstance(rejected, RejectedRecord)
    assert (rejected.field, rejected.reason) == ("price", "negative_price")


@pytest.mark.parametrize("text", ["£10,000,000,000,000", "9999999999999.995", "1e+16", "1e999"])
def test_rejects_a_price_too_large_for_the_database(text):
    rejected = clean_record(replace(RAW, price=text))
    assert isinstance(rejected, RejectedRecord)
    assert rejected.reason == "price_too_large"


@EXAMPLES
@given(st.decimals(0, 10**13 - 1, places=2))
def test_reads_back_any_amount_in_three_notations(amount):
    assert parse_price(f"£{amount:,.2f}").amount == amount
    assert parse_price(f"{amount:,.2f}".translate(str.maketrans(",.", ".,")) + " €").amount == amount
    assert parse_price(str(amount)).amount == amount


@EXAMPLES
@given(st.text(st.sampled_from("£€$ -.,'0159kKe+ono\u00a0"), max_size=12))
def test_any_text_is_a_price_or_a_reject_with_a_reason(text):
    cleaned = clean_record(replace(RAW, price=text))
    if isinstance(cleaned, RejectedRecord):
        assert cleaned.reason in {"unreadable_price", "negative_price", "price_too_large"}
    else:
        assert check_records([cleaned]) == [cleaned]


@pytest.mark.parametrize("amount", ["1000000", "1234567", "12345", "12345.67", "11111", "99999.99"])
def test_keeps_and_flags_an_absurd_price(amount):
    listing = clean_record(replace(RAW, price=amount))
    assert isinstance(listing, ListingRecord)
    assert listing.price == Decimal(amount).quantize(Decimal("0.01"))
    assert listing.flags == ("absurd_price",)


@pytest.mark.parametrize("amount", ["0", "1111", "1234", "12346", "100000", "999998.99"])
def test_does_not_flag_a_plausible_price(amount):
    assert not is_absurd(Decimal(amount))
