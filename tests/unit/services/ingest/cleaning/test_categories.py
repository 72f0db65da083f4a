"""Category paths: their levels, several in a cell, and their spelling."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.rows.records import ListingRecord, RejectedRecord
from db.vectors.keys import spelling_keys
from services.ingest.cleaning.categories import (
    MAX_LEVELS,
    MAX_PATHS,
    CategorySpellings,
    split_category,
    split_paths,
)
from services.ingest.cleaning.listings import CleanListing, check_records, clean_listing
from services.ingest.cleaning.repairs import Repair
from tests.unit.services.ingest.cleaning.examples import EXAMPLES, RAW, clean_record


@pytest.mark.parametrize(
    ("path", "levels"),
    [
        ("Books", ("Books",)),
        ("Books /", ("Books",)),
        ("Books / Comics/", ("Books", "Comics")),
        ("/ Books /  / Comics", ("Books", "Comics")),
        ("TV/DVD / Players", ("TV/DVD", "Players")),
        ("Home\u00a0& Garden / Beds", ("Home & Garden", "Beds")),
        ("Home &amp; Garden > Lamps", ("Home & Garden", "Lamps")),
        ("Home &gt; Lamps", ("Home", "Lamps")),
        ("Home>Lamps>Desk", ("Home", "Lamps", "Desk")),
        ("Home » Lamps", ("Home", "Lamps")),
        ("Home >> Lamps", ("Home", "Lamps")),
        ("Home>>Lamps", ("Home", "Lamps")),
        ("Home › Lamps", ("Home", "Lamps")),
        ("Home|Lamps | Desk", ("Home", "Lamps", "Desk")),
        ("> Home > ", ("Home",)),
        ("Lights > Indoor / Outdoor", ("Lights", "Indoor / Outdoor")),
    ],
)
def test_splits_a_category_path_into_levels(path, levels):
    assert split_category(path) == levels


@pytest.mark.parametrize(
    "name", ["Home & Garden", "Audio/Video", "TVs >50 inch", "Books: Fiction", "Mirrors, Clocks", "A - B"]
)
def test_does_not_split_the_name_of_one_level(name):
    assert split_category(name) == (name,)


@pytest.mark.parametrize(
    ("path", "separator", "levels"),
    [
        ("Home/Lamps", "/", ("Home", "Lamps")),
        ("Home :: Lamps", "::", ("Home", "Lamps")),
        ("Home:Lamps > 5 W", ":", ("Home", "Lamps > 5 W")),
        ("Home - Lamps", " - ", ("Home", "Lamps")),
        ("Lights\x1fIndoor / Outdoor", "\x1f", ("Lights", "Indoor / Outdoor")),
    ],
)
def test_splits_at_a_separator_of_the_mapping_only(path, separator, levels):
    assert split_category(path, separator) == levels


@pytest.mark.parametrize(
    ("cell", "separator", "paths"),
    [
        ("Home &amp; Garden > Lamps, Sale", ",", ("Home & Garden > Lamps", "Sale")),
        (r"Lamps\, Lights > Desk, Sale", ",", ("Lamps, Lights > Desk", "Sale")),
        ("Sale, , Sale", ",", ("Sale",)),
        ("Mirrors, Clocks", "", ("Mirrors, Clocks",)),
        (" ", ",", ()),
    ],
)
def test_splits_a_cell_into_its_category_paths(cell, separator, paths):
    assert split_paths(cell, separator) == paths


def test_takes_the_first_path_as_the_category_and_keeps_the_others():
    raw = replace(RAW, category="Home &amp; Garden > Lamps, Sale, Home & Garden > Lamps", categories_separator=",")
    listing = clean_record(raw)
    assert isinstance(listing, ListingRecord)
    assert (listing.category, listing.category_path) == ("Home & Garden", ("Home & Garden", "Lamps"))
    assert listing.other_categories == (("Sale",),)


@pytest.mark.parametrize(
    ("cell", "paths", "flags"),
    [
        ("Home > Garden, Home > Lamps", ("Home>Garden", "Home>Lamps"), ()),
        ("Home / Garden, Home / Lamps", ("Home>Garden", "Home>Lamps"), ()),
        ("Home, Home > Lamps, Home > Lamps > Desk", ("Home", "Home>Lamps", "Home>Lamps>Desk"), ()),
        ("Home > Garden | Sale > New", ("Home>Garden", "Sale>New"), ()),
        ("Home&gt;Garden|Sale", ("Home>Garden", "Sale"), ()),
        ("Home > Garden; Sale > New", ("Home>Garden", "Sale>New"), ()),
        ("Home > Garden\nSale > New", ("Home>Garden", "Sale>New"), ()),
        ("Home > Garden, Sale > New", ("Home>Garden", "Sale>New"), ("guessed_categories",)),
        ("Toys > Dolls, Playsets & Toy Figures > Dolls", ("Toys>Dolls, Playsets & Toy Figures>Dolls",), ()),
        ("Spielzeug > Puppen, Figuren und Zubehör > Puppen", ("Spielzeug>Puppen, Figuren und Zubehör>Puppen",), ()),
        ("Toys > Dolls, Playsets & Toy Figures", ("Toys>Dolls, Playsets & Toy Figures",), ()),
        ("Food, Beverages & Tobacco > Beverages", ("Food, Beverages & Tobacco>Beverages",), ()),
        ("Home / Mirrors, Clocks / Clocks", ("Home>Mirrors, Clocks>Clocks",), ()),
        ("Home|Lamps", ("Home>Lamps",), ()),
    ],
)
def test_finds_the_paths_of_a_cell_without_a_mapping(cell, paths, flags):
    listing = clean_record(replace(RAW, category=cell))
    assert isinstance(listing, ListingRecord)
    assert (">".join(listing.category_path), *map(">".join, listing.other_categories)) == paths
    assert listing.flags == flags


def test_says_as_which_paths_a_category_was_read():
    cleaned = clean_listing(replace(RAW, category="Home > Garden, Sale > New"))
    assert isinstance(cleaned, CleanListing)
    (repair,) = cleaned.repairs
    assert repair == Repair("guessed_categories", "category", "Home > Garden, Sale > New", "Home > Garden | Sale > New")


def test_a_separator_of_the_mapping_leaves_nothing_to_guess():
    listing = clean_record(replace(RAW, category="Home > Garden, Home > Lamps", category_separator=" > "))
    assert isinstance(listing, ListingRecord)
    assert listing.category_path == ("Home", "Garden, Home", "Lamps")


@pytest.mark.parametrize(
    ("category", "separator", "reason"),
    [
        (" > ".join("a" * (MAX_LEVELS + 1)), "", "category_too_deep"),
        ("a > " * 250_000, "", "category_too_deep"),
        (",".join(map(str, range(MAX_PATHS + 1))), ",", "category_too_deep"),
        ("Home > " + "x" * 201, "", "category_too_long"),
    ],
)
def test_rejects_a_category_that_no_catalogue_has(category, separator, reason):
    rejected = clean_record(replace(RAW, category=category, categories_separator=separator))
    assert isinstance(rejected, RejectedRecord)
    assert (rejected.field, rejected.reason) == ("category", reason)


def test_accepts_the_deepest_category():
    listing = clean_record(replace(RAW, category=" > ".join("a" * MAX_LEVELS)))
    assert isinstance(listing, ListingRecord)
    assert check_records([listing]) == [listing]


def test_flags_a_category_that_is_only_a_number():
    cleaned = clean_listing(replace(RAW, category="6372"))
    assert isinstance(cleaned, CleanListing)
    assert cleaned.record.category == "6372"
    assert cleaned.repairs == (Repair("numeric_category", "category", "6372", "6372"),)


def test_spells_each_level_as_it_was_first_seen_below_its_parents():
    spellings = CategorySpellings()
    assert spellings.unify(("Home", "LAMPS")) == ("Home", "LAMPS")
    assert spellings.unify(("HOME", "Lamps", "Desk")) == ("Home", "LAMPS", "Desk")
    assert spellings.unify(("Garden", "Lamps")) == ("Garden", "Lamps")


def test_begins_with_the_known_spellings_and_gives_the_new_ones_once():
    spellings = CategorySpellings({spelling_keys(["home"])[-1]: "Home"})
    assert spellings.unify(("HOME", "Lamps")) == ("Home", "Lamps")
    assert spellings.take_new() == {spelling_keys(["home", "lamps"])[-1]: "Lamps"}
    assert spellings.take_new() == {}


def test_reports_where_two_spellings_meet():
    spellings = CategorySpellings()
    assert spellings.repairs(("Home", "Lamps")) == ()
    assert spellings.repairs(("home", "LAMPS")) == (
        Repair("category_spelling", "category", "home > LAMPS", "Home > Lamps"),
    )


@EXAMPLES
@given(st.lists(st.lists(st.sampled_from(["a", "A", "a  b", "A b", "ß", "SS", "x" * 600]), min_size=1, max_size=3)))
def test_paths_of_one_key_get_one_spelling(paths):
    spellings = CategorySpellings()
    unified = {}
    for path in paths:
        spelled = spellings.unify(path)
        assert spelling_keys(spelled) == spelling_keys(path)
        assert unified.setdefault(spelling_keys(path)[-1], spelled) == spelled
