"""The column mapping."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from services.errors import ListingsFileError
from services.ingest.feeds.columns import Columns, ListingColumns, PhotoColumns

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def toml(tmp_path: Path) -> Path:
    return tmp_path / "columns.toml"


def test_the_default_mapping_is_that_of_the_published_data_set():
    listings, photos = Columns().listings, Columns().photos
    assert (listings.id, listings.title, listings.category) == ("id", "product_name", "category")
    assert (listings.description, listings.price, listings.location) == ("product_description", "price", "location")
    assert (photos.id, photos.listing_id) == ("id", "product_id")
    assert (listings.photos, photos.file) == ("", "")
    assert listings.optional_columns == ("seller", "listed_at")


def test_a_mapping_changes_only_the_columns_that_it_names(toml):
    toml.write_text('[listings]\nid = "sku"\nprice = ""\nphotos = "urls"\n[photos]\nfile = "file_name"\n')
    assert Columns.from_toml(toml) == Columns(
        ListingColumns(id="sku", price="", photos="urls"), PhotoColumns(file="file_name")
    )


def test_a_mapped_column_is_not_optional(toml):
    toml.write_text('[listings]\nseller = "shop"\nlisted_at = ""\n')
    listings = Columns.from_toml(toml).listings
    assert (listings.seller, listings.listed_at, listings.optional_columns) == ("shop", "", ())


def test_a_default_name_that_another_field_uses_is_not_optional(toml):
    toml.write_text('[listings]\nlocation = "seller"\n')
    assert Columns.from_toml(toml).listings.optional_columns == ("listed_at",)


def test_reads_a_mapping_with_a_byte_order_mark(toml):
    toml.write_text('[listings]\nid = "sku"\n', encoding="utf-8-sig")
    assert Columns.from_toml(toml).listings.id == "sku"


def test_names_an_unknown_field_and_the_known_ones(toml):
    toml.write_text('[listings]\nname = "x"\n')
    with pytest.raises(ListingsFileError, match=r"unknown field of \[listings\] 'name'.*Use id, title, category"):
        Columns.from_toml(toml)


def test_names_an_unknown_table_and_the_known_ones(toml):
    toml.write_text('[products]\nid = "x"\n')
    with pytest.raises(ListingsFileError, match=r"unknown table 'products'.*Use listings, photos"):
        Columns.from_toml(toml)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[listings]\nid = 5\n", r"listings\.id is not text"),
        ('[listings]\nid = ""\n', r"listings\.id is empty"),
        ('[photos]\nlisting_id = ""\n', r"photos\.listing_id is empty"),
        ('listings = "id"\n', "'listings' is not a table"),
        ("id: sku\n", "is not TOML"),
        ("\xff", "is not TOML"),
    ],
)
def test_refuses_an_invalid_mapping(toml, text, problem):
    toml.write_text(text, encoding="latin-1")
    with pytest.raises(ListingsFileError, match=problem):
        Columns.from_toml(toml)


def test_refuses_a_missing_mapping_file(toml):
    with pytest.raises(ListingsFileError, match=r"columns\.toml: cannot be read \(No such file"):
        Columns.from_toml(toml)
