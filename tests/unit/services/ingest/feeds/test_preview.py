"""A preview of the records of a file, and a suggested mapping."""

from __future__ import annotations

import tomllib

import pytest

from services.errors import ListingsFileError
from services.ingest.feeds.columns import Columns, ListingColumns
from services.ingest.feeds.mapping_files import parse_columns
from services.ingest.feeds.suggestions import suggest_toml
from services.ingest.loading.inputs import IngestOptions
from services.ingest.loading.preview import RECORDS, preview
from tests.unit.services.ingest.feeds.export_headers import export
from tests.unit.services.ingest.feeds.listing_files import HEADER, ROW


def test_shows_columns_with_values_and_records_with_their_outcome(file):
    path = export(
        file,
        "shopify",
        {"Handle": "mug", "Title": "Mug", "Type": "Mugs", "Variant Price": "12.50", "Image Src": "https://a.example/1"},
        {"Handle": "mug", "Image Src": "https://a.example/2"},
        {"Handle": "cup", "Title": "Cup", "Type": "Mugs", "Variant Price": "about twelve"},
    )
    seen = preview(path, IngestOptions())
    assert (seen.preset, seen.suggestion, seen.problem) == ("shopify", 'preset = "shopify"\n', "")
    assert [notice.flag for notice in seen.notices] == ["preset_chosen", "no_currency"]
    fields = {one.name: (one.columns, one.sample) for one in seen.fields}
    assert fields["category"] == (("Product Category", "Type"), "Mugs")
    assert fields["photos"][0] == ("Image Src", "Variant Image")
    assert "SEO Title" in seen.unused
    assert "Handle" not in seen.unused
    assert [(one.line, one.listing_id, one.outcome) for one in seen.records] == [
        (2, "mug", "accepted"),
        (3, "mug", "joined"),
        (4, "cup", "rejected"),
    ]
    assert seen.records[1].photos == ("https://a.example/2",)
    assert seen.records[2].reject is not None
    assert seen.records[2].reject.reason == "unreadable_price"


def test_reads_prices_as_the_options_say(file):
    path = file("a.csv", f"{HEADER}1,A,C,,about twelve,\n")
    [record] = preview(path, IngestOptions(keep_unpriced=True)).records
    assert (record.outcome, [repair.flag for repair in record.repairs]) == ("accepted", ["price_left_out"])


def test_shows_the_first_ten_records_only(file):
    assert len(preview(file("a.csv", HEADER + ROW * 30), IngestOptions()).records) == RECORDS


def test_shows_the_paths_of_objects_that_are_not_used(file):
    path = file("a.jsonl", '{"id": 1, "name": "A", "kind": "C", "price": {"amount": 5, "tax": 1}, "stock": {"n": 3}}')
    mapping = Columns(ListingColumns("id", "name", "kind", description="", price="price.amount", location=""))
    seen = preview(path, IngestOptions(mapping))
    assert seen.unused == ("price.tax", "stock", "stock.n")


def test_suggests_a_mapping_when_the_columns_are_unknown(file):
    path = file("a.csv", "Sku,Titel,Kategorie,Preis,Bild1,Bild2,Marke\nL-1,Lampe,Haus,5,a.jpg,b.jpg,Hill\n")
    seen = preview(path, IngestOptions())
    assert "'product_name'" in seen.problem
    assert tomllib.loads(seen.suggestion) == {
        "listings": {
            "id": "Sku", "title": "Titel", "category": "Kategorie", "description": "", "price": "Preis",
            "location": "", "photos": "Bild*",
        },
        "attributes": {"brand": "Marke"},
    }  # fmt: skip
    [record] = preview(path, IngestOptions(parse_columns(seen.suggestion.encode(), source="suggestion"))).records
    assert (record.listing_id, record.photos) == ("L-1", ("a.jpg", "b.jpg"))


@pytest.mark.parametrize(
    ("columns", "line"),
    [
        ("item_id,Product Title,Dept", 'title = "Product Title"'),
        ("item_id,name,Categroy", 'category = "Categroy"'),
        ("item_id,name,kind", '# category = "..."   # needed: name its column'),
        ("item_id,name,category,Image URL,Thumb Image URL", 'photos = ["Image URL", "Thumb Image URL"]'),
        ('item_id,name,category,"price ""net"""', 'price = "price \\"net\\""'),
    ],
)
def test_suggests_columns_by_usual_words_and_near_spellings(columns, line):
    import csv

    text = suggest_toml(next(csv.reader([columns])))
    tomllib.loads(text)
    assert line in text.splitlines()


def test_suggests_paths_into_objects(file):
    path = file(
        "a.jsonl",
        '{"sku": 1, "name": "A", "category": {"name": "C"}, "price": {"amount": 5}, "images": [{"url": "b"}]}',
    )
    listings = tomllib.loads(preview(path, IngestOptions()).suggestion)["listings"]
    assert (listings["category"], listings["price"], listings["photos"]) == (
        "category.name", "price.amount", "images.url",
    )  # fmt: skip


def test_suggests_what_to_add_to_a_preset_that_lacks_a_needed_column(file):
    seen = preview(file("a.csv", "Handle,Title,Variant Price\nmug,Mug,5\n"), IngestOptions())
    assert "look like" not in seen.problem
    line = '# category = "..."   # needed: name its column, instead of Product Category or Type'
    assert seen.suggestion == f'preset = "shopify"\n\n[listings]\n{line}\n'


def test_a_file_that_is_no_table_has_no_preview(file):
    with pytest.raises(ListingsFileError):
        preview(file("a.csv", b"\x89PNG\r\n\x1a\n\x00\x00\x00"), IngestOptions())


SHOPIFY = {"Handle": "mug", "Title": "Mug", "Type": "Mugs", "Variant Price": "12.50"}


def test_says_to_which_row_a_row_adds_its_photos(file):
    path = export(
        file,
        "shopify",
        SHOPIFY,
        {"Handle": "mug", "Image Src": "https://a.example/2"},
        {"Handle": "cup", "Image Src": "https://a.example/3"},
    )
    first, added, lonely = preview(path, IngestOptions()).records
    assert (first.outcome, first.note) == ("accepted", "")
    assert (added.outcome, added.note, added.reject) == ("joined", "adds to an earlier row, line 2", None)
    assert lonely.note == "the first records have no listing cup; if the file has none, the row is rejected"
    assert lonely.reject is not None


def test_says_that_two_rows_of_one_id_are_united(file):
    path = file("a.csv", f"{HEADER}1,A,C,,£5,\n1,B,C,,£6,\n")
    seen = preview(path, IngestOptions()).records
    assert [(one.outcome, one.note) for one in seen] == [
        ("joined", "united with line 3, the last row of its id, which wins"),
        ("accepted", ""),
    ]


@pytest.mark.parametrize(
    ("header", "has_photo_table", "flags"),
    [(HEADER, False, ["no_photos_named"]), (HEADER, True, []), (f"{HEADER.strip()},photos\n", False, [])],
)
def test_tells_that_the_records_name_no_photos(file, header, has_photo_table, flags):
    path = file("a.csv", f"{header}{ROW.strip()},a.jpg\n" if "photos" in header else header + ROW)
    notices = preview(path, IngestOptions(), has_photo_table=has_photo_table).notices
    assert [notice.flag for notice in notices] == flags


@pytest.mark.parametrize(("price", "flags"), [("5", ["no_currency"]), ("£5", []), ("0", []), ("", [])])
def test_tells_once_that_no_price_has_a_currency(file, price, flags):
    path = file("a.csv", f"{HEADER}1,A,C,,{price},\n2,A,C,,{price},\n")
    assert [notice.flag for notice in preview(path, IngestOptions(), has_photo_table=True).notices] == flags


def test_a_problem_does_not_advise_a_preview(file):
    assert "preview" not in preview(file("a.csv", "a,b\n1,2\n"), IngestOptions()).problem


@pytest.mark.parametrize("name", ["a.xml", "a.xls", "a.ods"])
def test_a_file_of_another_program_is_to_be_exported(file, name):
    with pytest.raises(ListingsFileError, match=r"Export the table as CSV or \.xlsx"):
        preview(file(name, "x"), IngestOptions())
