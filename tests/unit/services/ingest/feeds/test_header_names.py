"""Column names are found however they are written."""

from __future__ import annotations

import pytest

from services.errors import ListingsFileError, MissingColumns
from services.ingest.feeds.columns import Columns, ListingColumns
from tests.unit.services.ingest.feeds.listing_files import ROW, desk_listing, read, read_only_listing


@pytest.mark.parametrize(
    "header",
    [
        "ID,Product_Name,CATEGORY,Product Description,Price ,location",
        "id,product-name,Category,productDescription,PRICE,Location",
        "g:id,g:product_name,g:category,g:product_description,g:price,g:location",
    ],
)
def test_finds_columns_whatever_their_case_blanks_and_hyphens(file, header):
    path = file("a.csv", f"{header}\n{ROW}")
    assert read_only_listing(path) == desk_listing(path, 2)


def test_an_exact_name_wins(file):
    path = file("a.csv", "id,product_name,category,product_description,Price,price,location\nL-1,Desk,Home,,1,2,\n")
    assert read_only_listing(path).price == "2"


def test_two_columns_that_match_equally_are_an_error_that_names_both(file):
    path = file("a.csv", "id,product_name,category,product_description,PRICE,Price,location\n")
    with pytest.raises(ListingsFileError, match="columns 'PRICE' and 'Price', which both match 'price'"):
        read(path)


def test_several_columns_of_a_field_give_the_first_value(file):
    columns = Columns(ListingColumns(description=("Long", "Short"), price=("Sale price", "Regular price"), location=""))
    path = file("a.csv", "id,product_name,category,Long,Short,Sale price,Regular price\n1,A,C,,s,,9\n2,B,C,l,s,5,9\n")
    assert [(one.description, one.price) for one in read(path, columns)] == [("s", "9"), ("l", "5")]


def test_all_photo_columns_are_read(file):
    header = "id,product_name,category,product_description,price,location,IMAGE1,image 2,IMAGE3\n"
    path = file("a.csv", f"{header}1,A,C,,,,p1.jpg,p2.jpg,\n2,B,C,,,,p1.jpg|p3.jpg,p1.jpg,p2.jpg\n")
    for photos in (("IMAGE1", "IMAGE2", "IMAGE3"), "IMAGE*"):
        listings = read(path, Columns(ListingColumns(photos=photos)))
        assert [one.photos for one in listings] == [("p1.jpg", "p2.jpg"), ("p1.jpg", "p3.jpg", "p2.jpg")]


def test_a_named_column_that_is_missing_among_several_is_an_error(file):
    path = file("a.csv", "id,product_name,category,product_description,price,location,IMAGE1\n")
    with pytest.raises(MissingColumns, match="'IMAGE2' is missing"):
        read(path, Columns(ListingColumns(photos=("IMAGE1", "IMAGE2"))))


def test_a_default_currency_is_that_of_prices_without_one(file):
    path = file(
        "a.csv",
        f"id,product_name,category,product_description,price,location,cur\n{ROW}2,A,C,,5,,EUR\n".replace(
            "Leeds\n", "Leeds,\n"
        ),
    )
    columns = Columns(ListingColumns(currency="cur", default_currency="GBP"))
    assert [one.currency for one in read(path, columns)] == ["GBP", "EUR"]


def test_a_file_of_dates_decides_the_order_of_day_and_month(file):
    header = "id,product_name,category,product_description,price,location,listed_at\n"
    path = file("a.csv", f"{header}1,A,C,,,,03/04/2024\n2,B,C,,,,31/01/2024\n")
    assert [one.day_first for one in read(path)] == [True, True]
    assert [one.day_first for one in read(path, Columns(ListingColumns(day_first=False)))] == [False, False]


@pytest.mark.parametrize(
    ("header", "nearest"),
    [
        ("id,product_name,category,product_description,prise,location", "The nearest columns are 'prise' for price. "),
        ("Sku,Titel,Rubrik,Preis", "'Sku' for id, 'Titel' for title, 'Rubrik' for category, 'Preis' for price. "),
    ],
)
def test_an_error_about_missing_columns_names_the_nearest_and_where_to_see_a_mapping(file, header, nearest):
    with pytest.raises(MissingColumns) as raised:
        read(file("a.csv", f"{header}\n"))
    assert nearest in str(raised.value)
    assert "A preview of the file shows a mapping to copy" in str(raised.value)


def test_an_error_about_missing_columns_without_near_ones_names_none(file):
    with pytest.raises(MissingColumns) as raised:
        read(file("a.csv", "a,b\n"))
    assert "nearest" not in str(raised.value)
