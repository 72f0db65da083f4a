"""Case and blanks make no second category."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from sqlmodel import select

from db.models import CategorySpelling, Listing
from db.rows import listings
from services.ingest.loading.categories import most_frequent_spellings, remove_unused_spellings, unify_categories
from tests.integration.ingest.loading.feeds import row
from tests.truth import LAMP, add_listings

if TYPE_CHECKING:
    from db.rows.records import ListingRecord
    from db.session import Database
    from tests.integration.ingest.loading.feeds import ShopFeed


def _lamp(listing_id: str, category: str) -> ListingRecord:
    return replace(LAMP, listing_id=listing_id, category=category, category_path=(category,))


def categories(feed: ShopFeed) -> dict[str, str]:
    with feed.resources.database.read() as session:
        return {one.id: " > ".join(one.category_path) for one in session.exec(select(Listing))}


def test_a_second_spelling_is_written_as_the_first_and_told_once(feed: ShopFeed) -> None:
    loaded = feed.load(
        [
            row("1", category="Home / Lamps"),
            row("2", category="HOME /  lamps"),
            row("3", category="HOME /  lamps"),
            row("4", category="home / Rugs"),
        ]
    )
    assert categories(feed) == {"1": "Home > Lamps", "2": "Home > Lamps", "3": "Home > Lamps", "4": "Home > Rugs"}
    assert [(one.line, one.flag, one.before, one.after) for one in loaded.warnings] == [
        (3, "category_spelling", "HOME > lamps", "Home > Lamps"),
        (5, "category_spelling", "home > Rugs", "Home > Rugs"),
    ]


def test_a_later_feed_is_written_in_the_stored_spelling(feed: ShopFeed) -> None:
    feed.load([row("1", category="Home / Lamps")])
    loaded = feed.load([row("1", category="home / lamps")])
    assert (categories(feed), loaded.summary.counts["listings_unchanged"]) == ({"1": "Home > Lamps"}, 1)


def test_equal_names_below_other_levels_are_other_categories(feed: ShopFeed) -> None:
    feed.load([row("1", category="Home / Sale"), row("2", category="Garden / SALE")])
    assert categories(feed) == {"1": "Home > Sale", "2": "Garden > SALE"}


def test_a_catalogue_without_spellings_gets_the_most_frequent_ones(database: Database) -> None:
    add_listings(database, *(_lamp(f"{number}", "home") for number in range(2)), _lamp("2", "HOME"))
    with database.write() as session:
        ((record, repairs),) = unify_categories(session, [_lamp("3", "Home")])
    assert (record.category, len(repairs)) == ("home", 1)


def test_spellings_of_categories_without_listings_are_removed(database: Database) -> None:
    with database.write() as session:
        ((record, _repairs),) = unify_categories(session, [_lamp("1", "home")])
        listings.upsert_listings(session, [record])
        unify_categories(session, [_lamp("2", "garden")])
    with database.write() as session:
        assert remove_unused_spellings(session) == 1
        assert [one.name for one in session.exec(select(CategorySpelling))] == ["home"]


@pytest.mark.parametrize("store", [True, False])
def test_new_spellings_are_stored_with_their_listings(database: Database, store: bool) -> None:
    with database.write() as session:
        unify_categories(session, [LAMP], store=store)
    with database.read() as session:
        names = {one.name for one in session.exec(select(CategorySpelling))}
    assert names == ({"Home & Garden", "Lamps"} if store else set())


def test_the_frequency_of_a_level_counts_every_path_below_it() -> None:
    counts = {("Home", "A"): 2, ("home", "b"): 1, ("home", "c"): 1, ("home",): 1}
    assert set(most_frequent_spellings(counts).values()) == {"home", "A", "b", "c"}
