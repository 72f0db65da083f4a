"""Groups of listings that reviews call the same item."""

from __future__ import annotations

import random
from contextlib import suppress
from itertools import combinations
from typing import TYPE_CHECKING, Any

import pytest
from alembic import command
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import event
from sqlmodel import select

from db import migrate
from db.models import DuplicatePair, DuplicateReview, Listing
from db.rows import copy_groups, duplicates, listings
from db.rows.copy_groups import MAX_GROUP, ImpossibleGroup
from tests.angles import listing
from tests.databases import new_database
from tests.truth import MODEL, add_listings, add_photos, stored_photo

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from db.rows.review_groups import Decision
    from db.session import Database


def decide(database: Database, one: str, other: str, decision: Decision | None = "accept") -> None:
    with database.write() as session:
        duplicates.decide(session, (one, other), decision, key_id=None)


def groups(database: Database) -> set[frozenset[str]]:
    with database.read() as session:
        group_of = copy_groups.all_groups(session)
    return {frozenset(one for one in group_of if group_of[one] == name) for name in group_of.values()}


def add_named(database: Database, names: str) -> None:
    add_listings(database, *(listing(name) for name in names))


def test_the_same_item_holds_for_chains_and_an_undone_link_parts_them(database: Database) -> None:
    add_named(database, "abcd")
    for one, other in ("ab", "cd", "bc"):
        decide(database, one, other)
    assert groups(database) == {frozenset("abcd")}
    decide(database, "b", "c", None)
    assert groups(database) == {frozenset("ab"), frozenset("cd")}
    decide(database, "b", "a", "reject")
    assert groups(database) == {frozenset("cd")}


def test_undoing_a_link_keeps_listings_together_that_others_connect(database: Database) -> None:
    add_named(database, "abc")
    for one, other in ("ab", "bc", "ac"):
        decide(database, one, other)
    decide(database, "a", "b", None)
    assert groups(database) == {frozenset("abc")}


def test_different_items_cannot_become_one_by_way_of_others(database: Database) -> None:
    add_named(database, "abc")
    decide(database, "a", "b")
    decide(database, "b", "c", "reject")
    with pytest.raises(ImpossibleGroup, match="'b' and 'c' were decided to be different items"):
        decide(database, "a", "c")
    decide(database, "b", "c", None)
    decide(database, "a", "c")
    assert groups(database) == {frozenset("abc")}


def test_one_item_cannot_be_called_different_while_others_connect_it(database: Database) -> None:
    add_named(database, "abc")
    decide(database, "a", "b")
    decide(database, "b", "c")
    with pytest.raises(ImpossibleGroup, match="by the decisions about 'a' and 'b', 'b' and 'c'"):
        decide(database, "a", "c", "reject")
    assert groups(database) == {frozenset("abc")}


def test_a_rejected_pair_can_be_accepted_instead_and_the_other_way_round(database: Database) -> None:
    add_named(database, "ab")
    decide(database, "a", "b", "reject")
    decide(database, "a", "b")
    assert groups(database) == {frozenset("ab")}
    decide(database, "a", "b", "reject")
    assert groups(database) == set()


def test_a_group_does_not_grow_beyond_its_limit(database: Database) -> None:
    names = [f"n{number:03}" for number in range(MAX_GROUP + 1)]
    add_listings(database, *map(listing, names))
    for name in names[1:MAX_GROUP]:
        decide(database, names[0], name)
    with pytest.raises(ImpossibleGroup, match="One item would have 101 listings"):
        decide(database, names[0], names[-1])


def test_a_group_keeps_together_when_the_listing_that_connects_it_is_deleted(database: Database) -> None:
    add_named(database, "abcd")
    for one, other in ("ab", "bc"):
        decide(database, one, other)
    decide(database, "b", "d", "reject")
    with database.write() as session:
        listings.delete_listings(session, ["b"])
    assert groups(database) == {frozenset("ac")}
    with pytest.raises(ImpossibleGroup):
        decide(database, "c", "d")
    with database.write() as session:
        listings.delete_listings(session, ["a"])
    assert groups(database) == set()


def test_a_listing_that_comes_again_after_its_deletion_is_no_copy(database: Database) -> None:
    add_named(database, "abc")
    for one, other in ("ab", "bc"):
        decide(database, one, other)
    with database.write() as session:
        listings.delete_listings(session, ["a"])
    add_named(database, "a")
    assert groups(database) == {frozenset("bc")}


def test_a_changed_listing_stays_in_its_group(database: Database) -> None:
    add_named(database, "ab")
    decide(database, "a", "b")
    add_listings(database, listing("a", title="Another title", sold=True))
    assert groups(database) == {frozenset("ab")}


def test_an_upgrade_groups_the_listings_of_earlier_reviews(database: Database) -> None:
    add_named(database, "abcde")
    for one, other in ("ab", "de"):
        decide(database, one, other)
    decide(database, "c", "a", "reject")
    with database.write() as session:
        session.add(DuplicateReview(listing_id="b", other_listing_id="c", decision="accept"))
    with database.write() as session:
        config = migrate._config(session.connection())
        command.downgrade(config, "0013")
        command.upgrade(config, "head")
    assert groups(database) == {frozenset("ab"), frozenset("de")}


STEP = st.tuples(
    st.sampled_from("abcdef"), st.sampled_from("abcdef"), st.sampled_from(["accept", "reject", None, "delete"])
)


@pytest.fixture(scope="module")
def sqlite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    with new_database("sqlite", tmp_path_factory.mktemp("groups")) as opened:
        yield opened


@settings(max_examples=30, deadline=None)
@given(steps=st.lists(STEP, max_size=12))
def test_groups_are_what_the_accepted_reviews_connect_and_no_rejected_pair_is_in_one(
    sqlite: Database, steps: list[tuple[str, str, Decision | None]]
) -> None:
    database = sqlite
    with database.write() as session:
        listings.delete_listings(session, list("abcdef"))
    add_named(database, "abcdef")
    for one, other, decision in steps:
        if decision == "delete":  # type: ignore[comparison-overlap]
            with database.write() as session:
                listings.delete_listing(session, one)
        elif one != other and {one, other} <= present(database):
            try:
                decide(database, one, other, decision)
            except ImpossibleGroup:
                continue
        check(database)


def present(database: Database) -> set[str]:
    with database.read() as session:
        return set(session.exec(select(Listing.id)))


def check(database: Database) -> None:
    with database.read() as session:
        decisions = duplicates.decisions(session)
    expected = {name: {name} for name in present(database)}
    for (one, other), decision in decisions.items():
        if decision == "accept":
            joined = expected[one] | expected[other]
            expected |= dict.fromkeys(joined, joined)
    assert groups(database) == {frozenset(group) for group in expected.values() if len(group) > 1}
    assert not any(set(pair) <= expected[pair[0]] for pair, decision in decisions.items() if decision == "reject")


def add_random_pairs(database: Database, names: list[str], seed: int) -> None:
    """Add listings with a photo each, of which some pairs share a photo and some pairs are decided."""
    rng = random.Random(seed)
    add_listings(database, *map(listing, names))
    photos = add_photos(database, *(stored_photo(name, name, content=name.encode()) for name in names))
    every = list(combinations(photos, 2))
    pairs = [
        DuplicatePair(photo_id=a, other_photo_id=b, verdict="identical", score=1.0, model_version=MODEL)
        for a, b in rng.sample(every, 20)
    ]
    with database.write() as session:
        session.add_all(pairs)
    for one, other in rng.sample(list(combinations(names, 2)), 20):
        with suppress(ImpossibleGroup):
            decide(database, one, other, rng.choice(["accept", "reject"]))


@pytest.mark.parametrize("seed", range(5))
def test_what_one_listing_is_a_copy_of_follows_from_all_links_and_decisions(database: Database, seed: int) -> None:
    names = [f"n{number:02}" for number in range(12)]
    add_random_pairs(database, names, seed)
    with database.read() as session:
        links, decisions = duplicates.links(session), duplicates.decisions(session)
        for name in names:
            own = [link for link in links if name in (link.listing_id, link.other_listing_id)]
            other = [({link.listing_id, link.other_listing_id} - {name}).pop() for link in own]
            rejected = {one for pair, what in decisions.items() if what == "reject" and name in pair for one in pair}
            found = duplicates.copies_of(session, name)
            assert found.compared == {*other, *rejected} - {name}
            kept = {one for one, link in zip(other, own, strict=True) if link.decision != "reject"}
            assert {copy.listing_id for copy in found.copies} == kept


def test_copies_and_decisions_of_a_listing_are_read_by_indexes_alone(tmp_path: Path) -> None:
    asked = list[tuple[str, Any]]()
    with new_database("sqlite", tmp_path) as database:
        add_random_pairs(database, list("abcdefgh"), seed=3)
        event.listen(database.engine, "before_cursor_execute", lambda *call: asked.append((call[2], call[3])))
        with database.read() as session:
            duplicates.copies_of(session, "a")
        with suppress(ImpossibleGroup):
            decide(database, "a", "b")
        queries = [one for one in asked if one[0].startswith("SELECT")]
        with database.engine.connect() as connection:
            plans = [connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", values).all() for text, values in queries]
    steps = [step[3] for plan in plans for step in plan]
    assert any("SEARCH duplicate_review" in step for step in steps)
    assert [step for step in steps if step.startswith("SCAN")] == []
