from __future__ import annotations

import gzip
import json
import random
import tracemalloc
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from db.rows.records import PhotoRecord, RejectedRecord
from services.errors import ListingsFileError, MissingColumns
from services.ingest.cleaning.raw_listing import RawListing
from services.ingest.files.columns import Columns, ListingColumns, PhotoColumns
from services.ingest.files.csv_records import RECORD_LIMIT
from services.ingest.files.listings import read_listings, read_photo_table, split_photos

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

HEADER = "id,product_name,category,product_description,price,location\n"
ROW = "L-1,Desk,Home,Solid oak,£5.00,Leeds\n"
KEYS = ("id", "product_name", "category", "product_description", "price", "location")
DESK = ("L-1", "Desk", "Home", "Solid oak", "£5.00", "Leeds")
LINKED = Columns(ListingColumns(photos="photos"))


@pytest.fixture
def file(tmp_path: Path) -> Callable[[str, str | bytes], Path]:
    def write(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


def parquet(path: Path, **columns: Any) -> Path:
    pq.write_table(pa.table(columns), path)
    return path


def write_row(path: Path, cells: dict[str, str]) -> Path:
    """Write a table of one row in the format that the name says."""
    if path.suffix == ".parquet":
        return parquet(path, **{name: [cell] for name, cell in cells.items()})
    separator = "\t" if path.suffix == ".tsv" else ","
    lines = [separator.join(cells), separator.join(cells.values())] if path.suffix != ".jsonl" else [json.dumps(cells)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def desk(path: Path, line: int, **changes: Any) -> RawListing:
    return RawListing(path.name, line, *DESK, **changes)


def read(path: Path, columns: Columns | None = None) -> list[RawListing | RejectedRecord]:
    return list(read_listings(path, columns or Columns()))


def only(path: Path, columns: Columns | None = None) -> RawListing:
    [listing] = read(path, columns)
    assert isinstance(listing, RawListing)
    return listing


# Formats


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", HEADER + ROW),
        ("a.CSV", HEADER + ROW),
        ("a.tsv", (HEADER + ROW).replace(",", "\t")),
        ("a.csv", (HEADER + ROW).replace(",", ";")),
        ("a.csv", (HEADER + ROW).replace("\n", "\r\n")),
        ("a.csv", (HEADER + ROW).replace("\n", "\r")),
        ("a.csv", "\ufeff" + HEADER + ROW),
        ("a.csv", HEADER + ROW.rstrip()),
        ("a.csv", "extra," + HEADER + "x," + ROW),
    ],
)
def test_delimited_files_are_read(file, name, content):
    path = file(name, content)
    assert read(path) == [desk(path, 2)]


@pytest.mark.parametrize("name", ["a.jsonl", "a.ndjson"])
def test_json_lines_are_read_with_numbers_as_written(file, name):
    entry = dict(zip(KEYS, DESK, strict=True)) | {"more": [1]}
    path = file(name, json.dumps(entry) + "\n\n" + json.dumps(entry | {"price": 0}).replace(": 0", ": 12.50"))
    assert read(path)[0] == desk(path, 1)
    second = read(path)[1]
    assert isinstance(second, RawListing)
    assert (second.line, second.price) == (3, "12.50")


def test_parquet_is_read_in_batches_with_row_numbers(tmp_path):
    columns = {key: [value] * 3000 for key, value in zip(KEYS, DESK, strict=True)}
    path = parquet(tmp_path / "a.parquet", **columns)
    assert read(path) == [desk(path, number) for number in range(1, 3001)]


@pytest.mark.parametrize(
    ("prices", "text"),
    [
        (pa.array([12.5]), "12.5"),
        (pa.array([7]), "7"),
        (pa.array([Decimal("9.90")]), "9.90"),
        (pa.array([None], pa.float64()), ""),
        (pa.array([float("nan")]), ""),
        (pa.array(["£5"]).dictionary_encode(), "£5"),
    ],
)
def test_parquet_values_of_any_type_become_text(tmp_path, prices, text):
    columns = {key: [value] for key, value in zip(KEYS, DESK, strict=True)} | {"price": prices}
    assert only(parquet(tmp_path / "a.parquet", **columns)).price == text


def test_gzip_is_recognised_by_content_whatever_the_name(file):
    for name, content in (
        ("a.csv.gz", gzip.compress((HEADER + ROW).encode())),
        ("b.csv", gzip.compress((HEADER + ROW).encode())),
        ("c.csv.gz", HEADER + ROW),
        ("d.jsonl.gz", gzip.compress(json.dumps(dict(zip(KEYS, DESK, strict=True))).encode())),
    ):
        path = file(name, content)
        assert only(path) == desk(path, 1 if "jsonl" in name else 2)


# What the mapping asks for


def test_a_mapping_names_the_columns(file):
    path = file("a.csv", "sku,name,kind\nL-1,Desk,Home\n")
    columns = Columns(ListingColumns("sku", "name", "kind", description="", price="", location=""))
    assert only(path, columns) == RawListing(path.name, 2, "L-1", "Desk", "Home", "", "", "")


SOLD = {"seller": "shop-7", "listed_at": "2024-01-31"}


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl", "a.parquet"])
def test_seller_and_date_are_read_where_a_table_has_them(tmp_path, name):
    cells = dict(zip(KEYS, DESK, strict=True)) | SOLD
    path = write_row(tmp_path / name, cells)
    assert only(path) == desk(path, 2 if name in ("a.csv", "a.tsv") else 1, **SOLD)


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.parquet"])
def test_a_seller_column_that_was_asked_for_is_missed(tmp_path, name):
    path = write_row(tmp_path / name, dict(zip(KEYS, DESK, strict=True)))
    with pytest.raises(MissingColumns, match="'shop'"):
        read(path, Columns(ListingColumns(seller="shop")))


def test_a_date_column_of_parquet_is_read_as_a_date(tmp_path):
    when = datetime(2024, 1, 31, 9, 30, tzinfo=UTC)
    columns = {key: [cell] for key, cell in zip(KEYS, DESK, strict=True)}
    path = parquet(tmp_path / "a.parquet", **columns, listed_at=[when])
    assert datetime.fromisoformat(only(path).listed_at) == when


def test_what_is_no_text_under_a_name_that_nobody_asked_for_is_left_out(file):
    entry = dict(zip(KEYS, DESK, strict=True)) | {"seller": {"id": 7}, "listed_at": 1706693400}
    path = file("a.jsonl", json.dumps(entry))
    assert only(path) == desk(path, 1, listed_at="1706693400")


def test_a_listing_whose_seller_was_asked_for_and_is_no_text_is_rejected(file):
    entry = dict(zip(KEYS, DESK, strict=True)) | {"shop": {"id": 7}}
    path = file("a.jsonl", json.dumps(entry))
    [rejected] = read(path, Columns(ListingColumns(seller="shop")))
    assert isinstance(rejected, RejectedRecord)
    assert (rejected.field, rejected.reason) == ("shop", "wrong_type")


def test_a_broken_record_keeps_its_seller_and_date(file):
    header = HEADER.replace("\n", ",seller,listed_at\n")
    rows = "L-1,Desk,Home,Solid oak,\nhardly used\n,£5.00,Leeds,shop-7,2024-01-31\nL-2,Desk,Home,Oak,£5.00,Leeds,,\n"
    first, second = read(file("a.csv", header + rows))
    assert (first.seller, first.listed_at, first.flags) == ("shop-7", "2024-01-31", ("repaired_record",))
    assert (second.seller, second.listed_at) == ("", "")


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.csv", "id,product_name,Category\n"), ("a.jsonl", '{"id": "1", "product_name": "x", "Category": "y"}\n')],
)
def test_missing_columns_are_named_with_those_that_are_there(file, name, content):
    problem = (
        r"columns 'category', 'product_description', 'price', 'location' are missing; "
        r"the file has the columns 'id', 'product_name', 'Category'"
    )
    with pytest.raises(MissingColumns, match=problem):
        read(file(name, content))


def test_missing_parquet_columns_are_named(tmp_path):
    with pytest.raises(MissingColumns, match=r"'price'.*are missing; the file has the columns 'id'"):
        read(parquet(tmp_path / "a.parquet", id=["1"]))


def test_a_missing_photo_table_column_is_named(file):
    with pytest.raises(MissingColumns, match="'product_id' is missing; the file has the columns 'id', 'listing'"):
        list(read_photo_table(file("photos.csv", "id,listing\n"), Columns()))


def test_a_column_that_stands_twice_is_refused(file):
    with pytest.raises(ListingsFileError, match="more than one column 'price'"):
        read(file("a.csv", HEADER.strip() + ",price\n"))


@pytest.mark.parametrize(
    ("cell", "photos"),
    [
        ("a.jpg|b.jpg", ("a.jpg", "b.jpg")),
        (" a.jpg | a.jpg ||", ("a.jpg",)),
        ('["a,b.jpg", "c.jpg"]', ("a,b.jpg", "c.jpg")),
        ("https://example.org/a.jpg?x=1,2", ("https://example.org/a.jpg?x=1,2",)),
        ("[a].jpg", ("[a].jpg",)),
        ("[1, 2]", ("[1, 2]",)),
        ("", ()),
    ],
)
def test_a_cell_may_name_several_photos(cell, photos):
    assert split_photos(cell, "|") == photos


def test_photos_in_a_row_are_read_from_every_format(file, tmp_path):
    entry = dict(zip(KEYS, DESK, strict=True))
    for path in (
        file("a.csv", HEADER.strip() + ",photos\n" + ROW.strip() + ",a.jpg|b.jpg\n"),
        file("a.jsonl", json.dumps(entry | {"photos": ["a.jpg", "b.jpg"]})),
        parquet(tmp_path / "a.parquet", **{key: [text] for key, text in entry.items()}, photos=[["a.jpg", "b.jpg"]]),
    ):
        assert only(path, LINKED).photos == ("a.jpg", "b.jpg")


def test_a_photo_table_is_read(file):
    path = file("photos.csv", ",id,product_id\n4,p-1,L-1\n5, p-2 ,L-1\n")
    assert list(read_photo_table(path, Columns())) == [
        PhotoRecord("p-1", "L-1", "p-1", "photos.csv", 2),
        PhotoRecord("p-2", "L-1", "p-2", "photos.csv", 3),
    ]


def test_a_photo_table_may_name_files(file):
    path = file("photos.csv", "id,product_id,file\n1,L-1,a.jpg\n2,L-1,\n")
    photos = list(read_photo_table(path, Columns(photos=PhotoColumns(file="file"))))
    assert [photo.source for photo in photos if isinstance(photo, PhotoRecord)] == ["a.jpg", "2"]


def test_incomplete_photo_rows_are_rejected_with_reasons(file):
    path = file("photos.csv", f"id,product_id\n,L-1\np-1,\n{'x' * 501},L-1\np-2\np-3,L-1\n")
    *rejected, accepted = read_photo_table(path, Columns())
    assert [(each.line, each.reason) for each in rejected if isinstance(each, RejectedRecord)] == [
        (2, "missing_id"),
        (3, "missing_listing_id"),
        (4, "id_too_long"),
        (5, "broken_record"),
    ]
    assert accepted == PhotoRecord("p-3", "L-1", "p-3", "photos.csv", 6)


# What is wrong with a row stays with that row


def test_a_repaired_record_is_flagged(file):
    listings = read(file("a.csv", HEADER + ROW + ROW.replace("Solid", "Solid\nold")))
    assert [listing.flags for listing in listings if isinstance(listing, RawListing)] == [(), ("repaired_record",)]
    assert listings[1].description == "Solid\nold oak"  # type: ignore[union-attr]


def test_a_broken_record_is_rejected_with_its_line_and_text(file):
    path = file("a.csv", HEADER + ROW + "L-2,Lamp\n" + ROW)
    assert read(path) == [
        desk(path, 2),
        RejectedRecord("a.csv", 3, "", "", "broken_record", "L-2,Lamp\n"),
        desk(path, 4),
    ]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"id": "L-2"', "broken_json"),
        ("[" * 100_000, "broken_json"),
        ('"text"', "not_an_object"),
        ("[1]", "not_an_object"),
        ('{"id": {"$oid": "1"}}', "wrong_type"),
        ('{"id": true}', "wrong_type"),
        ('{"id": [1]}', "wrong_type"),
        ('{"id": "' + "x" * RECORD_LIMIT + '"}', "record_too_long"),
    ],
)
def test_a_bad_json_line_is_one_reject(file, line, reason):
    good = json.dumps(dict(zip(KEYS, DESK, strict=True)))
    path = file("a.jsonl", f"{good}\n{line}\n{good}\n")
    before, rejected, after = read(path)
    assert (before, after) == (desk(path, 1), desk(path, 3))
    assert isinstance(rejected, RejectedRecord)
    assert (rejected.line, rejected.reason) == (2, reason)
    assert len(rejected.text) <= 500


def test_json_constants_that_are_no_numbers_are_blank(file):
    entry = json.dumps(dict(zip(KEYS, DESK, strict=True)) | {"price": float("nan"), "location": None})
    listing = only(file("a.jsonl", entry))
    assert (listing.price, listing.location) == ("", "")


def test_windows_1252_bytes_are_read_and_flagged(file):
    path = file("a.csv", (HEADER + ROW.replace("Desk", "Café desk")).encode("cp1252"))
    listing = only(path)
    assert (listing.title, listing.price, listing.flags) == ("Café desk", "£5.00", ("not_utf8",))


def test_a_character_cut_in_the_middle_leaves_the_rest_of_the_row_alone(file):
    path = file("a.csv", (HEADER + ROW).encode().replace(b"Solid oak", "Oak 👉".encode()[:-1]))
    listing = only(path)
    assert (listing.price, listing.flags) == ("£5.00", ("not_utf8",))
    assert listing.description.startswith("Oak ")


def test_stray_bytes_in_parquet_are_flagged(tmp_path):
    columns: dict[str, Any] = {key: [value] for key, value in zip(KEYS, DESK, strict=True)}
    stray = pa.Array.from_buffers(pa.string(), 1, pa.array([b"Caf\xe9"]).buffers())
    listing = only(parquet(tmp_path / "a.parquet", **columns | {"product_name": stray}))
    assert (listing.title, listing.flags) == ("Café", ("not_utf8",))


def test_nul_bytes_do_not_stop_the_file(file):
    path = file("a.csv", HEADER + ROW.replace("Solid", "So\0lid") + ROW)
    assert len(read(path)) == 2
    assert "\0" not in read(file("b.csv", HEADER + "L-1,\0\n"))[0].text  # type: ignore[union-attr]


def test_a_record_beyond_the_limit_is_rejected_and_the_next_is_read(file):
    path = file("a.csv", HEADER + ROW.replace("oak", "oak " * RECORD_LIMIT) + ROW)
    rejected, listing = read(path)
    assert isinstance(rejected, RejectedRecord)
    assert (rejected.line, rejected.reason, len(rejected.text)) == (2, "record_too_long", 500)
    assert listing == desk(path, 3)


# What is wrong with the whole file


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl", "a.csv.gz"])
@pytest.mark.parametrize("content", [b"", b"\n\r\n  \n", b"\xef\xbb\xbf", gzip.compress(b"", mtime=0)])
def test_an_empty_file_is_refused(file, name, content):
    with pytest.raises(ListingsFileError, match="is empty"):
        read(file(name, content))


def test_a_header_alone_holds_no_listings(file):
    assert read(file("a.csv", HEADER)) == []


def test_blank_lines_before_the_header_are_counted(file):
    path = file("a.csv", "\n\n" + HEADER + ROW)
    assert read(path) == [desk(path, 4)]


def test_blank_lines_beyond_the_first_block_are_an_empty_file(file):
    with pytest.raises(ListingsFileError, match="is empty"):
        read(file("a.csv", "\n" * 200_000))


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"PK\x03\x04\x14\x00\x08\x08", "not a text file"),
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n", "are missing"),
        ((HEADER + ROW).encode("utf-16"), "UTF-16"),
        ((HEADER + ROW).encode("utf-16-le"), "not a text file"),
        (b"<!DOCTYPE html>\n<html>", "are missing"),
        (gzip.compress(random.Random(1).randbytes(20_000), mtime=0), "not a text file"),
        (gzip.compress((HEADER + ROW * 5000).encode(), mtime=0)[:-20], "damaged gzip"),
        (gzip.compress((HEADER + ROW * 5000).encode(), mtime=0)[:15] + b"\xff" * 20, "damaged gzip"),
    ],
)
def test_what_is_no_table_is_refused(file, content, problem):
    with pytest.raises(ListingsFileError, match=problem):
        read(file("a.csv", content))


def test_random_bytes_are_refused(file):
    for seed in range(200):
        with pytest.raises(ListingsFileError, match="not a text file"):
            read(file("a.csv", random.Random(seed).randbytes(5000)))


def test_a_few_control_characters_do_not_make_a_file_binary(file):
    assert len(read(file("a.csv", HEADER + ROW.replace("oak", "\x01oak") * 100))) == 100


@pytest.mark.parametrize("content", [b"PAR1", b"", b"id,price\n", b"PAR1" + bytes(200) + b"PAR1"])
def test_what_is_no_parquet_is_refused(file, content):
    with pytest.raises(ListingsFileError, match="is not sound Parquet"):
        read(file("a.parquet", content))


def test_json_lines_without_an_object_are_refused(file):
    with pytest.raises(ListingsFileError, match="holds no JSON objects"):
        read(file("a.jsonl", "id,price\n1,2\n"))


@pytest.mark.parametrize("name", ["a.xlsx", "a.json", "a", "a.gz", "a.parquet.gz"])
def test_a_name_that_says_no_format_is_refused_with_those_that_are_known(file, name):
    with pytest.raises(ListingsFileError, match=r"Name it \.csv, .*or \.parquet"):
        read(file(name, HEADER + ROW))


@pytest.mark.parametrize("name", ["missing.csv", "missing.jsonl", "missing.parquet"])
def test_a_file_that_is_not_there_is_refused(tmp_path, name):
    with pytest.raises(ListingsFileError, match="missing"):
        read(tmp_path / name)


def test_a_folder_is_refused(tmp_path):
    (tmp_path / "a.csv").mkdir()
    with pytest.raises(ListingsFileError, match="Is a directory"):
        read(tmp_path / "a.csv")


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".jsonl"])
def test_memory_stays_flat_however_long_the_file(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    entry = json.dumps(dict(zip(KEYS, DESK, strict=True)) | {"product_description": "Solid oak " * 300}) + "\n"
    rows = entry if suffix == ".jsonl" else ROW.replace("Solid oak", "Solid oak " * 300)
    opened = gzip.open if suffix.endswith(".gz") else open
    with opened(path, "wt", encoding="utf-8") as out:
        out.write("" if suffix == ".jsonl" else HEADER)
        for _ in range(3_000):
            out.write(rows)
    tracemalloc.start()
    try:
        assert sum(1 for _ in read_listings(path, Columns())) == 3_000
        assert tracemalloc.get_traced_memory()[1] < 2 * 2**20
    finally:
        tracemalloc.stop()


def test_a_parquet_column_that_stands_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "twice.parquet"
    names = ["id", "product_name", "category", "product_description", "price", "location", "id"]
    pq.write_table(pa.Table.from_arrays([pa.array(["x"])] * len(names), names=names), path)
    with pytest.raises(ListingsFileError, match="more than one column 'id'"):
        list(read_listings(path, Columns()))


def test_a_short_row_takes_nothing_from_the_broken_one_behind_it(file):
    rows = [
        "B1,One,Home & Garden,x,£1,Leeds",
        "B2,Short,Home & Garden",
        'B4,"Open,Home & Garden,x,£3,Leeds',
        "B5,Five,Home & Garden,x,£4,Leeds",
    ]
    found = read(file("a.csv", HEADER + "\n".join(rows)))
    assert [one.listing_id for one in found if isinstance(one, RawListing)] == ["B1", "B5"]
    assert [(one.line, one.reason) for one in found if isinstance(one, RejectedRecord)] == [
        (3, "broken_record"),
        (4, "broken_record"),
    ]
