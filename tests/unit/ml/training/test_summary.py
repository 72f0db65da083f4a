"""The summary of a split says how many listings and items there are, what they can measure, and how many it takes."""

from __future__ import annotations

import csv
from itertools import pairwise
from pathlib import Path

import pytest

from ml.copies.items import ItemLink, item_of_listing
from ml.copies.verdicts import Verdict
from ml.labelled import LabelledPhoto
from ml.training.dataset.split import split_by_item
from ml.training.dataset.summary import SplitSummary, TooFewListings, summarise, write_copies
from ml.training.recipes import FROM_SCRATCH

COPIES = Path("copies.csv")


def shop(categories: list[str]) -> list[LabelledPhoto]:
    """Return one photo for each listing, in these categories."""
    return [LabelledPhoto(n, f"listing-{n:03}", name, f"{n}", Path(f"{n}.jpg")) for n, name in enumerate(categories)]


def chain(photos: list[LabelledPhoto], count: int) -> list[ItemLink]:
    """Link the first `count` listings, each to the next."""
    pairs = pairwise(photos[:count])
    return [ItemLink(a.listing_id, b.listing_id, a.photo_id, b.photo_id, Verdict.EDITED, 0.9) for a, b in pairs]


def summary_of(categories: list[str], *, merged: int = 1, unreadable: int = 0) -> SplitSummary:
    photos = shop(categories)
    items = item_of_listing(photos, chain(photos, merged))
    split = split_by_item(photos, items, held_out=0.2, validation=0.05, seed=0)
    return summarise(photos, split, items, config=FROM_SCRATCH, unreadable=unreadable, copies=COPIES)


def test_counts_listings_items_and_sides() -> None:
    summary = summary_of(["home"] * 40, merged=3)
    assert (summary.listings, summary.items, summary.merged, summary.categories) == (40, 38, 3, 1)
    assert (summary.train, summary.validation, summary.held_out) == (30, 2, 8)


def test_names_the_file_that_lists_the_copies() -> None:
    sentence = summary_of(["home"] * 40, merged=3).merging()
    assert sentence.startswith("3 of 40 listings show copies of a photo of another listing.")
    assert sentence.endswith("there are 38 items. The copies are listed in copies.csv.")


def test_says_how_well_few_listings_measure_and_how_many_it_takes() -> None:
    few = summary_of(["home"] * 40).sentences()
    assert (
        "8 listings can measure a share only to within 35 points. 500 listings in all measure it to within 10." in few
    )
    assert not any("within" in sentence for sentence in summary_of(["home"] * 500).sentences())


def test_says_which_figures_are_empty() -> None:
    one_category = summary_of(["home"] * 12).sentences()
    assert one_category[-1] == "All listings are in one category, so the figures for categories say nothing."
    unmeasured = summary_of(["home"] * 12 + ["toys", "art"]).sentences()
    assert unmeasured[-1].startswith("2 of 3 categories are not measured: a category needs 3 listings")
    assert "categor" not in "".join(summary_of(["home"] * 12 + ["toys"] * 12).sentences())


@pytest.mark.parametrize(
    ("categories", "merged", "says"),
    [
        (["home"], 1, "There is 1 listing with a readable photo in 1 category; the largest category has 1. Add"),
        (["home", "toys"] * 2, 1, "in 2 categories; the largest category has 2. Add listings"),
        ([f"category {n}" for n in range(40)], 1, "There are 40 listings with a readable photo in 40 categories"),
        (["home"] * 12, 12, "12 of 12 listings show copies of a photo of another listing"),
    ],
)  # fmt: skip
def test_a_refusal_says_what_there_is_and_what_is_needed(categories: list[str], merged: int, says: str) -> None:
    summary = summary_of(categories, merged=merged)
    assert not summary.can_train
    refusal = str(TooFewListings(summary))
    assert refusal.startswith("Training needs a category with 3 listings of different items")
    assert says in refusal


def test_advises_broader_categories_only_where_they_would_help() -> None:
    assert str(TooFewListings(summary_of(["home", "toys"] * 2))).endswith(", or use broader categories.")
    assert not str(TooFewListings(summary_of(["home", "toys"]))).endswith("categories.")


def test_a_refusal_counts_unreadable_photos() -> None:
    assert "(7 photos cannot be read)" in str(TooFewListings(summary_of(["home"], unreadable=7)))
    assert "no photo can be read" in str(TooFewListings(summary_of([], unreadable=7)))


@pytest.mark.parametrize("merged", [1, 2, 6])
@pytest.mark.parametrize("others", [0, 5])
def test_the_advised_number_of_listings_is_enough_and_one_less_is_not(merged: int, others: int) -> None:
    needed = summary_of(["home"]).listings_to_hold_one_out
    assert not summary_of(["home"] * (needed - 1)).can_train
    relisted = ["relisted"] * merged
    categories = relisted + ["home"] * needed + [f"single {n}" for n in range(others)]
    assert summary_of(categories, merged=merged).can_train


def test_lists_the_copies_item_by_item(tmp_path: Path) -> None:
    photos = shop(["home"] * 6)
    shared = [*chain(photos[3:], 2), *chain(photos, 3)]
    write_copies(tmp_path / "copies.csv", shared, item_of_listing(photos, shared))
    with (tmp_path / "copies.csv").open(newline="") as table:
        rows = list(csv.DictReader(table))
    assert [(row["item"], row["listing_id"], row["other_listing_id"], row["verdict"]) for row in rows] == [
        ("listing-000", "listing-000", "listing-001", "same photo edited"),
        ("listing-000", "listing-001", "listing-002", "same photo edited"),
        ("listing-003", "listing-003", "listing-004", "same photo edited"),
    ]
    assert (rows[0]["photo_id"], rows[0]["other_photo_id"], rows[0]["score"]) == ("0", "1", "0.9")
