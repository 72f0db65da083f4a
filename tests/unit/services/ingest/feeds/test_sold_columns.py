"""Columns that say whether a listing is sold, and descriptions with escaped line breaks."""

from __future__ import annotations

import pytest

from services.errors import ListingsFileError
from services.ingest.feeds.columns import Columns, ListingColumns
from services.ingest.feeds.mapping_files import parse_columns
from services.ingest.loading.inputs import IngestOptions
from services.ingest.loading.preview import preview
from tests.unit.services.ingest.feeds.export_headers import export
from tests.unit.services.ingest.feeds.listing_files import HEADER, read, read_only_listing, write_parquet

SOLD = f"{HEADER.strip()},sold\n"


def sold_of_records(path, columns):
    return [one.record.sold for one in preview(path, IngestOptions(columns)).records if one.record]


def test_a_column_sold_marks_listings_as_sold(file):
    rows = "".join(f"{at},A,C,,5,,{mark}\n" for at, mark in enumerate(["true", "false", "", "2026-01-02"]))
    assert sold_of_records(file("a.csv", SOLD + rows), Columns(ListingColumns(sold="sold"))) == [
        True, False, False, True,
    ]  # fmt: skip


def test_booleans_of_json_and_parquet_say_whether_a_listing_is_sold(file, tmp_path):
    lines = '{"id": "1", "product_name": "A", "category": "C", "sold": true, "buyable": false}\n'
    lines += '{"id": "2", "product_name": "A", "category": "C", "sold": false, "buyable": true}\n'
    bare = {"description": "", "price": "", "location": ""}
    for columns in (ListingColumns(sold="sold", **bare), ListingColumns(availability="buyable", **bare)):
        assert sold_of_records(file("a.jsonl", lines), Columns(columns)) == [True, False]
    path = write_parquet(
        tmp_path / "a.parquet", id=["1", "2"], product_name=["A", "B"], category=["C", "C"], sold=[True, False]
    )
    assert sold_of_records(path, Columns(ListingColumns(sold="sold", **bare))) == [True, False]


@pytest.mark.parametrize("name", ["sold", "Is_Sold", "verkauft", "sold_at"])
def test_a_column_of_sales_cannot_be_mapped_as_availability(file, name):
    path = file("a.csv", f"{HEADER.strip()},{name}\n1,A,C,,5,,true\n")
    with pytest.raises(ListingsFileError, match=f'Map sold = "{name}" instead'):
        read(path, Columns(ListingColumns(availability=name)))


def test_a_column_of_availability_cannot_be_mapped_as_sold(file):
    path = file("a.csv", f"{HEADER.strip()},in_stock\n1,A,C,,5,,true\n")
    with pytest.raises(ListingsFileError, match='Map availability = "in_stock" instead'):
        read(path, Columns(ListingColumns(sold="in_stock")))


WOO = {"ID": "1", "Name": "A", "Categories": "C", "Regular price": "5"}


def test_line_breaks_that_woocommerce_escapes_are_line_breaks_again(file):
    for text, clean in [
        (r"One\nTwo\n\nThree", "One\nTwo\n\nThree"),
        (r"<p>One</p>\n<p>Two</p>", "One\nTwo"),
        (r"a path C:\\new", r"a path C:\new"),
    ]:
        path = export(file, "woocommerce", **WOO, Description=text)
        [record] = preview(path, IngestOptions()).records
        assert record.record is not None
        assert record.record.description.replace("\n\nTwo", "\nTwo") == clean


def test_an_own_mapping_of_a_woocommerce_export_reads_escaped_line_breaks_too(file):
    own = '[listings]\nid = "ID"\ntitle = "Name"\ncategory = "Categories"\ndescription = "Short description"\n'
    own += 'price = "Regular price"\nlocation = ""\n'
    path = export(file, "woocommerce", **WOO, **{"Short description": r"One\nTwo"})
    assert read_only_listing(path, parse_columns(own.encode(), source="own")).description == "One\nTwo"
    raw = f"{own}escaped_line_breaks = false\n"
    assert read_only_listing(path, parse_columns(raw.encode(), source="own")).description == r"One\nTwo"


def test_other_exports_keep_a_backslash_and_an_n(file):
    path = file("a.csv", f"{HEADER}1,A,C,C:\\new,5,\n")
    assert read_only_listing(path).description == r"C:\new"
