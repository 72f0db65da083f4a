"""Groups of listings that reviews call the same item."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from alembic import command
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlmodel import select

from db import migrate
from db.models import DuplicateReview, Listing
from db.rows import copy_groups, duplicates, listings
from db.rows.copy_groups import MAX_GROUP, ImpossibleGroup
from tests.angles import listing
from tests.databases import new_database
from tests.truth import add_listings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from db.rows.duplicate_groups import Decision
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
