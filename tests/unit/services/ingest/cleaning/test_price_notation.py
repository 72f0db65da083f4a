"""Learning from the prices of a file whether a comma or a point begins their decimals."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from services.ingest.cleaning.fields import clean_price
from services.ingest.cleaning.listings import CleanListing, clean_listing
from services.ingest.cleaning.prices import PriceNotation, parse_price, read_currency
from services.ingest.cleaning.raw_listing import RawListing
from services.ingest.feeds.columns import Columns
from services.ingest.feeds.feed import open_listings

if TYPE_CHECKING:
    from pathlib import Path


def learnt(*texts: str) -> PriceNotation:
    notation = PriceNotation()
    for text in texts:
        notation.add(text)
    return notation


@pytest.mark.parametrize(
    ("texts", "mark"),
    [
        (["12,50"], ","),
        (["1.299,00 €"], ","),
        (["1.299.000"], ","),
        (["€ 0,990"], ","),
        (["12.50"], "."),
        (["£1,299.00"], "."),
        (["1,00,000.00"], "."),
        (["10 - 12.50"], "."),
        (["1.299", "1,299", "899", "Free", ""], ""),
        (["12,50", "12.50"], ""),
    ],
)
def test_learns_the_decimal_mark_from_prices_that_can_be_read_in_one_way(texts, mark):
    assert learnt(*texts).decimal_mark == mark


@pytest.mark.parametrize(
    ("text", "mark", "read"),
    [
        ("1.299", ",", "1299.00"),
        ("1.299 €", ",", "1299.00"),
        ("1,299", ".", "1299.00"),
        ("$1,299", ".", "1299.00 USD"),
        ("12,000", ",", "12.00 ambiguous_price"),
        ("7,500 €", ",", "7.50 ambiguous_price"),
        ("19,990", ",", "19.99 ambiguous_price"),
        ("12.345", ".", "12.35 ambiguous_price"),
        ("1,250 KWD", ",", "1.25"),
        ("1,250 KWD", ".", "1250.00"),
        ("1,250", "", "1250.00 ambiguous_price"),
        ("1.250", "", "1.25 ambiguous_price"),
        ("1.250 €", "", "1250.00"),
        ("$ 500", ",", "500.00 unknown_currency"),
    ],
)
def test_reads_a_price_in_the_notation_of_its_file(text, mark, read):
    price = parse_price(text, decimal_mark=mark)
    amount, *others = read.split()
    assert str(price.amount) == amount
    assert price.flags == tuple(each for each in others if each.islower())


def test_the_feed_decides_what_a_dollar_sign_beside_a_decimal_comma_means():
    price = parse_price("$ 12.500", currency=read_currency("CLP"))
    assert (str(price.amount), price.currency, price.flags) == ("12500.00", "CLP", ())


def read_file(folder: Path, *prices: str) -> tuple[list[tuple[str, tuple[str, ...]]], list[tuple[str, str, str]]]:
    """Return the prices of a file with their flags, and its notices."""
    path = folder / "feed.csv"
    rows = "".join(f'{at},Thing,Home,,"{price}",\n' for at, price in enumerate(prices))
    path.write_text(f"id,product_name,category,product_description,price,location\n{rows}")
    feed = open_listings(path, Columns())
    listings = []
    for raw in feed.records():
        assert isinstance(raw, RawListing)
        cleaned = clean_listing(raw)
        assert isinstance(cleaned, CleanListing)
        listings.append((str(cleaned.record.price), cleaned.record.flags))
    return listings, [(notice.flag, notice.before, notice.after) for notice in feed.notices]


def test_reads_open_prices_as_the_others_of_the_file_prove_and_says_so_once(tmp_path):
    listings, notices = read_file(tmp_path, "1.299", "12,50", "2.499", "1.299,00")
    assert listings == [("1299.00", ()), ("12.50", ()), ("2499.00", ()), ("1299.00", ())]
    assert notices == [("price_notation", "1.299", "decimal comma")]


def test_reads_points_as_groups_where_small_prices_have_none(tmp_path):
    listings, notices = read_file(tmp_path, "1.299", "2.499", "899")
    flags = ("ambiguous_price",)
    assert listings == [("1299.00", flags), ("2499.00", flags), ("899.00", ())]
    assert notices == [("price_notation", "1.299", "decimal comma")]


@pytest.mark.parametrize("prices", [["12,50", "899"], ["1.299", "12,50", "12.50"], ["1.299"]])
def test_says_nothing_where_no_price_was_read_by_the_others(tmp_path, prices):
    assert read_file(tmp_path, *prices)[1] == []


def test_a_price_of_a_megabyte_is_refused_at_once():
    raw = RawListing("f.csv", 1, "1", "T", "C", "", "1," * 500_000, "")
    price, (repair,) = clean_price(raw, keep_unpriced=True)
    assert (price.amount, repair.flag) == (None, "price_left_out")
