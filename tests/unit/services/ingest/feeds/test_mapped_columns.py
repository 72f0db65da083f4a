"""Reading listings through a column mapping."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from services.errors import ListingsFileError, MissingColumns
from services.ingest.cleaning.raw_listing import RawListing
from services.ingest.cleaning.repairs import Repair
from services.ingest.feeds.columns import Columns, ListingColumns
from services.ingest.feeds.feed import open_listings
from tests.unit.services.ingest.feeds.listing_files import (
    DESK,
    HEADER,
    KEYS,
    desk_listing,
    read,
    read_only_listing,
    write_parquet,
    write_row,
)

if TYPE_CHECKING:
    from pathlib import Path


SOLD = {"seller": "shop-7", "listed_at": "2024-01-31"}


def test_reads_the_columns_that_the_mapping_names(file):
    path = file("a.csv", "sku,name,kind\nL-1,Desk,Home\n")
    columns = Columns(ListingColumns("sku", "name", "kind", description="", price="", location=""))
    assert read_only_listing(path, columns) == RawListing(path.name, 2, "L-1", "Desk", "Home", "", "", "")


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl", "a.parquet"])
def test_reads_seller_and_date_if_the_table_has_them(tmp_path, name):
    cells = dict(zip(KEYS, DESK, strict=True)) | SOLD
    path = write_row(tmp_path / name, cells)
    assert read_only_listing(path) == desk_listing(path, 2 if name in ("a.csv", "a.tsv") else 1, **SOLD)


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.parquet"])
def test_refuses_a_table_without_a_mapped_seller_column(tmp_path, name):
    path = write_row(tmp_path / name, dict(zip(KEYS, DESK, strict=True)))
    with pytest.raises(MissingColumns, match="'shop'"):
        read(path, Columns(ListingColumns(seller="shop")))


def test_reads_a_parquet_date_column_as_a_date(tmp_path):
    when = datetime(2024, 1, 31, 9, 30, tzinfo=UTC)
    columns = {key: [cell] for key, cell in zip(KEYS, DESK, strict=True)}
    path = write_parquet(tmp_path / "a.parquet", **columns, listed_at=[when])
    assert datetime.fromisoformat(read_only_listing(path).listed_at) == when


@pytest.mark.parametrize("name", ["seller", "shop"])
def test_leaves_out_and_flags_an_object_that_a_listing_can_do_without(file, name):
    entry = dict(zip(KEYS, DESK, strict=True)) | {name: {"id": 7}, "listed_at": 1706693400}
    path = file("a.jsonl", json.dumps(entry))
    listing = read_only_listing(path, Columns(ListingColumns(seller=name)))
    assert (listing.seller, listing.listed_at) == ("", "1706693400")
    assert listing.repairs == (Repair("value_left_out", name, '{"id": "7"}'),)


def test_a_repaired_record_keeps_its_seller_and_date(file):
    header = HEADER.replace("\n", ",seller,listed_at\n")
    rows = "L-1,Desk,Home,Solid oak\nhardly, used\n,£5.00,Leeds,shop-7,2024-01-31\nL-2,Desk,Home,Oak,£5.00,Leeds,,\n"
    first, second = read(file("a.csv", header + rows))
    assert (first.seller, first.listed_at, first.flags) == ("shop-7", "2024-01-31", ("repaired_record",))
    assert (second.seller, second.listed_at) == ("", "")


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.csv", "id,product_name,kind\n"), ("a.jsonl", '{"id": "1", "product_name": "x", "kind": "y"}\n')],
)
def test_names_the_missing_and_the_present_columns(file, name, content):
    problem = (
        r"columns 'category', 'product_description', 'price', 'location' are missing; "
        r"the file has the columns 'id', 'product_name', 'kind'"
    )
    with pytest.raises(MissingColumns, match=problem):
        read(file(name, content))


def test_names_missing_parquet_columns(tmp_path):
    with pytest.raises(MissingColumns, match=r"'price'.*are missing; the file has the columns 'id'"):
        read(write_parquet(tmp_path / "a.parquet", id=["1"]))


def test_refuses_a_csv_file_with_a_duplicate_column(file):
    with pytest.raises(ListingsFileError, match="more than one column 'price'"):
        read(file("a.csv", HEADER.strip() + ",price\n"))


def test_refuses_a_parquet_file_with_a_duplicate_column(tmp_path: Path) -> None:
    path = tmp_path / "twice.parquet"
    names = ["id", "product_name", "category", "product_description", "price", "location", "id"]
    pq.write_table(pa.Table.from_arrays([pa.array(["x"])] * len(names), names=names), path)
    with pytest.raises(ListingsFileError, match="more than one column 'id'"):
        list(open_listings(path, Columns()).records())
