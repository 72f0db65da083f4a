"""Feeds as shops, marketplaces and APIs write them, from the file to the database."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from db.rows import jobs, listings, photos
from services.ingest.feeds.columns import Columns
from services.ingest.feeds.mapping_files import parse_columns
from services.ingest.loading.inputs import IngestInputs, IngestOptions
from services.ingest.pipeline.ingest_job import create_ingest_job, load_files

if TYPE_CHECKING:
    from pathlib import Path

    from db.models import Listing
    from services.ingest.loading.ledger import IngestSummary
    from services.resources import Resources
    from tests.conftest import MakeJpeg


@pytest.fixture
def pictures(tmp_path: Path, jpeg: MakeJpeg) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(1, 7):
        (folder / f"p{number}.jpg").write_bytes(jpeg(seed=number))
    return folder


class IngestedFeed:
    """What an ingest of one feed left behind."""

    def __init__(self, resources: Resources, feed: Path, pictures: Path, *, mapping: str = "") -> None:
        columns = parse_columns(mapping.encode(), source="mapping") if mapping else Columns()
        inputs = IngestInputs(feed, photos=pictures, options=IngestOptions(columns))
        job_id = create_ingest_job(resources, inputs)
        self.summary: IngestSummary = load_files(resources, job_id, inputs, lambda *_progress: None).summary()
        with resources.database.read() as session:
            self.ids = sorted(listings.matching_ids(session, listings.ListingConditions()))
            self.listings: dict[str, Listing] = {row.id: row for row in listings.listings_by_id(session, self.ids)}
            self.photos = {row: sorted(photo.source for photo in photos.photos_of(session, [row])) for row in self.ids}
            self.rejects = [(one.record_id, one.reason) for one in jobs.rejects_of(session, job_id)]


def test_a_woocommerce_export(resources: Resources, tmp_path: Path, pictures: Path) -> None:
    feed = tmp_path / "woo.csv"
    feed.write_text(
        'ID,Type,SKU,Name,Published,"Short description",Description,"Regular price","Sale price",Categories,Tags,'
        "Images,Parent,Position\n"
        '11,simple,WC-1,Brass lamp,1,,"<p>Warm light</p>",24.50,,"Home &amp; Garden > Lamps, Sale",,'
        '"p1.jpg, p2.jpg",,0\n'
        '12,variable,WC-2,Wool rug,1,,"Soft",,,"Home &amp; Garden > Rugs",,p3.jpg,,0\n'
        "13,variation,WC-2-R,Wool rug - Red,1,,,120,99,,,p4.jpg,id:12,1\n"
        '14,simple,WC-3,Tea pot,-1,,"Pot",15,,"Home & Garden > Kitchen",,p5.jpg,,0\n'
    )
    loaded = IngestedFeed(resources, feed, pictures)
    assert loaded.ids == ["11", "12", "14"]
    assert loaded.listings["11"].category_path == ["Home & Garden", "Lamps"]
    assert loaded.listings["11"].other_categories == [["Sale"]]
    assert {row.category for row in loaded.listings.values()} == {"Home & Garden"}
    assert loaded.photos == {"11": ["p1.jpg", "p2.jpg"], "12": ["p3.jpg", "p4.jpg"], "14": ["p5.jpg"]}
    assert [row.sold for row in map(loaded.listings.get, loaded.ids) if row] == [False, False, True]
    assert loaded.summary.warnings["preset_chosen"] == 1


def test_one_row_per_photo(resources: Resources, tmp_path: Path, pictures: Path) -> None:
    feed = tmp_path / "joined.csv"
    feed.write_text(
        "image_id,id,product_name,category,product_description,price,location\n"
        "p1,10,Oak stool,Furniture / Stools,nice,39,Leeds\np2,10,Oak stool,Furniture / Stools,nice,39,Leeds\n"
        "p3,10,Oak stool,Furniture / Stools,nice,39,Leeds\np4,11,Tin mug,Home / Mugs,blue,7,Hull\n"
    )
    loaded = IngestedFeed(resources, feed, pictures, mapping='[listings]\nphotos = "image_id"\n')
    assert loaded.photos == {"10": ["p1.jpg", "p2.jpg", "p3.jpg"], "11": ["p4.jpg"]}
    counts = loaded.summary.counts
    assert counts["listings_read"] == counts["listings_accepted"] + counts["listings_duplicates"]


def test_a_shopify_export(resources: Resources, tmp_path: Path, pictures: Path) -> None:
    feed = tmp_path / "products_export.csv"
    feed.write_text(
        "Handle,Title,Body (HTML),Vendor,Product Category,Type,Tags,Published,Variant Price,Image Src,"
        "Image Position,Status\n"
        "mug,Mug,<p>Blue</p>,Acme,Home & Garden > Kitchen,Mugs,,true,12.50,p1.jpg,1,active\n"
        "mug,,,,,,,,,p2.jpg,2,\nmug,,,,,,,,14.00,p3.jpg,3,\n"
        "old,Old mug,,Acme,,Mugs,,true,5.00,p4.jpg,1,archived\n"
    )
    loaded = IngestedFeed(resources, feed, pictures)
    assert loaded.photos == {"mug": ["p1.jpg", "p2.jpg", "p3.jpg"], "old": ["p4.jpg"]}
    assert loaded.listings["mug"].attributes["brand"] == "Acme"
    assert (loaded.listings["mug"].sold, loaded.listings["old"].sold) == (False, True)


def test_options_of_shopify_variants(resources: Resources, tmp_path: Path, pictures: Path) -> None:
    feed = tmp_path / "products_export.csv"
    feed.write_text(
        "Handle,Title,Type,Option1 Name,Option1 Value,Option2 Name,Option2 Value,Variant Price,Image Src\n"
        "shirt,Shirt,Shirts,Size,S,Frame Colour,Navy,12.50,p1.jpg\n"
        "shirt,,,,M,,Navy,12.50,p2.jpg\nshirt,,,,,,,,p3.jpg\n"
        "mug,Mug,Mugs,Title,Default Title,,,5.00,p4.jpg\n"
    )
    loaded = IngestedFeed(resources, feed, pictures)
    assert loaded.listings["shirt"].attributes == {"type": "Shirts", "size": "S", "frame_colour": "Navy"}
    assert loaded.listings["mug"].attributes == {"type": "Mugs"}
    assert loaded.summary.warnings == {
        "preset_chosen": 1, "no_currency": 1, "united_rows": 1, "variant_left_out": 1,
    }  # fmt: skip


def test_photos_in_several_columns(resources: Resources, tmp_path: Path, pictures: Path) -> None:
    feed = tmp_path / "etsy.csv"
    feed.write_text(
        "TITLE,DESCRIPTION,PRICE,CURRENCY_CODE,QUANTITY,TAGS,MATERIALS,IMAGE1,IMAGE2,IMAGE3,SKU\n"
        '"Hand made mug","A mug, &quot;blue&quot;",18.00,GBP,3,"mug,blue",clay,p1.jpg,p2.jpg,,MUG-1\n'
        '"Knitted hat",Warm,22.00,GBP,1,hat,wool,p3.jpg,,,\n'
    )
    loaded = IngestedFeed(resources, feed, pictures)
    assert loaded.photos == {"MUG-1": ["p1.jpg", "p2.jpg"]}
    mug = loaded.listings["MUG-1"]
    assert (mug.currency, mug.category, mug.description) == ("GBP", "mug", 'A mug, "blue"')
    assert loaded.rejects == [("", "missing_id")]


def test_json_of_an_api(resources: Resources, tmp_path: Path, pictures: Path) -> None:
    lamp = {"product_name": "Lamp", "category": "Home / Lamps", "product_description": "d", "price": 5, "location": "X"}
    records: list[dict[str, object]] = [
        {"id": 1, "photos": [{"url": "p1.jpg"}, {"url": "p2.jpg"}]},
        {"id": 2, "photos": ["p1.jpg", None]},
        {"id": 3, "photos": {"src": "p3.jpg"}, "category": ["Home", "Lamps"]},
        {"id": 4, "photos": [["p1.jpg"], ["p2.jpg"]], "location": {"city": "Leeds"}, "seller": True},
        {"id": {"$oid": "65b9f0"}, "photos": [], "listed_at": {"$date": "2024-01-31T09:30:00Z"}},
        {"id": 6, "price": {"amount": 5, "currency": "EUR"}},
        {"id": 7, "category": {"id": 3, "name": "Lamps"}},
    ]
    feed = tmp_path / "nest.jsonl"
    feed.write_text("\n".join(json.dumps(lamp | record) for record in records))
    loaded = IngestedFeed(resources, feed, pictures, mapping='[listings]\nphotos = "photos"\n')
    assert loaded.photos == {
        "1": ["p1.jpg", "p2.jpg"], "2": ["p1.jpg"], "3": ["p3.jpg"], "4": ["p1.jpg", "p2.jpg"], "65b9f0": [],
    }  # fmt: skip
    assert loaded.rejects == [("6", "unreadable_price"), ("7", "wrong_type")]
    assert loaded.summary.warnings == {"value_left_out": 2, "no_currency": 1, "guessed_categories": 1}
    assert loaded.listings["3"].category_path == ["Home", "Lamps"]
