"""Excel workbooks, as openpyxl and pandas write them, and damaged ones."""

from __future__ import annotations

import sys
import zipfile
from datetime import date, datetime, time
from typing import TYPE_CHECKING, Any

import openpyxl
import pandas as pd
import pytest

from db.rows.records import RejectedRecord
from services.errors import ListingsFileError
from services.ingest.cleaning.raw_listing import RawListing
from services.ingest.feeds.columns import Columns, ListingColumns
from tests.unit.services.ingest.feeds.listing_files import (
    DESK,
    HEADER,
    KEYS,
    ROW,
    desk_listing,
    read,
    read_only_listing,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def workbook(path: Path, rows: Sequence[Sequence[Any]], *, formats: dict[str, str] | None = None) -> Path:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row in rows:
        sheet.append(list(row))
    for cell, number_format in (formats or {}).items():
        sheet[cell].number_format = number_format
    book.create_sheet("Notes").append(["not read"])
    book.save(path)
    return path


def test_reads_the_first_sheet_and_skips_empty_rows(tmp_path):
    path = workbook(tmp_path / "a.xlsx", [[], KEYS, DESK, [], [None] * 6, ["", ""], DESK])
    assert read(path) == [desk_listing(path, 3), desk_listing(path, 7)]


def test_reads_what_pandas_writes(tmp_path):
    path = tmp_path / "a.XLSX"
    with path.open("wb") as file:
        pd.DataFrame([DESK, DESK], columns=list(KEYS)).to_excel(file)
    assert read(path) == [desk_listing(path, 2), desk_listing(path, 3)]


@pytest.mark.parametrize(
    ("value", "text"),
    [(101, "101"), (101.0, "101"), (12.5, "12.5"), (0.1 + 0.2, "0.3"), (1e-7, "0.0000001"),
     (5901234123457, "5901234123457"),
     (datetime(2024, 1, 31), "2024-01-31"), (datetime(2024, 1, 31, 9, 30), "2024-01-31T09:30:00"),
     (date(2024, 1, 31), "2024-01-31"), (time(9, 30), "09:30:00"), (None, ""), ("a\r\nb", "a\r\nb"), ("007", "007")],
)  # fmt: skip
def test_reads_numbers_and_dates_in_one_form(tmp_path, value, text):
    path = workbook(tmp_path / "a.xlsx", [KEYS, [*DESK[:3], value, *DESK[4:]]])
    assert read_only_listing(path).description.replace("\r\n", "\n") == text.replace("\r\n", "\n")


@pytest.mark.parametrize(
    ("number_format", "value", "text"),
    [("General", 1234.5, "1234.5"), ('"£"#,##0.00', 1234.5, "£ 1234.5"), ("[$€-407] #,##0.00", 5, "€ 5"),
     ("#,##0.00 [$CHF]", 5, "CHF 5"), ("$#,##0.00", 1.234, "$ 1.2340"), ("0.00", 5.0, "5"),
     ("General", 12.345, "12.3450")],
)  # fmt: skip
def test_takes_the_currency_of_a_price_from_its_number_format(tmp_path, number_format, value, text):
    rows = [KEYS, [*DESK[:4], value, DESK[5]]]
    assert read_only_listing(workbook(tmp_path / "a.xlsx", rows, formats={"E2": number_format})).price == text


def test_rejects_a_formula_without_a_value_and_an_error(tmp_path):
    rows = [KEYS, [*DESK[:4], "=2*3", DESK[5]], [*DESK[:4], "#N/A", DESK[5]], DESK]
    formula, error, listing = read(workbook(tmp_path / "a.xlsx", rows))
    assert isinstance(formula, RejectedRecord)
    assert isinstance(error, RejectedRecord)
    assert (formula.line, formula.record_id, formula.field, formula.reason) == (2, "L-1", "price", "wrong_type")
    assert formula.text == "The formula =2*3 has no stored value. Save the workbook in a spreadsheet program"
    assert error.text == "The cell holds the error #N/A"
    assert isinstance(listing, RawListing)


@pytest.mark.parametrize(("value", "problem"), [("=2*3", "has no stored value"), ("#N/A", "the error #N/A")])
def test_leaves_out_a_formula_without_a_value_that_a_listing_can_do_without(tmp_path, value, problem):
    listing = read_only_listing(workbook(tmp_path / "a.xlsx", [KEYS, [*DESK[:3], value, *DESK[4:]]]))
    [repair] = listing.repairs
    assert (listing.listing_id, listing.description) == ("L-1", "")
    assert (repair.flag, repair.field) == ("value_left_out", "product_description")
    assert problem in repair.before


@pytest.mark.parametrize(("value", "text"), [(True, "true"), (False, "false")])
def test_reads_booleans_in_the_availability(tmp_path, value, text):
    columns = Columns(ListingColumns(availability="for sale"))
    path = workbook(tmp_path / "a.xlsx", [[*KEYS, "for sale"], [*DESK, value]])
    listing = read_only_listing(path, columns)
    assert (listing.availability, listing.flags) == (text, ())


def test_reads_the_stored_value_of_a_formula(tmp_path):
    path = workbook(tmp_path / "a.xlsx", [KEYS, [*DESK[:4], "=2*3", DESK[5]]])
    stored = tmp_path / "stored.xlsx"
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(stored, "w") as target:
        for member in source.namelist():
            target.writestr(member, source.read(member).replace(b"<f>2*3</f><v></v>", b"<f>2*3</f><v>6</v>")
                            .replace(b"<f>2*3</f><v />", b"<f>2*3</f><v>6</v>"))  # fmt: skip
    assert read_only_listing(stored).price == "6"


def test_says_how_to_install_what_workbooks_need(tmp_path, monkeypatch):
    path = workbook(tmp_path / "a.xlsx", [KEYS, DESK])
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(ListingsFileError, match=r"pip install -e '\.\[xlsx\]'"):
        read(path)


def test_refuses_a_workbook_without_a_table(tmp_path):
    with pytest.raises(ListingsFileError, match="is empty"):
        read(workbook(tmp_path / "a.xlsx", []))


def test_names_the_missing_columns(tmp_path):
    with pytest.raises(ListingsFileError, match="'location' is missing"):
        read(workbook(tmp_path / "a.xlsx", [KEYS[:5], DESK[:5]]))


def test_refuses_a_workbook_under_another_name(tmp_path):
    with pytest.raises(ListingsFileError, match=r"is an Excel workbook, .* Rename it to end in \.xlsx"):
        read(workbook(tmp_path / "a.xlsx", [KEYS, DESK]).rename(tmp_path / "a.csv"))


def test_refuses_other_files_under_the_name_of_a_workbook(tmp_path, file):
    damaged = workbook(tmp_path / "a.xlsx", [KEYS, DESK] * 50).read_bytes()
    for content, problem in (
        (HEADER + ROW, "is not an Excel workbook"),
        (b"", "is not an Excel workbook"),
        (damaged[: len(damaged) // 2], "is a damaged zip archive"),
        (damaged.replace(b"sheet", b"sheep"), "is not a valid Excel workbook|is a zip archive"),
        (b"\xd0\xcf\x11\xe0", "old form"),
    ):
        with pytest.raises(ListingsFileError, match=problem):
            read(file("b.xlsx", content))


def test_refuses_a_zip_archive_of_something_else(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.xlsx", "w") as archive:
        archive.writestr("listings.csv", HEADER + ROW)
    with pytest.raises(ListingsFileError, match=r"is a zip archive, .* Unpack it"):
        read(tmp_path / "a.xlsx")
