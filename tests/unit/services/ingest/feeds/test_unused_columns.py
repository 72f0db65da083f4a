"""Columns that no field uses: a notice about photos, and a suggestion of columns whose values fit."""

from __future__ import annotations

import json
import tomllib

import pytest

from services.ingest.cleaning.repairs import Repair
from services.ingest.feeds.columns import Columns, ListingColumns
from services.ingest.feeds.feed import open_listings
from services.ingest.feeds.mapping_files import parse_columns
from services.ingest.feeds.suggestions import suggest_toml
from services.ingest.loading.inputs import IngestOptions
from services.ingest.loading.preview import preview
from tests.unit.services.ingest.feeds.export_headers import export
from tests.unit.services.ingest.feeds.listing_files import HEADER

JPEG = "https://a.example/1.jpg"


def photo_notices(path, columns=None):
    return [one for one in open_listings(path, columns or Columns()).notices if one.flag == "unused_photo_column"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Image URL", JPEG), ("Foto", "a1"), ("bilder", JPEG), ("hero", JPEG),
        ("gallery2", f"{JPEG}?w=1,{JPEG}?w=2"),
    ],
)  # fmt: skip
def test_tells_of_a_column_that_looks_like_photos_and_is_not_read(file, name, value):
    path = file("a.csv", f'{HEADER.strip()},{name}\n1,A,C,,5,,"{value}"\n')
    after = f"map photos = {json.dumps(name)}"
    assert photo_notices(path) == [Repair("unused_photo_column", "photos", name, after)]
    assert photo_notices(path, Columns(ListingColumns(photos=name))) == []


def test_names_the_mapped_photo_column_beside_the_unused_one(file):
    path = file("a.csv", f"{HEADER.strip()},image,image2\n1,A,C,,5,,{JPEG},{JPEG}\n")
    [notice] = photo_notices(path, Columns(ListingColumns(photos="image")))
    assert notice.after == 'map photos = ["image", "image2"]'


def test_tells_of_photos_in_objects(file):
    line = {"id": "1", "product_name": "A", "category": "C", "media": {"images": [{"url": JPEG}]}}
    columns = Columns(ListingColumns(description="", price="", location=""))
    [notice] = photo_notices(file("a.jsonl", json.dumps(line)), columns)
    assert notice.before in ("media", "media.images.url")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("photo", "true"), ("images", ""), ("image_position", "1"), ("link", "https://a.example/1"),
        ("brand_logo", JPEG), ("image", "front of the house"),
    ],
)  # fmt: skip
def test_does_not_take_other_columns_for_photos(file, name, value):
    assert photo_notices(file("a.csv", f"{HEADER.strip()},{name}\n1,A,C,,5,,{value}\n")) == []


def test_suggests_a_mapping_with_the_published_names_too(file):
    path = file("a.csv", f"{HEADER.strip()},photos,url,currency\n1,A,C,,5,,a.jpg,https://a.example/1,EUR\n")
    listings = tomllib.loads(preview(path, IngestOptions()).suggestion)["listings"]
    assert (listings["photos"], listings["url"], listings["currency"]) == ("photos", "url", "currency")


def suggested(file, **cells):
    path = file("a.json", json.dumps([cells]))
    return tomllib.loads(preview(path, IngestOptions()).suggestion)["listings"]


def test_prefers_ids_to_names_and_a_city_to_a_country(file):
    listings = suggested(
        file, _id="5f", sku="L-1", seller={"name": "Hill", "id": "s1"}, location={"country": "UK", "city": "Leeds"},
        media={"images": [{"width": 3, "url": JPEG}]},
    )  # fmt: skip
    assert (listings["id"], listings["seller"]) == ("sku", "seller.id")
    assert (listings["location"], listings["photos"]) == ("location.city", "media.images.url")
    assert suggested(file, _id="5f", name="A")["id"] == "_id"


def test_does_not_suggest_a_column_whose_values_do_not_fit(file):
    listings = suggested(
        file, nr="1", Steuerstatus="taxable", image="front of house", date="soon", price="red", link="no"
    )
    assert listings.keys().isdisjoint({"availability", "photos", "listed_at", "url"})
    assert listings["price"] == ""


def test_says_in_a_comment_that_no_column_was_found():
    text = suggest_toml(["id", "name", "category"])
    assert 'price = ""   # no column found' in text.splitlines()
    assert parse_columns(text.encode(), source="suggestion").listings.price == ""


def test_recognises_an_export_of_woocommerce_in_german(file):
    cells = {
        "ID": "7", "Name": "Lampe", "Kategorien": "Haus > Lampen, Sale", "Regulärer Preis": "20", "Angebotspreis": "15",
        "Bilder": f"{JPEG}, https://a.example/2.jpg", "Beschreibung": r"Eins\nZwei", "Vorrätig?": "0",
        "Attribut 1 Name": "Stil", "Attribut 1 Wert(e)": "Art déco",
    }  # fmt: skip
    path = export(file, "woocommerce german", {**cells, "Veröffentlicht": "1"})
    seen = preview(path, IngestOptions())
    [record] = seen.records
    assert seen.preset == "woocommerce"
    assert record.record is not None
    assert (record.record.price, record.record.sold, record.record.description) == (15, True, "Eins\nZwei")
    assert (record.record.category_path, len(record.photos)) == (("Haus", "Lampen"), 2)
    assert record.record.attributes == {"stil": "Art déco"}
