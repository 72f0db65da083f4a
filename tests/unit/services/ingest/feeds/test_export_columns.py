"""Columns that exports repeat, that hold attributes, and separators that a mapping leaves out."""

from __future__ import annotations

import csv
import io
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from openpyxl import Workbook

from services.errors import ListingsFileError, MissingColumns
from services.ingest.cleaning.attributes import clean_attributes
from services.ingest.cleaning.availability import sold_of
from services.ingest.cleaning.listings import CleanListing, clean_listing
from services.ingest.feeds.columns import Columns, ListingColumns
from services.ingest.feeds.feed import open_listings
from services.ingest.feeds.mapping_files import parse_columns
from services.ingest.loading.inputs import IngestOptions
from services.ingest.loading.preview import preview
from tests.unit.services.ingest.feeds.export_headers import HEADERS, export

GOOGLE = "id\ttitle\tlink\tproduct_type\tprice\timage_link\tadditional_image_link\tadditional_image_link\timage_link\n"
GOOGLE_ROW = "1\tLamp\t\tHome\t5 EUR\thttps://a.example/1\thttps://a.example/2\t\thttps://a.example/4\n"
WOO = (
    'ID,Type,SKU,Name,Published,"Short description",Description,"Regular price","Sale price",Categories,Tags,Images\n'
    '11,simple,WC-1,Brass lamp,1,,Warm,24.50,,"Home &amp; Garden > Lamps, Sale",,"https://a.example/1, https://a.example/2"\n'
)
WOO_MAPPING = '[listings]\nid = "ID"\ntitle = "Name"\ncategory = "Categories"\nlocation = ""\nphotos = "Images"\n' + (
    'description = "Description"\nprice = "Regular price"\n'
)


def records(path: Any, columns: Columns | None = None) -> list[Any]:
    return list(open_listings(path, columns or Columns()).records())


def attributes(path: Any, columns: Columns | None = None) -> list[dict[str, Any]]:
    return [clean_attributes(record.attributes)[0] for record in records(path, columns)]


def test_all_columns_of_a_repeated_photo_name_are_read(file):
    [record] = records(file("a.tsv", GOOGLE + GOOGLE_ROW))
    assert record.photos == ("https://a.example/1", "https://a.example/4", "https://a.example/2")


def test_repeated_photo_columns_of_a_workbook_are_read(tmp_path):
    workbook = Workbook()
    for line in (GOOGLE, GOOGLE_ROW):
        workbook.active.append(line.rstrip("\n").split("\t"))
    workbook.save(tmp_path / "a.xlsx")
    [record] = records(tmp_path / "a.xlsx")
    assert record.photos == ("https://a.example/1", "https://a.example/4", "https://a.example/2")


def test_a_column_whose_name_looks_like_that_of_a_repeat_is_another_column(file):
    mapping = Columns(ListingColumns(description="", price="", location="", photos="photo*"))
    path = file("a.csv", "id,product_name,category,photo,photo,photo (2)\n1,A,C,a.jpg,b.jpg,c.jpg\n")
    assert records(path, mapping)[0].photos == ("a.jpg", "b.jpg", "c.jpg")


def test_a_repeated_column_of_another_field_is_refused(file):
    with pytest.raises(ListingsFileError, match="more than one column 'price'"):
        records(file("a.tsv", GOOGLE.replace("\n", "\tprice\n") + GOOGLE_ROW.replace("\n", "\t6 EUR\n")))


def test_a_repeated_photo_column_that_is_an_attribute_too_is_refused(file):
    mapping = parse_columns(b'preset = "google"\n[attributes]\nphoto = "image_link"\n', source="x")
    with pytest.raises(ListingsFileError, match="more than one column 'image_link'"):
        records(file("a.tsv", GOOGLE + GOOGLE_ROW), mapping)


def test_a_repeated_column_that_no_field_uses_is_ignored(file):
    header, row = GOOGLE.replace("\n", "\tshipping\tshipping\n"), GOOGLE_ROW.replace("\n", "\tUS\tGB\n")
    assert len(records(file("a.tsv", header + row))) == 1


def test_a_parquet_file_with_a_repeated_photo_column_is_refused(tmp_path):
    names = ["id", "product_name", "category", "photo", "photo"]
    pq.write_table(pa.Table.from_arrays([pa.array(["x"])] * 5, names=names), tmp_path / "a.parquet")
    mapping = Columns(ListingColumns(description="", price="", location="", photos="photo"))
    with pytest.raises(ListingsFileError, match="more than one column 'photo'"):
        records(tmp_path / "a.parquet", mapping)


def test_options_of_a_shopify_product_are_attributes_but_for_its_default_title(file):
    option = {"Option1 Name": "Size", "Option1 Value": "M", "Option2 Name": "Colour", "Option2 Value": "Navy"}
    path = export(
        file,
        "shopify",
        {"Handle": "shirt", "Title": "Shirt", "Type": "A", "Vendor": "Acme", **option},
        {"Handle": "mug", "Title": "Mug", "Type": "A", "Option1 Name": "Title", "Option1 Value": "Default Title"},
    )
    assert attributes(path) == [
        {"brand": "Acme", "type": "A", "size": "M", "colour": "Navy"},
        {"type": "A"},
    ]


def test_an_option_of_a_further_variant_has_the_name_that_the_first_row_gives(file):
    first = {"Handle": "shirt", "Title": "Shirt", "Type": "A", "Option1 Name": "Size", "Option1 Value": "S"}
    further = [{"Handle": "shirt", "Option1 Value": "M"}, {"Handle": "mug", "Option1 Value": "L"}]
    path = export(file, "shopify", first, *further)
    assert attributes(path) == [{"type": "A", "size": "S"}, {"size": "M"}, {"option1_value": "L"}]


def test_woocommerce_attributes_have_the_names_in_their_cells(file):
    header = HEADERS["woocommerce 2017"] + ',"Attribute 12 name","Attribute 12 value(s)"'
    columns = next(csv.reader([header]))
    cells = {"ID": "1", "Name": "Shirt", "Categories": "A"} | {
        "Attribute 1 name": "Frame Colour", "Attribute 1 value(s)": "Red",
        "Attribute 12 name": "Size", "Attribute 12 value(s)": "S, M",
    }  # fmt: skip
    path = file("a.csv", header + "\n" + ",".join(f'"{cells.get(name, "")}"' for name in columns) + "\n")
    assert attributes(path) == [{"frame_colour": "Red", "size": "S, M"}]


def test_item_specifics_of_ebay_are_attributes(file):
    path = file(
        "a.csv",
        "CustomLabel,*Category,*Title,*StartPrice,PicURL,C:Brand,*C:Shoe Size,C:Model,C:\n"
        "A-1,9355,Shoe,5,,Acme,42,Does not apply,x\n",
    )
    assert attributes(path) == [{"brand": "Acme", "shoe_size": 42.0}]


def test_two_values_of_one_attribute_are_told(file):
    option = {"Option1 Name": "Size", "Option1 Value": "M", "Option2 Name": "Size", "Option2 Value": "L"}
    [record] = records(export(file, "shopify", {"Handle": "a", "Title": "A", "Type": "A", **option}))
    clean = clean_listing(record)
    assert isinstance(clean, CleanListing)
    assert clean.record.attributes["size"] == "M"
    assert [(one.flag, one.before) for one in clean.repairs] == [("attribute_left_out", "L")]


def test_a_mapping_names_attributes_by_pairs_and_prefixes(file):
    text = '[listings]\ndescription = ""\nprice = ""\nlocation = ""\n[attributes]\n'
    mapping = parse_columns(f'{text}pairs = [["k*", "v*"]]\nprefixes = ["spec "]\n'.encode(), source="x")
    path = file("a.csv", "id,product_name,category,k1,v1,k2,Spec Weight\n1,A,C,Size,M,lost,3\n")
    assert attributes(path, mapping) == [{"size": "M", "weight": 3.0}]
    with pytest.raises(MissingColumns, match=r"'k\* and v\*', 'spec \.\.\.' are missing"):
        records(file("b.csv", "id,product_name,category\n1,A,C\n"), mapping)


@pytest.mark.parametrize(
    "line", ['pairs = ["a"]', 'pairs = [["a*", "b"]]', 'pairs = [["a*", 5]]', "prefixes = [5]", 'prefixes = [""]']
)
def test_refuses_lists_of_attributes_that_cannot_be_read(line):
    with pytest.raises(ListingsFileError, match=r"attributes\.\w+ cannot be read"):
        parse_columns(f"[attributes]\n{line}\n".encode(), source="x")


def test_a_preview_shows_the_columns_of_options(file):
    row = {"Handle": "a", "Title": "A", "Type": "A", "Option1 Name": "Size", "Option1 Value": "M"}
    fields = {one.name: one.columns for one in preview(export(file, "shopify", row), IngestOptions()).fields}
    assert fields["attributes.Option1 Value"] == ("Option1 Name", "Option1 Value")


def test_a_mapping_without_separators_gets_those_of_the_export(file):
    feed = open_listings(file("woo.csv", WOO), parse_columns(WOO_MAPPING.encode(), source="x"))
    [record] = feed.records()
    clean = clean_listing(record)
    assert isinstance(clean, CleanListing)
    assert clean.record.category_path == ("Home & Garden", "Lamps")
    assert clean.record.other_categories == (("Sale",),)
    assert record.photos == ("https://a.example/1", "https://a.example/2")
    assert [(one.flag, one.field, one.after) for one in feed.notices] == [
        ("preset_separator", "category_separator", 'category_separator = ">", as in the preset woocommerce'),
        ("preset_separator", "categories_separator", 'categories_separator = ",", as in the preset woocommerce'),
        ("preset_separator", "photos_separator", 'photos_separator = ",", as in the preset woocommerce'),
        ("preset_separator", "escaped_line_breaks", "escaped_line_breaks = true, as in the preset woocommerce"),
    ]


def test_separators_of_the_mapping_win_also_empty_ones(file):
    own = 'category_separator = ""\ncategories_separator = ""\nphotos_separator = "|"\n'
    own += "escaped_line_breaks = false\n"
    feed = open_listings(file("woo.csv", WOO), parse_columns((WOO_MAPPING + own).encode(), source="x"))
    assert (feed.notices, feed.columns.listings.categories_separator) == ((), "")


def test_a_column_that_the_preset_maps_otherwise_gets_no_separator(file):
    mapping = parse_columns(WOO_MAPPING.replace('"Categories"', '"Type"').encode(), source="x")
    feed = open_listings(file("woo.csv", WOO), mapping)
    assert [one.field for one in feed.notices] == ["photos_separator", "escaped_line_breaks"]


@pytest.mark.parametrize("zero", ["0", "0.00 USD", "EUR 0,00"])
def test_a_sale_price_of_zero_gives_way_to_the_price_and_is_told(file, zero):
    row = {"id": "1", "title": "Desk", "price": "199.00 USD", "sale_price": zero}
    [record] = records(export(file, "facebook", row))
    assert (record.price, record.flags) == ("199.00 USD", ("zero_sale_price",))


@pytest.mark.parametrize(("price", "sale_price"), [("0.00 USD", ""), ("0.00 USD", "0.00 USD"), ("", "0.00 USD")])
def test_what_is_free_stays_free(file, price, sale_price):
    row = {"id": "1", "title": "Desk", "price": price, "sale_price": sale_price}
    [record] = records(export(file, "facebook", row))
    assert (record.price, record.repairs) == ("0.00 USD", ())


@pytest.mark.parametrize(
    "cell",
    [
        "https://a.example/1.jpg,https://a.example/2",
        "https://a.example/1.jpg, https://a.example/2",
        '"https://a.example/1.jpg","https://a.example/2"',
        '["https://a.example/1.jpg", "https://a.example/2"]',
        "['https://a.example/1.jpg', 'https://a.example/2']",
        "https://a.example/1.jpg https://a.example/2",
    ],
)
@pytest.mark.parametrize("column", ["image_link", "additional_image_link"])
@pytest.mark.parametrize("name", ["google", "facebook"])
def test_a_photo_column_of_google_and_facebook_may_hold_several_urls(file, name, column, cell):
    header = HEADERS[name].replace("\t", ",").replace(",image_link,", ",image_link,additional_image_link,", 1)
    columns = list(dict.fromkeys(header.split(",")))
    text = io.StringIO()
    csv.writer(text).writerows([columns, [cell if one == column else one[:2] * (one == "id") for one in columns]])
    [record] = records(file("a.csv", text.getvalue()))
    assert record.photos == ("https://a.example/1.jpg", "https://a.example/2")


@pytest.mark.parametrize(
    ("text", "is_sold"),
    [
        ("in stock", False),
        ("in_stock", False),
        ("available for order", False),
        ("preorder", False),
        ("backorder", False),
        ("pending", False),
        ("out of stock", True),
        ("out_of_stock", True),
        ("discontinued", True),
        ("mark_as_sold", True),
    ],
)
def test_knows_each_availability_of_google_and_facebook(text, is_sold):
    assert sold_of(text) is is_sold


def test_well_known_attributes_have_one_name_in_pairs_and_prefixes(file):
    shopify = {"Handle": "a", "Title": "A", "Type": "C", "Option1 Name": "Color", "Option1 Value": "Red"}
    german = {"Option2 Name": "Größe", "Option2 Value": "M"}
    path = export(file, "shopify", {**shopify, **german})
    assert attributes(path) == [{"type": "C", "colour": "Red", "size": "M"}]
    path = file("a.csv", "id,product_name,category,product_description,price,location,C:Farbe\n1,A,C,,,,rot\n")
    prefixes = parse_columns(b'[attributes]\nprefixes = ["C:"]\n', source="x")
    assert attributes(path, prefixes) == [{"colour": "rot"}]


def several_values(path, mapping=""):
    columns = parse_columns(mapping.encode(), source="x") if mapping else Columns()
    [record] = open_listings(path, columns).records()
    return [(one.field, one.after) for one in record.repairs if one.flag == "several_values"]


def test_tells_that_several_values_of_an_attribute_became_one_text(file):
    header = "id,product_name,category,product_description,price,location,sizes"
    mapping = '[attributes]\nsize = "sizes"\n'
    assert several_values(file("a.csv", f'{header}\n1,A,C,,,,"[""S"", ""M""]"\n'), mapping) == [("size", "S, M")]
    line = '{"id": 1, "product_name": "A", "category": "C", "product_description": "", "price": "", "location": "", '
    assert several_values(file("a.jsonl", f'{line}"sizes": ["S", "M"]}}'), mapping) == [("size", "S, M")]
    assert several_values(file("a.csv", f'{header}\n1,A,C,,,,"Oak, oiled"\n'), mapping) == []
    woo = {"ID": "1", "Name": "A", "Categories": "C", "Regular price": "5", "Attribute 1 name": "Size"}
    path = export(file, "woocommerce 2017", {**woo, "Attribute 1 value(s)": "S, M"})
    assert several_values(path) == [("size", "S, M")]
