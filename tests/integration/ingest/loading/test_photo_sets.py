"""The photos that a feed names for a listing are all its photos."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from services.ingest.feeds.columns import Columns, ListingColumns
from tests.integration.ingest.loading.feeds import row

if TYPE_CHECKING:
    from tests.conftest import MakeJpeg
    from tests.integration.ingest.loading.feeds import ShopFeed


def test_a_row_removes_the_photos_that_it_no_longer_names(feed: ShopFeed) -> None:
    feed.load([row("1", "p1|p2"), row("2", "p3"), row("3", "p5")])
    loaded = feed.load([row("1", "p1|p2"), row("2", "p4"), row("3", "")])
    assert [feed.names("1"), feed.names("2"), feed.names("3")] == [["p1", "p2"], ["p4"], []]
    assert loaded.photos("new", "unchanged", "removed") == [1, 2, 2]


def test_a_photo_table_states_the_photos_of_every_listing_whatever_the_order(feed: ShopFeed) -> None:
    listings = [row("1"), row("2")]
    plain = ListingColumns()
    feed.load(listings, table=[("p1", "1"), ("p3", "2"), ("p2", "1")], columns=plain)
    assert [feed.names("1"), feed.names("2")] == [["p1", "p2"], ["p3"]]
    feed.load(listings, table=[("p3", "2"), ("p1", "1")], columns=plain)
    assert [feed.names("1"), feed.names("2")] == [["p1"], ["p3"]]
    moved = feed.load(listings, table=[("p1", "2"), ("p3", "2")], columns=plain)
    assert [feed.names("1"), feed.names("2")] == [[], ["p3", "p1"]]
    assert moved.photos("new", "removed") == [1, 1]


def test_a_photo_table_states_the_photos_of_a_listing_that_the_listings_file_lacks(feed: ShopFeed) -> None:
    feed.load([row("1", "p1|p2"), row("2", "p3")])
    feed.load([row("2")], table=[("p2", "1"), ("p3", "2")], columns=ListingColumns())
    assert [feed.names("1"), feed.names("2")] == [["p2"], ["p3"]]


def test_a_feed_without_photo_column_and_photo_table_keeps_all_photos(feed: ShopFeed) -> None:
    feed.load([row("1", "p1")])
    loaded = feed.load([row("1", "p1")], columns=ListingColumns())
    assert (feed.names("1"), loaded.warnings) == (["p1"], [])


def test_a_rejected_row_keeps_the_photos_of_its_listing(feed: ShopFeed) -> None:
    feed.load([row("1", "p1|p2")])
    feed.load([row("1", "p1", category="")])
    assert feed.names("1") == ["p1", "p2"]


def test_removes_nothing_when_told_to_keep_photos(feed: ShopFeed) -> None:
    feed.load([row("1", "p1|p2")])
    loaded = feed.load([row("1", "p3")], keep_photos=True)
    assert feed.names("1") == ["p1", "p2", "p3"]
    assert (loaded.photos("new", "removed"), loaded.warnings) == ([1, 0], [])


def test_keeps_other_photos_while_a_named_one_cannot_be_obtained(feed: ShopFeed) -> None:
    feed.load([row("1", "p1|p2")])
    loaded = feed.load([row("1", "p3|gone")])
    assert feed.names("1") == ["p1", "p2", "p3"]
    assert [(one.record_id, one.line, one.flag) for one in loaded.warnings] == [("1", 2, "photos_kept")]


def test_keeps_a_named_photo_that_cannot_be_obtained_this_time(feed: ShopFeed) -> None:
    feed.load([row("1", "p1|p2")])
    feed.lose("p1")
    feed.load([row("1", "p1")])
    assert feed.names("1") == ["p1", "p2"]


def test_calls_no_photo_unnamed_that_only_cannot_be_obtained(feed: ShopFeed) -> None:
    feed.load([row("1", "p1|p2")])
    feed.lose("p1")
    feed.lose("p2")
    loaded = feed.load([row("1", "p1|p2")])
    assert feed.names("1") == ["p1", "p2"]
    assert [one.reason for one in loaded.rejects] == ["missing_file", "missing_file"]
    assert loaded.warnings == []


def test_removes_old_photos_when_the_new_one_is_obtained_but_is_no_photo(feed: ShopFeed) -> None:
    feed.load([row("1", "p1|p2")])
    feed.photo("p1", b"<html>sold out</html>")
    loaded = feed.load([row("1", "p1")])
    assert (feed.names("1"), loaded.photos("removed", "rejected")) == ([], [2, 1])


def test_an_unreadable_row_of_the_photo_table_removes_nothing(feed: ShopFeed) -> None:
    feed.load([row("1", "p1|p2")])
    loaded = feed.load([row("1")], table='id,product_id\np1,1\n"p2,1\n', columns=ListingColumns())
    assert feed.names("1") == ["p1", "p2"]
    assert [(one.line, one.record_id, one.flag) for one in loaded.warnings] == [(0, "", "photos_kept")]


def test_an_empty_row_of_a_joined_photo_table_removes_as_usual(feed: ShopFeed) -> None:
    feed.load([row("1", "p1|p2")])
    feed.load([row("1")], table=[("p1", "1"), ("", "2")], columns=ListingColumns())
    assert feed.names("1") == ["p1"]


def test_the_same_bytes_under_another_name_are_renamed(feed: ShopFeed, jpeg: MakeJpeg) -> None:
    feed.load([row("1", "p1|p2")])
    before = feed.stored("1")
    feed.photo("p1-tuesday", jpeg(1, width=16, height=16))
    loaded = feed.load([row("1", "p1-tuesday|p2")])
    assert feed.stored("1") == {"p1-tuesday": before["p1"], "p2": before["p2"]}
    assert loaded.photos("new", "replaced", "renamed", "unchanged", "removed") == [0, 0, 1, 1, 0]


def test_swapped_names_are_renamed(feed: ShopFeed, jpeg: MakeJpeg) -> None:
    feed.load([row("1", "p1|p2")])
    before = feed.stored("1")
    feed.photo("p1", jpeg(2, width=16, height=16))
    feed.photo("p2", jpeg(1, width=16, height=16))
    loaded = feed.load([row("1", "p1|p2")])
    assert feed.stored("1") == {"p2": before["p1"], "p1": before["p2"]}
    assert loaded.photos("new", "replaced", "renamed") == [0, 0, 2]


def test_two_names_of_the_same_bytes_are_one_photo(feed: ShopFeed, jpeg: MakeJpeg) -> None:
    feed.photo("again", jpeg(1, width=16, height=16))
    loaded = feed.load([row("1", "p1|again|p2")])
    assert (feed.names("1"), loaded.photos("accepted", "duplicates")) == (["p1", "p2"], [2, 1])
    assert [(one.record_id, one.reason) for one in loaded.rejects] == [("again", "duplicate_photo")]


def test_repairs_photos_that_an_earlier_version_stored_twice(feed: ShopFeed, jpeg: MakeJpeg) -> None:
    feed.load([row("1", "p1|p2")])
    feed.photo("p2", jpeg(1, width=16, height=16))
    feed.load([row("1", "p1|p2")])
    assert feed.names("1") == ["p1"]


@pytest.mark.parametrize("count", [201, 450])
def test_loads_more_photos_than_a_batch_holds(feed: ShopFeed, count: int) -> None:
    loaded = feed.load([row(str(number), "p1|p2|p3") for number in range(count // 3)])
    assert loaded.photos("read", "accepted", "new") == [count] * 3


def test_objects_that_all_lack_the_photo_field_state_no_photos(feed: ShopFeed) -> None:
    feed.load([row("1", "p1")])
    lamp = {"id": "1", "product_name": "Chair", "category": "Home", "product_description": "", "price": "£1"}
    path, columns = feed.folder / "shop.jsonl", Columns(ListingColumns(photos="pics"), from_preset=("photos",))
    path.write_text(json.dumps(lamp | {"location": ""}) + "\n")
    feed.load_file(path, columns)
    assert feed.names("1") == ["p1"]
    path.write_text(json.dumps(lamp | {"location": "", "pics": []}) + "\n")
    feed.load_file(path, columns)
    assert feed.names("1") == []
