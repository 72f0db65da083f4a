"""Indexes follow the change feed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from db.rows import listings
from db.vectors.base import Filter
from services.indexing.generations import build_and_promote
from services.indexing.live import LiveIndexes
from tests.databases import STACKS
from tests.integration.indexing.engines import ENGINES, held_by_each
from tests.truth import (
    DRILL,
    LAMP,
    MODEL,
    add_listings,
    add_photos,
    embed,
    new_embedding,
    register_model,
    stored_photo,
    unit_vector,
)

if TYPE_CHECKING:
    from db.session import Database
    from services.indexing.live import IndexStore


def test_a_new_generation_holds_all_embedded_photos(
    database: Database, stores: list[IndexStore], live: LiveIndexes, lamps: list[int]
) -> None:
    build_and_promote(database, stores, MODEL)
    assert held_by_each(live) == [lamps] * 2


@pytest.mark.parametrize("stack", STACKS, indirect=True)
def test_photos_embedded_later_are_added(database: Database, stores: list[IndexStore], live: LiveIndexes) -> None:
    register_model(database)
    build_and_promote(database, stores, MODEL)
    assert held_by_each(live) == [[]] * 2
    add_listings(database, DRILL)
    (photo_id,) = add_photos(database, stored_photo("drill"))
    embed(database, new_embedding(photo_id, stored_photo("drill")))
    assert held_by_each(live) == [[photo_id]] * 2


def test_a_deleted_listing_is_removed_from_the_indexes(
    database: Database, stores: list[IndexStore], live: LiveIndexes, lamps: list[int]
) -> None:
    build_and_promote(database, stores, MODEL)
    assert held_by_each(live) == [lamps] * 2
    with database.write() as session:
        listings.delete_listing(session, "lamp")
    assert held_by_each(live) == [[]] * 2


def test_a_changed_category_changes_the_results_of_filters(
    database: Database, stores: list[IndexStore], live: LiveIndexes, lamps: list[int]
) -> None:
    build_and_promote(database, stores, MODEL)
    add_listings(database, replace(LAMP, category="Other Goods"))
    live.refresh()
    for engine in ENGINES:
        index = live.current().index(engine)
        assert index.search(unit_vector(0), 5, Filter(categories=frozenset({"Home & Garden"}))) == []
        assert len(index.search(unit_vector(0), 5, Filter(categories=frozenset({"Other Goods"})))) == 2


def test_applying_the_feed_again_from_the_start_changes_nothing(
    database: Database, stores: list[IndexStore], live: LiveIndexes, lamps: list[int]
) -> None:
    build_and_promote(database, stores, MODEL)
    before = held_by_each(live)
    for engine in ENGINES:
        live.current().opened[engine].cursor.write(0)
        assert live.refresh() > 0
    assert held_by_each(live) == before == [lamps] * 2


def test_an_index_resumes_the_feed_after_a_restart(
    database: Database, stores: list[IndexStore], live: LiveIndexes, lamps: list[int]
) -> None:
    build_and_promote(database, stores, MODEL)
    live.refresh()
    live.persist()
    live.close()
    add_listings(database, DRILL)
    (photo_id,) = add_photos(database, stored_photo("drill"))
    embed(database, new_embedding(photo_id, stored_photo("drill")))
    again = LiveIndexes(database, stores)
    assert held_by_each(again) == [[*lamps, photo_id]] * 2
    again.close()
