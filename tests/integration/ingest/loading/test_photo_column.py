"""A `photos` column is read without a mapping, and photos that no listing uses are told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from services.ingest.feeds.columns import ListingColumns
from tests.integration.ingest.loading.feeds import row

if TYPE_CHECKING:
    from tests.integration.ingest.loading.feeds import Loaded, ShopFeed

HEADER = ("id", "product_name", "category", "product_description", "price", "location", "photos")
DEFAULT = ListingColumns()


def notices(loaded: Loaded) -> list[tuple[str, str]]:
    return [(one.before, one.after) for one in loaded.unused_photos]


def test_the_photos_column_is_read_without_a_mapping(feed: ShopFeed) -> None:
    loaded = feed.load([row("L1", "p1.jpg|p2.jpg"), row("L2", "p3.jpg"), row("L3")], header=HEADER, columns=DEFAULT)
    assert loaded.photos("new", "accepted", "rejected") == [3, 3, 0]
    assert notices(loaded) == []


@pytest.mark.parametrize("dry_run", [False, True])
@pytest.mark.parametrize(
    ("header", "cell", "words"),
    [
        ((*HEADER[:-1], "shots"), "p1.jpg", "shop.csv names no photo"),
        ((*HEADER[:-1], "photos"), "3", "shop.csv names no photo"),
        (HEADER, "", "shop.csv names no photo"),
        (HEADER, "p8.jpg", "1 names of photos, and none can be used: the rejects say why"),
    ],
    ids=["other column", "count", "blank", "missing"],
)
def test_tells_that_photos_were_given_and_none_is_used(
    feed: ShopFeed, header: tuple[str, ...], cell: str, words: str, dry_run: bool
) -> None:
    loaded = feed.load([row("L1", cell)], header=header, columns=DEFAULT, dry_run=dry_run)
    [(before, after)] = notices(loaded)
    assert before == "photos"
    assert after.startswith(words)


def test_a_count_of_photos_is_no_name(feed: ShopFeed) -> None:
    loaded = feed.load([row("L1", "3")], header=HEADER, columns=DEFAULT)
    assert loaded.photos("read", "rejected") == [0, 0]


def test_a_photo_table_takes_the_place_of_a_column_that_nobody_named(feed: ShopFeed) -> None:
    loaded = feed.load([row("L1", "p1.jpg")], header=HEADER, columns=DEFAULT, table=[("p2", "L1")])
    assert feed.names("L1") == ["p2"]
    assert notices(loaded) == []


def test_a_blank_column_that_nobody_named_removes_no_photos(feed: ShopFeed) -> None:
    feed.load([row("L1")], header=HEADER, columns=DEFAULT, table=[("p1", "L1")])
    loaded = feed.load([row("L1", price="£2")], header=HEADER, columns=DEFAULT)
    assert (feed.names("L1"), loaded.photos("removed")) == (["p1"], [0])
