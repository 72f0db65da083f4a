"""The column mapping."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from services.errors import ListingsFileError
from services.ingest.feeds.columns import COLUMN_FIELDS, Columns, ListingColumns, PhotoColumns
from services.ingest.feeds.mapping_files import read_columns
from services.ingest.tables.rows import FileFormat

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
    assert (listings.photos, photos.file) == ("photos", "")
    assert [name for name in COLUMN_FIELDS if Columns().may_lack(name)] == ["photos", "seller", "listed_at"]


def test_a_mapping_changes_only_the_columns_that_it_names(toml):
    toml.write_text('[listings]\nid = "sku"\nprice = ""\nphotos = "urls"\n[photos]\nfile = "file_name"\n')
    assert read_columns(toml) == Columns(
        ListingColumns(id="sku", price="", photos="urls"),
        PhotoColumns(file="file_name"),
        named=("id", "price", "photos"),
    )


def test_a_table_may_not_lack_a_column_that_the_mapping_names(toml):
    toml.write_text('[listings]\nseller = "shop"\n')
    assert [read_columns(toml).may_lack(name) for name in ("seller", "listed_at")] == [False, True]


def test_a_table_may_lack_photos_only_if_nobody_names_them(toml):
    toml.write_text('[listings]\nphotos = "photos"\n')
    assert [one.may_lack("photos") for one in (Columns(), read_columns(toml))] == [True, False]


def test_reads_a_mapping_with_a_byte_order_mark(toml):
    toml.write_text('[listings]\nid = "sku"\n', encoding="utf-8-sig")
    assert read_columns(toml).listings.id == "sku"


def test_names_an_unknown_field_and_the_known_ones(toml):
    toml.write_text('[listings]\nname = "x"\n')
    with pytest.raises(ListingsFileError, match=r"unknown field of \[listings\] 'name'.*Use id, title, category"):
        read_columns(toml)


def test_names_an_unknown_table_and_the_known_ones(toml):
    toml.write_text('[products]\nid = "x"\n')
    with pytest.raises(ListingsFileError, match=r"unknown table 'products'.*Use file, listings, attributes, photos"):
        read_columns(toml)


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
        read_columns(toml)


def test_refuses_a_missing_mapping_file(toml):
    with pytest.raises(ListingsFileError, match=r"columns\.toml: cannot be read \(No such file"):
        read_columns(toml)


def test_reads_how_the_file_is_written_and_several_columns(toml):
    toml.write_text('[file]\nencoding = "cp1251"\ndelimiter = ";"\n[listings]\nprice = ["a", "b"]\nday_first = true\n')
    columns = read_columns(toml)
    assert (columns.file, columns.names_of("price")) == (FileFormat("cp1251", ";"), ("a", "b"))
    assert columns.listings.day_first is True


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("preset = 5\n", "preset is not text"),
        ('[listings]\nid = ["", ""]\n', r"listings\.id is empty"),
        ('[listings]\nday_first = "yes"\n', r"listings\.day_first is neither true nor false"),
        ('[listings]\nphotos_separator = ["|"]\n', r"listings\.photos_separator is not text"),
        ("[attributes]\nbrand = 5\n", r"attributes\.brand is not text"),
        ('[file]\nquote = "x"\n', r"unknown field of \[file\] 'quote'"),
    ],
)
def test_refuses_what_a_mapping_cannot_say(toml, text, problem):
    toml.write_text(text)
    with pytest.raises(ListingsFileError, match=problem):
        read_columns(toml)


def test_a_mapping_survives_the_way_through_json(toml):
    toml.write_text(
        'preset = "shopify"\n[listings]\nphotos = ["a", "b*"]\nphotos_separator = ""\n[attributes]\nbrand = "Marke"\n'
    )
    columns = read_columns(toml)
    assert msgspec.json.decode(msgspec.json.encode(columns), type=Columns) == columns
