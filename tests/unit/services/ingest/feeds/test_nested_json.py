"""JSON from APIs: objects and lists in place of text, and paths into them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from db.rows.records import RejectedRecord
from services.ingest.cleaning.listings import CleanListing, clean_listing
from services.ingest.feeds.columns import Columns, ListingColumns
from services.ingest.feeds.feed import open_listings
from tests.unit.services.ingest.feeds.listing_files import DESK, HEADER, KEYS, LINKED, read, write_parquet

if TYPE_CHECKING:
    from services.ingest.cleaning.raw_listing import RawListing

LAMP = dict(zip(KEYS, DESK, strict=True))


def read_one(file: Any, columns: Columns | None = None, **values: object) -> RawListing | RejectedRecord:
    [record] = read(file("a.jsonl", json.dumps(LAMP | values)), columns)
    return record


@pytest.mark.parametrize(
    ("photos", "names"),
    [
        (["p1.jpg", "p2.jpg"], ("p1.jpg", "p2.jpg")),
        ([{"url": "p1.jpg"}, {"url": "p2.jpg"}], ("p1.jpg", "p2.jpg")),
        ("p3.jpg", ("p3.jpg",)),
        ({"src": "p3.jpg"}, ("p3.jpg",)),
        (["p1.jpg", None], ("p1.jpg",)),
        ([], ()),
        (None, ()),
        ([["p1.jpg"], ["p2.jpg"]], ("p1.jpg", "p2.jpg")),
        ([1, 2], ("1", "2")),
    ],
)
def test_reads_photos_in_every_shape(file, photos, names):
    assert read_one(file, LINKED, photos=photos).photos == names


@pytest.mark.parametrize("price", [{"amount": 5, "currency": "EUR"}, {"value": "5.00", "currency": "EUR"}, False])
def test_keeps_a_price_that_is_no_text_for_cleaning_to_refuse(file, price):
    assert read_one(file, price=price).price.startswith(("{", "false"))


def test_reads_a_path_into_objects(file):
    columns = Columns(ListingColumns(price="price.amount", currency="price.currency", photos="media.photos.url"))
    record = read_one(
        file,
        columns,
        price={"amount": 5, "currency": "EUR"},
        media={"photos": [{"url": "p1.jpg"}, None, {"url": "p2.jpg"}]},
    )
    assert (record.price, record.currency, record.photos) == ("5", "EUR", ("p1.jpg", "p2.jpg"))


def test_a_path_through_a_value_that_is_no_object_rejects_the_record(file):
    record = read_one(file, Columns(ListingColumns(price="price.amount")), price=5)
    assert isinstance(record, RejectedRecord)
    assert (record.record_id, record.field, record.reason) == ("L-1", "price.amount", "wrong_type")


def test_reads_a_path_into_a_parquet_struct(tmp_path):
    columns = {key: [cell] for key, cell in LAMP.items()} | {"price": [{"amount": 5.5, "currency": "EUR"}]}
    mapping = Columns(ListingColumns(price="price.amount", currency="price.currency"))
    [record] = read(write_parquet(tmp_path / "a.parquet", **columns), mapping)
    assert (record.price, record.currency) == ("5.5", "EUR")


def test_a_list_of_categories_is_a_path(file):
    record = read_one(file, category=["Home", "Lamps"])
    assert (record.category, record.category_separator) == ("Home > Lamps", " > ")


def paths_of(file: Any, *lists: object, columns: Columns | None = None) -> list[list[tuple[str, ...]]]:
    """Return the category paths of records with these categories."""
    path = file("a.jsonl", "\n".join(json.dumps(LAMP | {"category": one}) for one in lists))
    return [paths_in(record) for record in read(path, columns)]


def paths_in(record: RawListing | RejectedRecord) -> list[tuple[str, ...]]:
    assert not isinstance(record, RejectedRecord)
    cleaned = clean_listing(record)
    assert isinstance(cleaned, CleanListing)
    return [cleaned.record.category_path, *cleaned.record.other_categories]


def notices_of(file: Any, *lists: object, columns: Columns | None = None) -> list[tuple[str, str, str]]:
    path = file("a.jsonl", "\n".join(json.dumps(LAMP | {"category": one}) for one in lists))
    return [(one.flag, one.before, one.after) for one in open_listings(path, columns or Columns()).notices]


HOME_AND_SALE = [("Home", "Garden"), ("Sale",)]


@pytest.mark.parametrize(
    ("category", "paths"),
    [
        (["Home > Garden", "Sale"], HOME_AND_SALE),
        (["Home>Garden", "Sale"], HOME_AND_SALE),
        (["Home &gt; Garden", "Sale"], HOME_AND_SALE),
        (["Home >> Garden", "Sale"], HOME_AND_SALE),
        (["Home|Garden", "Sale"], HOME_AND_SALE),
        (["Sale", "Home > Indoor / Outdoor"], [("Sale",), ("Home", "Indoor / Outdoor")]),
        (["Home > Lamps, Lights"], [("Home", "Lamps, Lights")]),
        (["Home / Garden", "Sale / New"], [("Home", "Garden"), ("Sale", "New")]),
        (["Home", "Indoor / Outdoor"], [("Home", "Indoor / Outdoor")]),
        (["Home", "Lamps"], [("Home", "Lamps")]),
        (["Home"], [("Home",)]),
    ],
)
def test_a_list_with_a_path_is_a_list_of_paths(file, category, paths):
    assert paths_of(file, category) == [paths]
    cell = json.dumps(category).replace('"', '""')
    (record,) = read(file("a.csv", f'{HEADER}L-1,Lamp,"{cell}",,5,\n'), Columns())
    assert paths_in(record) == paths


@pytest.mark.parametrize("cell", ["['Home > Garden', 'Sale']", "[['Home', 'Garden'], ['Sale']]"])
def test_reads_a_python_list_of_categories(file, cell):
    (record,) = read(file("a.csv", f'{HEADER}L-1,Lamp,"{cell}",,5,\n'), Columns())
    assert paths_in(record) == HOME_AND_SALE


def test_a_list_of_plain_words_is_a_list_of_paths_in_a_file_that_has_such_lists(file):
    lists = (["Sale", "New"], ["Home > Garden", "Sale"])
    assert paths_of(file, *lists) == [[("Sale",), ("New",)], HOME_AND_SALE]
    assert notices_of(file, *lists) == [("guessed_categories", '["Sale", "New"]', "Sale | New")]


@pytest.mark.parametrize(
    ("category", "notice"),
    [
        (["Home", "Lamps"], ("guessed_categories", '["Home", "Lamps"]', "Home > Lamps")),
        (["Home / A", "Sale / B"], ("guessed_categories", '["Home / A", "Sale / B"]', "Home / A | Sale / B")),
    ],
)
def test_a_guess_at_lists_is_told_once_for_the_file(file, category, notice):
    assert notices_of(file, category, category) == [notice]


@pytest.mark.parametrize("category", [["Home > Lamps", "Sale"], ["Home"], "Home > Lamps"])
def test_a_sure_list_is_not_told(file, category):
    assert notices_of(file, category) == []


def test_the_mapping_says_whether_lists_are_levels_or_paths(file):
    levels = Columns(ListingColumns(category_separator="/"))
    assert paths_of(file, ["Home", "5 > 4"], columns=levels) == [[("Home", "5 > 4")]]
    assert paths_of(file, ["Home/A", "Sale"], columns=levels) == [[("Home", "A"), ("Sale",)]]
    paths = Columns(ListingColumns(categories_separator=","))
    assert paths_of(file, ["Home", "Sale"], columns=paths) == [[("Home",), ("Sale",)]]
    assert [notices_of(file, ["Home", "Sale"], columns=one) for one in (levels, paths)] == [[], []]


def test_a_list_of_texts_is_a_description_of_lines(file):
    assert read_one(file, product_description=["a", "b"]).description == "a\nb"


@pytest.mark.parametrize(("name", "value"), [("location", {"city": "Leeds"}), ("seller", {"id": 9}), ("seller", True)])
def test_leaves_out_what_a_listing_can_do_without(file, name, value):
    record = read_one(file, **{name: value})
    assert getattr(record, name) == ""
    assert [(repair.flag, repair.field) for repair in record.repairs] == [("value_left_out", name)]


def test_a_reject_names_the_id_and_the_paths_that_can_be_mapped(file):
    record = read_one(file, category={"id": 3, "name": "Lamps"})
    assert isinstance(record, RejectedRecord)
    assert (record.record_id, record.reason) == ("L-1", "wrong_type")
    assert record.text.endswith("Map one of category.id, category.name")


@pytest.mark.parametrize(
    ("value", "text"),
    [({"$oid": "65b9f0"}, "65b9f0"), ({"$numberLong": "9"}, "9"), (12345678901234567890, "12345678901234567890")],
)
def test_reads_ids_of_databases(file, value, text):
    assert read_one(file, id=value).listing_id == text


def test_reads_the_date_of_a_database(file):
    assert read_one(file, listed_at={"$date": "2024-01-31T09:30:00Z"}).listed_at == "2024-01-31T09:30:00Z"


def test_attributes_keep_their_types(file):
    columns = Columns(attributes={"new": "is_new", "weight": "weight", "brand": "maker.name", "tags": "tags"})
    record = read_one(file, columns, is_new=True, weight=2.5, maker={"name": "Hill"}, tags=["a", "b"])
    assert record.attributes == {"new": True, "weight": 2.5, "brand": "Hill", "tags": "a, b"}
