from __future__ import annotations

import unicodedata
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from db.rows.records import ListingRecord, RejectedRecord
from services.ingest.cleaning.dates import AHEAD, EARLIEST
from services.ingest.cleaning.listings import check_records, clean_listing, clean_title, region_of, split_category
from services.ingest.cleaning.prices import Price, is_absurd, parse_price
from services.ingest.cleaning.raw_listing import RawListing
from services.ingest.cleaning.text import clean_line, clean_paragraphs
from tests.truth import LAMP

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


def test_a_listing_is_cleaned():
    assert clean_listing(RAW) == CLEAN


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
def test_a_price_is_read_exactly(text, amount, currency):
    price = parse_price(text)
    assert (str(price.amount), price.currency) == (amount, currency)


@pytest.mark.parametrize("text", ["Free", "FREE", " free! ", "gratis"])
def test_free_is_a_price_of_zero(text):
    assert parse_price(text) == Price(Decimal("0.00"), None)


@pytest.mark.parametrize("text", ["", "  ", "-", "n/a", "NaN", "null", "POA"])
def test_a_listing_may_state_no_price(text):
    assert parse_price(text) == Price(None, None)


@pytest.mark.parametrize(
    "text",
    ["call me", "£5 - £10", "5 apples", "£", "£ €5", "£5 €", "1,2345", "1.2.3", "12,34,5", "ono", "5 m", "٣", "0x10"],
)
def test_text_that_is_no_price_is_rejected_as_unreadable(text):
    rejected = clean_listing(replace(RAW, price=text))
    assert rejected == RejectedRecord("listings.csv", 7, "L-1", "price", "unreadable_price", text)


@pytest.mark.parametrize("text", ["-5", "£-5.00", "-£5", "\u22125 €"])
def test_a_negative_price_is_rejected(text):
    rejected = clean_listing(replace(RAW, price=text))
    assert isinstance(rejected, RejectedRecord)
    assert (rejected.field, rejected.reason) == ("price", "negative_price")


@pytest.mark.parametrize("text", ["£10,000,000,000,000", "9999999999999.995", "1e+16", "1e999"])
def test_a_price_beyond_the_column_is_rejected(text):
    rejected = clean_listing(replace(RAW, price=text))
    assert isinstance(rejected, RejectedRecord)
    assert rejected.reason == "price_too_large"


@EXAMPLES
@given(st.decimals(0, 10**13 - 1, places=2))
def test_a_written_amount_is_read_back(amount):
    assert parse_price(f"£{amount:,.2f}").amount == amount
    assert parse_price(f"{amount:,.2f}".translate(str.maketrans(",.", ".,")) + " €").amount == amount
    assert parse_price(str(amount)).amount == amount


@EXAMPLES
@given(st.text(st.sampled_from("£€$ -.,'0159kKe+ono\u00a0"), max_size=12))
def test_any_text_is_a_price_or_has_a_reason(text):
    cleaned = clean_listing(replace(RAW, price=text))
    if isinstance(cleaned, RejectedRecord):
        assert cleaned.reason in {"unreadable_price", "negative_price", "price_too_large"}
    else:
        assert check_records([cleaned]) == [cleaned]


@pytest.mark.parametrize("amount", ["1000000", "1234567", "12345", "12345.67", "11111", "99999.99"])
def test_an_absurd_price_is_kept_and_flagged(amount):
    listing = clean_listing(replace(RAW, price=amount))
    assert isinstance(listing, ListingRecord)
    assert listing.price == Decimal(amount).quantize(Decimal("0.01"))
    assert listing.flags == ("absurd_price",)


@pytest.mark.parametrize("amount", ["0", "1111", "1234", "12346", "100000", "999998.99"])
def test_a_plausible_price_is_not_flagged(amount):
    assert not is_absurd(Decimal(amount))


@pytest.mark.parametrize(
    ("price", "flags"), [("5", ("repaired_record",)), ("12345", ("repaired_record", "absurd_price"))]
)
def test_how_a_record_was_read_stays_with_it(price, flags):
    listing = clean_listing(replace(RAW, price=price, flags=("repaired_record",)))
    assert isinstance(listing, ListingRecord)
    assert listing.flags == flags


@pytest.mark.parametrize(
    ("raw", "field", "reason"),
    [
        (replace(RAW, listing_id=" \u200b"), "id", "missing_id"),
        (replace(RAW, title="\r\n"), "title", "missing_title"),
        (replace(RAW, title=" | in Wokingham, Berkshire | Gumtree"), "title", "missing_title"),
        (replace(RAW, category=" / "), "category", "missing_category"),
        (replace(RAW, listing_id="x" * 201), "id", "id_too_long"),
        (replace(RAW, category="x" * 201), "category", "category_too_long"),
        (replace(RAW, seller="x" * 201), "seller", "seller_too_long"),
    ],
)
def test_what_a_listing_cannot_do_without_or_hold_is_a_reject(raw, field, reason):
    rejected = clean_listing(raw)
    assert isinstance(rejected, RejectedRecord)
    assert (rejected.file, rejected.line, rejected.field, rejected.reason) == ("listings.csv", 7, field, reason)


@pytest.mark.parametrize("field", ["description", "price", "location", "seller", "listed_at"])
def test_a_listing_may_lack_the_rest(field):
    assert isinstance(clean_listing(replace(RAW, **{field: ""})), ListingRecord)


def test_a_seller_is_one_clean_line_of_at_most_200_characters():
    listing = clean_listing(replace(RAW, seller=f" \u200bshop\n{'x' * 195} "))
    assert isinstance(listing, ListingRecord)
    assert listing.seller == f"shop {'x' * 195}"


NOW = datetime(2024, 6, 1, 12, tzinfo=UTC)


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
def test_a_date_is_read_in_utc_from_iso_8601_or_unix_seconds(text, read):
    listing = clean_listing(replace(RAW, listed_at=text), now=NOW)
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
def test_a_date_that_cannot_be_leaves_the_listing_without_one_and_flagged(text):
    listing = clean_listing(replace(RAW, listed_at=text, flags=("repaired_record",)), now=NOW)
    assert isinstance(listing, ListingRecord)
    assert (listing.listed_at, listing.flags) == (None, ("repaired_record", "unreadable_date"))
    assert check_records([listing]) == [listing]


@EXAMPLES
@given(st.text() | st.datetimes().map(str) | st.floats().map(str) | st.integers().map(str))
def test_any_text_is_a_possible_date_or_none(text):
    listing = clean_listing(replace(RAW, listed_at=text), now=NOW)
    assert isinstance(listing, ListingRecord)
    assert listing.listed_at is None or EARLIEST <= listing.listed_at <= NOW + AHEAD
    assert check_records([listing]) == [listing]


def test_a_record_without_seller_and_date_has_the_hash_that_it_had_before_there_were_any():
    assert LAMP.content_hash() == "28b7dc2b84931eb989047c621cdb563ecca9520ff91f217614a22ea863cf8257"
    later = [replace(LAMP, seller="shop"), replace(LAMP, listed_at=NOW), replace(LAMP, seller="shop", listed_at=NOW)]
    assert len({record.content_hash() for record in (LAMP, *later)}) == 4


@pytest.mark.parametrize(
    ("title", "location", "clean"),
    [
        ("Desk | in Leeds | Gumtree", "", "Desk"),
        ("Desk | Gumtree", "", "Desk"),
        ("SWITCH |GREAT| | in Newton Mearns, Glasgow | Gumtree", "", "SWITCH |GREAT|"),
        ("Desk | in Leeds | OtherSite", "Leeds", "Desk"),
        ("Desk | in oak | rare", "Leeds", "Desk | in oak | rare"),
        ("Desk | oak", "oak", "Desk | oak"),
        ("Gumtree mug", "", "Gumtree mug"),
    ],
)
def test_a_title_loses_the_sites_suffix_and_nothing_else(title, location, clean):
    assert clean_title(title, location) == clean


@pytest.mark.parametrize(
    ("path", "levels"),
    [
        ("Books", ("Books",)),
        ("Books /", ("Books",)),
        ("Books / Comics/", ("Books", "Comics")),
        ("/ Books /  / Comics", ("Books", "Comics")),
        ("TV/DVD / Players", ("TV/DVD", "Players")),
        ("Home\u00a0& Garden / Beds", ("Home & Garden", "Beds")),
    ],
)
def test_a_category_path_is_split_into_levels(path, levels):
    assert split_category(path) == levels


@pytest.mark.parametrize(
    ("location", "region"), [("Delph, Manchester", "Manchester"), ("London", "London"), ("Leeds, ", "Leeds"), ("", "")]
)
def test_the_region_is_the_last_part_of_the_location(location, region):
    assert region_of(location) == region


def test_controls_invisible_characters_and_whitespace_are_cleaned():
    assert clean_line("\ufeff a\0\u200b\tb\u00a0\u202ec\r\nd\x85e ") == "a b c d e"


def test_joiners_that_spell_emoji_stay():
    assert clean_line("👩\u200d🍳") == "👩\u200d🍳"


@EXAMPLES
@given(st.text())
def test_cleaned_text_is_composed_storable_and_cleaning_it_again_changes_nothing(text):
    for clean in (clean_line, clean_paragraphs):
        once = clean(text)
        assert clean(once) == once
        assert unicodedata.is_normalized("NFC", once)
        assert "\0" not in once
        once.encode()


@EXAMPLES
@given(st.builds(replace, st.just(RAW), title=st.text(), category=st.text(), description=st.text(), location=st.text()))
def test_whatever_is_cleaned_passes_the_gate(raw):
    listing = clean_listing(raw)
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
        (replace(CLEAN, seller="x" * 201), "seller", "seller_too_long"),
        (replace(CLEAN, seller="two\nlines"), "seller", "not_one_line"),
        (replace(CLEAN, listed_at=datetime(2024, 1, 31)), "listed_at", "bad_time"),
    ],
)
def test_the_gate_rejects_what_is_not_clean_and_lets_the_others_pass(record, field, reason):
    verdicts = check_records([CLEAN, record, CLEAN])
    assert [verdicts[0], verdicts[2]] == [CLEAN, CLEAN]
    assert isinstance(verdicts[1], RejectedRecord)
    assert (verdicts[1].field, verdicts[1].reason) == (field, reason)


def test_the_gate_takes_an_empty_batch():
    assert check_records([]) == []


def test_the_gate_takes_a_batch_without_prices():
    record = replace(CLEAN, price=None, currency=None)
    assert check_records([record]) == [record]
