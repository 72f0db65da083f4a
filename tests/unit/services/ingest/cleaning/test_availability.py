"""Reading whether a listing is sold."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from services.ingest.cleaning.availability import is_sold, sold_of
from services.ingest.cleaning.listings import CleanListing, clean_listing
from services.ingest.cleaning.repairs import Repair
from tests.unit.services.ingest.cleaning.examples import RAW


@pytest.mark.parametrize(
    "text",
    [
        "sold", "SOLD", "Sold out", "out of stock", "out_of_stock", "OutOfStock", "http://schema.org/OutOfStock",
        "https://schema.org/SoldOut", "ended", "archived", "draft", "unpublished", "discontinued", "0", "-1", "0.0",
        "false", "no", "verkauft",
    ],
)  # fmt: skip
def test_a_listing_that_cannot_be_bought_is_sold(text):
    assert sold_of(text) is True


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "in stock", "in_stock", "In Stock", "InStock", "https://schema.org/InStock", "available", "active",
        "preorder", "backorder", "back-ordered", "reserved", "1", "12", "1.0", "true", "yes", "auf Lager",
    ],
)  # fmt: skip
def test_a_listing_that_can_be_bought_is_not_sold(text):
    assert sold_of(text) is False


@pytest.mark.parametrize("text", ["soon", "A-1", "in", "stock?"])
def test_does_not_guess_what_other_words_mean(text):
    assert sold_of(text) is None


def test_keeps_a_listing_of_unknown_availability_for_sale_and_flags_it():
    cleaned = clean_listing(replace(RAW, availability="soon"))
    assert isinstance(cleaned, CleanListing)
    assert cleaned.record.sold is False
    assert cleaned.repairs == (Repair("unknown_availability", "availability", "soon"),)


def test_marks_a_listing_as_sold():
    cleaned = clean_listing(replace(RAW, availability="out of stock"))
    assert isinstance(cleaned, CleanListing)
    assert (cleaned.record.sold, cleaned.repairs) == (True, ())


NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "sold"),
    [
        ("ja", False), ("nein", True), ("vorrätig", False), ("nicht vorrätig", True), ("oui", False), ("non", True),
        ("sí", False), ("да", False), ("нет", True), ("fora de estoque", True), ("はい", False), ("いいえ", True),
    ],
)  # fmt: skip
def test_reads_yes_and_no_of_other_languages_as_availability(text, sold):
    assert sold_of(text) is sold


@pytest.mark.parametrize(
    "text", ["true", "Yes", "1", "1.0", "ja", "x", "2026-02-03", "03.02.2026 14:00", "1770000000", "sold", "verkauft"]
)
def test_a_mark_or_a_date_of_a_sale_means_sold(text):
    assert is_sold(text, now=NOW) is True


@pytest.mark.parametrize(
    "text", ["", "false", "No", "0", "nein", "0000-00-00", "null", "-", "available", "unsold", "nicht verkauft"]
)
def test_no_mark_of_a_sale_means_for_sale(text):
    assert is_sold(text, now=NOW) is False


@pytest.mark.parametrize("text", ["3", "maybe", "2031-01-01"])
def test_flags_a_mark_of_a_sale_that_is_not_understood(text):
    assert is_sold(text, now=NOW) is None
    cleaned = clean_listing(replace(RAW, sold=text), now=NOW)
    assert isinstance(cleaned, CleanListing)
    assert (cleaned.record.sold, cleaned.repairs) == (False, (Repair("unknown_availability", "sold", text),))


def test_either_availability_or_a_mark_of_a_sale_makes_a_listing_sold():
    for marks in ({"availability": "in stock", "sold": "true"}, {"availability": "no", "sold": "false"}):
        cleaned = clean_listing(replace(RAW, **marks))
        assert isinstance(cleaned, CleanListing)
        assert cleaned.record.sold
