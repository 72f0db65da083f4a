"""Cleaning whole listings, their titles, categories and regions."""

from __future__ import annotations

from dataclasses import replace

import pytest

from db.rows.records import ListingRecord, RejectedRecord
from services.ingest.cleaning.listings import clean_listing, clean_title, region_of
from services.ingest.cleaning.repairs import Repair
from tests.truth import LAMP
from tests.unit.services.ingest.cleaning.examples import CLEAN, NOW, RAW, clean_record


def test_cleans_a_listing():
    assert clean_record(RAW) == CLEAN


@pytest.mark.parametrize(
    ("price", "flags"), [("5", ("repaired_record",)), ("12345", ("repaired_record", "absurd_price"))]
)
def test_keeps_the_flags_of_the_raw_listing(price, flags):
    listing = clean_record(replace(RAW, price=price, repairs=(Repair("repaired_record"),)))
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
def test_rejects_a_listing_with_a_missing_or_overlong_field(raw, field, reason):
    rejected = clean_record(raw)
    assert isinstance(rejected, RejectedRecord)
    assert (rejected.file, rejected.line, rejected.field, rejected.reason) == ("listings.csv", 7, field, reason)


@pytest.mark.parametrize("field", ["description", "price", "location", "seller", "listed_at"])
def test_accepts_a_listing_without_optional_fields(field):
    assert isinstance(clean_record(replace(RAW, **{field: ""})), ListingRecord)


def test_cleans_the_seller_to_one_line_of_at_most_200_characters():
    listing = clean_record(replace(RAW, seller=f" \u200bshop\n{'x' * 195} "))
    assert isinstance(listing, ListingRecord)
    assert listing.seller == f"shop {'x' * 195}"


@pytest.mark.parametrize(("field", "limit"), [("title", 500), ("location", 500), ("description", 50_000)])
def test_shortens_a_text_that_is_too_long_and_says_so(field, limit):
    whole = clean_listing(replace(RAW, **{field: "x" * limit}), now=NOW)
    cut = clean_listing(replace(RAW, **{field: "x" * (limit + 1)}), now=NOW)
    assert getattr(whole.record, field) == "x" * limit
    assert whole.repairs == ()
    assert getattr(cut.record, field) == "x" * (limit - 1) + "…"
    assert cut.record.flags == ("shortened_text",)
    assert [(one.field, one.flag) for one in cut.repairs] == [(field, "shortened_text")]
    assert clean_listing(replace(RAW, **{field: getattr(cut.record, field)}), now=NOW).repairs == ()


def test_a_record_without_seller_and_date_keeps_its_old_content_hash():
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
def test_removes_only_the_site_suffix_of_a_title(title, location, clean):
    assert clean_title(title, location) == clean


@pytest.mark.parametrize(
    ("location", "region"), [("Delph, Manchester", "Manchester"), ("London", "London"), ("Leeds, ", "Leeds"), ("", "")]
)
def test_takes_the_region_from_the_last_part_of_the_location(location, region):
    assert region_of(location) == region
