"""Subcategories become classes where there are enough listings."""

from __future__ import annotations

from pathlib import Path

from ml.labelled import LabelledPhoto
from ml.training.classes import classes_of


def listings(path: tuple[str, ...], count: int) -> list[LabelledPhoto]:
    """As many listings as `count` of one category path, with two photos each."""
    name = "/".join(path)
    return [
        LabelledPhoto(0, f"{name}-{n}", path[0], f"{name}-{n}-{shot}", Path("photo.jpg"), path[1:])
        for n in range(count)
        for shot in range(2)
    ]


HOME = [
    *listings(("Home", "Sofas", "Leather"), 2),
    *listings(("Home", "Sofas", "Corner"), 1),
    *listings(("Home", "Lamps"), 3),
    *listings(("Home", "Rugs"), 1),
]


def test_subcategories_with_enough_listings_are_classes_and_count_those_below_them() -> None:
    classes = classes_of(HOME, HOME, min_listings=3)
    assert classes.paths == (("Home",), ("Home", "Lamps"), ("Home", "Sofas"))
    assert classes.category_of_class == (0, 0, 0)


def test_a_listing_is_of_the_deepest_class_on_its_path() -> None:
    classes = classes_of(HOME, HOME, min_listings=2)
    leather, corner, rug = HOME[0], HOME[4], HOME[-1]
    assert [classes.paths[classes.class_of(photo)] for photo in (leather, corner, rug)] == [
        ("Home", "Sofas", "Leather"),
        ("Home", "Sofas"),
        ("Home",),
    ]


def test_every_category_is_a_class_however_few_listings_it_has() -> None:
    photos = [*HOME, *listings(("Phones", "Cases"), 1)]
    classes = classes_of(photos, HOME, min_listings=100)
    assert classes.categories == ("Home", "Phones")
    assert classes.paths == (("Home",), ("Phones",))


def test_listings_that_are_not_learnt_from_make_no_class() -> None:
    assert classes_of(HOME, listings(("Home", "Rugs"), 1), min_listings=3).paths == (("Home",),)


def test_a_least_of_zero_turns_subcategories_off() -> None:
    assert classes_of(HOME, HOME, min_listings=0).paths == (("Home",),)
