"""Links between listings form groups of duplicates."""

from __future__ import annotations

from db.rows.review_groups import GroupState, Link, decided_links, review_groups


def link(one: str, other: str, decision: str | None = None) -> Link:
    return Link(one, other, 1, 2, "identical", 1.0, decision)  # type: ignore[arg-type]


def test_linked_listings_are_one_group_and_the_largest_group_comes_first() -> None:
    grouped = review_groups([link("a", "b"), link("c", "d"), link("d", "e")], GroupState.OPEN)
    assert [group.listing_ids for group in grouped] == [("c", "d", "e"), ("a", "b")]


def test_a_rejected_link_does_not_join_groups_and_is_listed_separately() -> None:
    links = [link("a", "b"), link("b", "c", "reject"), link("c", "d")]
    assert [group.listing_ids for group in review_groups(links, GroupState.OPEN)] == [("a", "b"), ("c", "d")]
    assert [group.listing_ids for group in review_groups(links, GroupState.REJECTED)] == [("b", "c")]


def test_a_group_is_accepted_if_all_its_links_are() -> None:
    links = [link("a", "b", "accept"), link("c", "d", "accept"), link("d", "e")]
    assert [group.listing_ids for group in review_groups(links, GroupState.ACCEPTED)] == [("a", "b")]
    assert [group.listing_ids for group in review_groups(links, GroupState.OPEN)] == [("c", "d", "e")]


def test_decisions_about_other_pairs_imply_those_of_a_group() -> None:
    links = [link("a", "b"), link("a", "c"), link("b", "c"), link("b", "d"), link("c", "d"), link("d", "e")]
    reviews = {("a", "b"): "accept", ("b", "c"): "accept", ("a", "d"): "reject"}
    decided = decided_links(links, reviews, dict.fromkeys("abc", "a"))  # type: ignore[arg-type]
    assert [(one.decision, one.implied) for one in decided] == [
        ("accept", False),
        ("accept", True),
        ("accept", False),
        ("reject", True),
        ("reject", True),
        (None, False),
    ]
