"""Reading prices."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from babel.numbers import format_currency, get_currency_precision
from hypothesis import given
from hypothesis import strategies as st

from db.rows.records import ListingRecord, RejectedRecord
from services.ingest.cleaning.listings import CleanListing, check_records, clean_listing
from services.ingest.cleaning.prices import Price, PriceError, is_absurd, parse_price, read_currency
from services.ingest.cleaning.repairs import Repair
from tests.unit.services.ingest.cleaning.examples import EXAMPLES, RAW, clean_record
from tests.unit.services.ingest.cleaning.price_notations import CURRENCIES, LOCALES, READ, REFUSED


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
        ("0012.50", "12.50", None),
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
    ["call me", "5 apples", "£", "£ €5", "£5 €", "1,2345", "1.2.3", "12,34,5", "ono", "5 m", "0x10", "£5 " * 40],
)
def test_rejects_text_that_is_not_a_price(text):
    rejected = clean_record(replace(RAW, price=text))
    assert rejected == RejectedRecord("listings.csv", 7, "L-1", "price", "unreadable_price", text)


def _lines(text: str) -> list[str]:
    return text.strip("\n").splitlines()


@pytest.mark.parametrize("line", _lines(READ))
def test_reads_a_price_in_the_notation_of_its_site(line):
    text, _, expected = line.rpartition(" -> ")
    price = parse_price(text)
    assert (expected == "none") == (price.amount is None)
    assert expected in ("none", f"{price.amount} {price.currency or '-'}")


@pytest.mark.parametrize("text", _lines(REFUSED))
def test_refuses_numbers_that_are_no_price_or_could_be_two(text):
    with pytest.raises(PriceError) as refused:
        parse_price(text)
    assert refused.value.reason == "unreadable_price"


@pytest.mark.parametrize(
    ("text", "flag"),
    [
        ("£10 - £20", "price_range"),
        ("10–20 €", "price_range"),
        ("ab 10 €", "price_range"),
        ("£10+", "price_range"),
        ("$1,200/mo", "price_per_unit"),
        ("₹500/kg", "price_per_unit"),
        ("1.234", "ambiguous_price"),
        ("1,250", "ambiguous_price"),
        ("1,250 KWD", "ambiguous_price"),
        ("ca. 50", "approximate_price"),
        ("$20.687,00", "unknown_currency"),
        ("¥79,295.00", "unknown_currency"),
        ("1.50-2.00", "price_range"),
        ("€ 12,95 p.p.", "price_per_unit"),
        ("12.3456", "rounded_price"),
        ("KWD 1.255", "rounded_price"),
    ],
)
def test_flags_a_price_that_was_guessed_or_changed(text, flag):
    assert parse_price(text).flags == (flag,)


@pytest.mark.parametrize("text", ["12.50 EUR/pc", "£5 each", "£50 ono", "19.989999999999998", "$1,200.00", "1.200 €"])
def test_does_not_flag_a_price_that_means_what_it_says(text):
    assert parse_price(text).flags == ()


@pytest.mark.parametrize(
    ("text", "currency", "read"),
    [
        ("12.50", "eur", "12.50 EUR"),
        ("12.50", "€", "12.50 EUR"),
        ("12.50", " AU $ ", "12.50 AUD"),
        ("$12.50", "CAD", "12.50 CAD"),
        ("500 kr", "SEK", "500.00 SEK"),
        ("Rs. 500", "INR", "500.00 INR"),
        ("500 kr", "kr", "500.00 None"),
        ("Free", "GBP", "0.00 GBP"),
        ("50.000", "IDR", "50000.00 IDR"),
        ("1.250", "KWD", "1.25 KWD"),
    ],
)
def test_takes_the_currency_of_the_feed_where_the_price_leaves_it_open(text, currency, read):
    listing = clean_record(replace(RAW, price=text, currency=currency))
    assert isinstance(listing, ListingRecord)
    assert (f"{listing.price} {listing.currency}", listing.flags) == (
        read,
        ("unknown_currency",) if read.endswith("None") else (),
    )


@pytest.mark.parametrize(
    ("price", "currency", "repair"),
    [
        ("£5", "EUR", Repair("currency_conflict", "currency", "EUR", "GBP")),
        ("5 kr", "EUR", Repair("currency_conflict", "currency", "EUR", "")),
        ("5", "Taler", Repair("unknown_currency", "currency", "Taler", "")),
        ("£10 - £20", "", Repair("price_range", "price", "£10 - £20", "10.00 GBP")),
    ],
)
def test_says_what_was_guessed_in_a_price_with_before_and_after(price, currency, repair):
    cleaned = clean_listing(replace(RAW, price=price, currency=currency))
    assert isinstance(cleaned, CleanListing)
    assert repair in cleaned.repairs


def test_names_no_currency_for_a_listing_without_a_price():
    cleaned = clean_listing(replace(RAW, price="Price on request", currency="EUR"))
    assert isinstance(cleaned, CleanListing)
    assert (cleaned.record.price, cleaned.record.currency, cleaned.repairs) == (None, None, ())


@pytest.mark.parametrize("text", ["five pounds", "-5", "1e99"])
def test_keeps_a_listing_without_its_unreadable_price_when_asked(text):
    cleaned = clean_listing(replace(RAW, price=text, currency="EUR"), keep_unpriced=True)
    assert isinstance(cleaned, CleanListing)
    assert (cleaned.record.price, cleaned.record.currency, cleaned.record.flags) == (None, None, ("price_left_out",))
    assert cleaned.repairs == (Repair("price_left_out", "price", text, ""),)


@pytest.mark.parametrize("text", ["EUR", "eur", " Eur ", "€", "Euro"])
def test_reads_the_currency_column_in_any_spelling(text):
    currency = read_currency(text)
    assert currency is not None
    assert currency.code == "EUR"


@pytest.mark.parametrize("text", ["", "Taler", "978", "XXX", "EURO/USD"])
def test_does_not_know_a_currency_that_is_none(text):
    assert read_currency(text) is None


@EXAMPLES
@given(st.integers(0, 10**11), st.sampled_from(LOCALES.split()), st.sampled_from(CURRENCIES.split()), st.booleans())
def test_reads_a_price_as_any_locale_writes_it_or_refuses_it(hundredths, locale, code, knows_currency):
    decimals = min(2, get_currency_precision(code))
    amount = round(Decimal(hundredths) / 100, decimals)
    text = format_currency(amount, code, locale=locale)
    try:
        price = parse_price(text, currency=read_currency(code) if knows_currency else None)
    except PriceError:
        return
    assert price.amount == amount
    assert not knows_currency or (price.currency, {*price.flags} - {"ambiguous_price"}) == (code, set())


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


@pytest.mark.parametrize(
    ("text", "flags"),
    [
        ("Rp 1.500.000", ()),
        ("¥2,980,000", ()),
        ("Rp 1.500.000.000", ("absurd_price",)),
        ("¥1234567", ("absurd_price",)),
    ],
)
def test_a_million_is_an_ordinary_price_in_currencies_without_cents(text, flags):
    listing = clean_record(replace(RAW, price=text))
    assert isinstance(listing, ListingRecord)
    assert listing.flags == flags


@pytest.mark.parametrize("amount", ["0", "1111", "1234", "12346", "100000", "999998.99"])
def test_does_not_flag_a_plausible_price(amount):
    assert not is_absurd(Decimal(amount))
