"""Reading whether a listing is sold."""

from __future__ import annotations

from dataclasses import replace

import pytest

from services.ingest.cleaning.availability import sold_of
from services.ingest.cleaning.listings import CleanListing, clean_listing
from services.ingest.cleaning.repairs import Repair
from tests.unit.services.ingest.cleaning.examples import RAW


@pytest.mark.parametrize(
    "text",
    [
        "sold", "SOLD", "Sold out", "out of stock", "out_of_stock", "OutOfStock", "http://schema.org/OutOfStock",
        "https://schema.org/SoldOut", "ended", "archived", "draft", "discontinued", "0", "-1", "0.0", "false", "no",
        "verkauft",
    ],
)  # fmt: skip
def test_a_listing_that_cannot_be_bought_is_sold(text):
    assert sold_of(text) is True


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "in stock", "in_stock", "In Stock", "InStock", "https://schema.org/InStock", "available", "active",
        "preorder", "backorder", "reserved", "1", "12", "1.0", "true", "yes", "auf Lager",
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
