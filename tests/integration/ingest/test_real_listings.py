"""Reading the real listings, whose quoting is broken and whose records span several lines."""

from __future__ import annotations

import re
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest

from db.rows.records import ListingRecord, PhotoRecord
from ml.photos.jpeg_damage import is_damaged
from services.ingest.cleaning.listings import CleanListing, check_records, clean_listing
from services.ingest.cleaning.raw_listing import RawListing
from services.ingest.feeds.columns import Columns
from services.ingest.feeds.feed import open_listings
from services.ingest.feeds.photo_tables import read_photo_table
from services.ingest.photos.sources import open_photos

MARKETPLACE = Path(__file__).parents[4] / "shared" / "data" / "marketplace"

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not MARKETPLACE.is_dir(), reason=f"the real listings are not at {MARKETPLACE}"),
]


@pytest.fixture(scope="module")
def raw() -> list[RawListing]:
    return [
        each
        for each in open_listings(MARKETPLACE / "Products.csv", Columns()).records()
        if isinstance(each, RawListing)
    ]


@pytest.fixture(scope="module")
def listings(raw: list[RawListing]) -> list[ListingRecord]:
    return [each.record for each in map(clean_listing, raw) if isinstance(each, CleanListing)]


@pytest.fixture(scope="module")
def photos() -> list[PhotoRecord]:
    table = read_photo_table(MARKETPLACE / "Images.csv", Columns())
    return [each for each in table if isinstance(each, PhotoRecord)]


def test_reads_every_listing_without_rejects(raw, listings):
    assert (len(raw), len(listings)) == (4289, 4289)
    assert len({listing.listing_id for listing in listings}) == 4289


def test_every_listing_has_a_price_and_a_location(listings):
    assert all(listing.price is not None and listing.currency == "GBP" for listing in listings)
    assert all(listing.location and listing.region for listing in listings)


def test_reads_the_price_at_the_end_of_each_record(listings):
    text = (MARKETPLACE / "Products.csv").read_text(encoding="utf-8")
    at_ends = re.findall(r',"?£([0-9,]+\.[0-9]{2})"?,(?:"[^"\n]+"|[^",\n]+)$', text, re.MULTILINE)
    assert [listing.price for listing in listings] == [Decimal(price.replace(",", "")) for price in at_ends]


def test_repairs_records_that_standard_csv_cannot_read(raw):
    repaired = [listing for listing in raw if "repaired_record" in listing.flags]
    assert len(repaired) == 517
    assert all("\n" in listing.description for listing in repaired)


def test_loses_no_text_of_the_file(raw):
    _header, _, body = (MARKETPLACE / "Products.csv").read_bytes().decode().partition("\n")
    read = "".join(
        "".join((each.listing_id, each.title, each.category, each.description, each.price, each.location))
        for each in raw
    )
    assert Counter(filter(str.isalpha, read)) == Counter(filter(str.isalpha, body))


def test_keeps_the_line_breaks_of_a_multiline_record(raw):
    [sofa] = [listing for listing in raw if listing.listing_id == "16dbc860-696e-4cda-93f6-4dd4926573fb"]
    assert sofa.description.startswith("New Design Shannon Corner sofa  5 Seater Available\r\n👉 Factory Sell")
    assert sofa.description.endswith("\r\n🚚 Deliver 4 to 5 days    ")
    assert (sofa.price, sofa.location) == ("£450.00", "Delph, Manchester")


def test_there_are_13_categories(listings):
    counts = Counter(listing.category for listing in listings)
    assert len(counts) == 13
    assert counts["Home & Garden"] == 497


def test_removes_the_sites_suffix_from_titles(listings):
    assert not any("Gumtree" in listing.title and "|" in listing.title for listing in listings)


def test_flags_absurd_prices_and_keeps_them(listings):
    absurd = [listing.price for listing in listings if "absurd_price" in listing.flags]
    assert len(absurd) == 10
    assert max(absurd) == Decimal("10000000.00")


def test_every_listing_passes_the_schema_check(listings):
    assert check_records(listings) == listings


def test_every_photo_belongs_to_a_listing_and_is_found(listings, photos):
    assert len(photos) == 7541
    assert {photo.listing_id for photo in photos} <= {listing.listing_id for listing in listings}
    with open_photos(MARKETPLACE / "images") as source:
        assert all(source.find(photo.source) == f"{photo.external_id}.jpg" for photo in photos)
        assert source.read(f"{photos[0].external_id}.jpg").startswith(b"\xff\xd8\xff")


def test_no_photo_is_damaged():
    photos = sorted((MARKETPLACE / "images").iterdir())[::10]
    assert len(photos) > 700
    assert not [photo.name for photo in photos if is_damaged(photo.read_bytes())]
