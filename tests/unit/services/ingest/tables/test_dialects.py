"""Delimited files as spreadsheets, databases, shops and pandas write them."""

from __future__ import annotations

import csv
import io

import pandas as pd
import pytest

from services.errors import ListingsFileError
from services.ingest.cleaning.raw_listing import RawListing
from services.ingest.tables.formats import open_table
from services.ingest.tables.rows import ColumnSelection, FileFormat, Row
from tests.unit.services.ingest.feeds.listing_files import (
    DESK,
    HEADER,
    KEYS,
    ROW,
    desk_listing,
    read,
    read_only_listing,
)


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.tab", "a.txt"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_finds_the_delimiter_in_the_header(file, name, delimiter):
    path = file(name, (HEADER + ROW).replace(",", delimiter))
    assert read(path) == [desk_listing(path, 2)]


@pytest.mark.parametrize(("line", "delimiter"), [("sep=;\r\n", ";"), ("SEP=\t\n", "\t"), ("\ufeffsep=|\n", "|")])
def test_takes_the_delimiter_of_a_spreadsheets_first_line(file, line, delimiter):
    path = file("a.csv", line + (HEADER + ROW).replace(",", delimiter))
    assert read(path) == [desk_listing(path, 3)]


def test_takes_the_delimiter_of_the_mapping_before_all_others(file):
    path = file("a.csv", "id;a,b,c,d\n1;x,2;y\n")
    table = open_table(path, FileFormat(delimiter=";"))
    assert table.columns == ("id", "a,b,c,d")
    assert open_table(file("b.csv", "id\ta,b,c\n"), FileFormat(delimiter="tab")).columns == ("id", "a,b,c")


@pytest.mark.parametrize("delimiter", ["::", '"', "\n"])
def test_refuses_a_delimiter_that_cannot_be_one(file, delimiter):
    with pytest.raises(ListingsFileError, match="Give one character, or 'tab'"):
        open_table(file("a.csv", HEADER), FileFormat(delimiter=delimiter))


def test_reads_what_pandas_writes_and_nothing_else(tmp_path):
    frame = pd.DataFrame(
        {
            "id": ["L-1", "L-2"],
            "product_name": ['Desk, "old"', "Line\nbreak"],
            "category": ["Home; Garden", "A|B"],
            "product_description": ["tab\there", None],
            "price": [12.5, None],
            "location": ["Leeds, Yorks", "back\\slash"],
        }
    )
    for separator in ",;\t|":
        frame.to_csv(tmp_path / "a.csv", sep=separator)
        first, second = read(tmp_path / "a.csv")
        assert isinstance(first, RawListing)
        assert isinstance(second, RawListing)
        assert (first.title, first.category, first.description, first.price, first.location) == (
            'Desk, "old"', "Home; Garden", "tab\there", "12.5", "Leeds, Yorks",
        )  # fmt: skip
        assert (second.title, second.description, second.price, second.location) == (
            "Line\nbreak",
            "",
            "",
            "back\\slash",
        )
        assert (first.flags, second.flags) == ((), ())


ESCAPED = ["L-1", 'Desk "old", oak', "Home", '5" legs\nC:\\new', "12.50", "Leeds"]


@pytest.mark.parametrize(
    "options",
    [
        {"quoting": csv.QUOTE_ALL, "doublequote": False},
        {"quoting": csv.QUOTE_MINIMAL, "doublequote": False},
        {"quoting": csv.QUOTE_NONE},
        {"quoting": csv.QUOTE_NONE, "delimiter": "\t"},
        {"quoting": csv.QUOTE_NONE, "delimiter": ";"},
    ],
)
def test_reads_backslash_escapes_where_the_file_needs_them_and_says_so(file, options):
    written = io.StringIO()
    writer = csv.writer(written, escapechar="\\", **options)
    writer.writerows([KEYS, ESCAPED, DESK])
    first, second = read(file("a.csv", written.getvalue()))
    assert isinstance(first, RawListing)
    assert (first.title, first.description.replace("\r", ""), first.price) == (ESCAPED[1], ESCAPED[3], "12.50")
    assert {repair.field for repair in first.repairs} >= {"product_name"}
    assert isinstance(second, RawListing)
    assert (second.title, second.price, second.flags) == ("Desk", "£5.00", ())


def test_reads_what_mysql_writes(file):
    rows = [
        r'1,"Desk \"old\"","Home","line one\nline two","12.50",\N',
        r'2,"Rug","Home","a\, b and C:\\new",\N,"Leeds"',
    ]
    first, second = read(file("a.csv", HEADER + "\n".join(rows) + "\n"))
    assert isinstance(first, RawListing)
    assert isinstance(second, RawListing)
    assert (first.title, first.description, first.location) == ('Desk "old"', "line one\nline two", "")
    assert (second.description, second.price, second.location) == ("a, b and C:\\new", "", "Leeds")
    assert {(repair.flag, repair.field) for repair in first.repairs} == {
        ("repaired_record", "product_name"),
        ("repaired_record", "product_description"),
    }


def test_keeps_backslashes_where_the_file_needs_no_escapes(file):
    listing = read_only_listing(file("a.csv", HEADER + r'L-1,Desk,Home,"C:\new, a\,b",5,Leeds' + "\n"))
    assert (listing.description, listing.flags) == (r"C:\new, a\,b", ())


def test_reads_the_null_of_databases_as_blank(file):
    listing = read_only_listing(file("a.tsv", HEADER.replace(",", "\t") + "L-1\tDesk\tHome\t\\N\t\\N\t\\N\n"))
    assert (listing.description, listing.price, listing.location) == ("", "", "")


def test_reads_ids_that_became_decimal_numbers_as_whole_ones_and_says_so(file):
    text = HEADER + ROW.replace("L-1", "101.0") + ROW.replace("L-1", "") + ROW.replace("L-1", "102.0")
    listings = [record for record in read(file("a.csv", text)) if isinstance(record, RawListing)]
    assert [listing.listing_id for listing in listings] == ["101", "", "102"]
    assert [listing.flags for listing in listings] == [("decimal_id",), (), ("decimal_id",)]
    assert listings[0].repairs[0].before == "101.0"


def test_keeps_ids_with_decimals_if_any_id_is_not_like_that(file):
    listings = read(file("a.csv", HEADER + ROW.replace("L-1", "101.0") + ROW.replace("L-1", "101.5")))
    assert [listing.listing_id for listing in listings if isinstance(listing, RawListing)] == ["101.0", "101.5"]


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet", "xlsx"])
def test_the_ids_of_a_photo_table_that_pandas_joined_are_those_of_the_listings(tmp_path, suffix):
    frame = pd.DataFrame({"id": [1.0, 2.0], "product_id": [101, None]})
    path = tmp_path / f"a.{suffix}"
    if suffix == "csv":
        frame.to_csv(path, index=False)
    elif suffix == "jsonl":
        frame.to_json(path, orient="records", lines=True)
    elif suffix == "parquet":
        frame.to_parquet(path)
    else:
        frame.to_excel(path, index=False)
    selection = ColumnSelection(("id", "product_id"), ids=("id", "product_id"))
    rows = [row.cells for row in open_table(path).rows(selection) if isinstance(row, Row)]
    assert rows == [{"id": "1", "product_id": "101"}, {"id": "2", "product_id": ""}]
