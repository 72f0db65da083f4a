"""The sheet of a workbook that holds the table, and its header below title rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import openpyxl
import pytest

from services.errors import ListingsFileError
from services.ingest.feeds.columns import Columns
from services.ingest.feeds.feed import open_listings
from services.ingest.tables.rows import FileFormat
from tests.unit.services.ingest.feeds.listing_files import DESK, KEYS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

PRODUCTS = [list(KEYS), list(DESK)]
GUIDE = [["Field", "Meaning"], ["id", "your own id"], ["price", "with the currency"]]
EMPTY: list[list[str]] = []


def workbook(path: Path, sheets: dict[str, Sequence[Sequence[Any]]], *, hidden: Sequence[str] = ()) -> Path:
    book = openpyxl.Workbook()
    for title, rows in sheets.items():
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(list(row))
    book.remove(book.worksheets[0])
    for title in hidden:
        book[title].sheet_state = "hidden"
    book.save(path)
    return path


def read(path: Path, sheet: str = "") -> tuple[list[tuple[str, int]], list[tuple[str, str, str]]]:
    feed = open_listings(path, Columns(file=FileFormat(sheet=sheet)))
    found = [(getattr(each, "listing_id", "rejected"), each.line) for each in feed.records()]
    return found, [(each.flag, each.before, each.after) for each in feed.table.notices]


@pytest.mark.parametrize(
    ("sheets", "hidden", "others"),
    [
        ({"Guide": GUIDE, "Products": PRODUCTS}, [], "'Guide'"),
        ({"Read me": [["How to fill in this file"]], "Products": PRODUCTS}, [], "'Read me'"),
        ({"Old": PRODUCTS, "Products": PRODUCTS}, ["Old"], "'Old (hidden)'"),
        ({"Products": PRODUCTS, "Lists": [["Used", "New", "x"], ["a", "b", "c"]]}, [], "'Lists'"),
    ],
)
def test_reads_the_visible_sheet_with_the_columns_and_tells_of_the_others(tmp_path, sheets, hidden, others):
    path = workbook(tmp_path / "a.xlsx", sheets, hidden=hidden)
    assert read(path) == ([(DESK[0], 2)], [("sheet_chosen", f"not read: {others}", "Products")])


def test_tells_nothing_of_empty_sheets(tmp_path):
    path = workbook(tmp_path / "a.xlsx", {"Sheet1": EMPTY, "Products": PRODUCTS, "Sheet3": EMPTY})
    assert read(path) == ([(DESK[0], 2)], [])


@pytest.mark.parametrize(
    ("above", "told"),
    [
        ([["Acme – products"]], "Acme – products"),
        ([["Acme"], [], ["Date", "1 May", "Shop", "Acme"]], "Acme | Date 1 May Shop Acme"),
    ],
)
def test_reads_the_header_below_title_rows_and_tells_of_them(tmp_path, above, told):
    path = workbook(tmp_path / "a.xlsx", {"Products": [*above, *PRODUCTS]})
    line = len(above) + 1
    assert read(path) == ([(DESK[0], line + 1)], [("rows_above_header", told, f"the header is row {line}")])


def test_two_sheets_with_the_same_columns_are_refused_by_name(tmp_path):
    path = workbook(tmp_path / "a.xlsx", {"Lamps": PRODUCTS, "Desks": PRODUCTS})
    with pytest.raises(ListingsFileError, match="same columns on the sheets 'Lamps', 'Desks'"):
        read(path)
    assert read(path, sheet="desks") == ([(DESK[0], 2)], [])


def test_an_unknown_sheet_is_refused_with_the_names_of_all(tmp_path):
    path = workbook(tmp_path / "a.xlsx", {"Lamps": PRODUCTS, "Desks": GUIDE})
    with pytest.raises(ListingsFileError, match="Its sheets are 'Lamps', 'Desks'"):
        read(path, sheet="Chairs")


def test_a_workbook_whose_table_is_hidden_names_the_sheet(tmp_path):
    path = workbook(tmp_path / "a.xlsx", {"Sheet1": EMPTY, "Products": PRODUCTS}, hidden=["Products"])
    with pytest.raises(ListingsFileError, match="table: 'Products'"):
        read(path)
    assert read(path, sheet="Products")[0] == [(DESK[0], 2)]
