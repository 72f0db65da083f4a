"""The classes of a network, from categories and subcategories."""

from __future__ import annotations

from pathlib import Path

from ml.labelled import LabelledPhoto
from ml.training.dataset.classes import classes_of


def listings(path: tuple[str, ...], count: int) -> list[LabelledPhoto]:
    """Return two photos for each of `count` listings with this category path."""
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


def test_a_subcategory_with_enough_listings_at_or_below_it_is_a_class() -> None:
    classes = classes_of(HOME, HOME, min_listings=3)
    assert classes.paths == (("Home",), ("Home", "Lamps"), ("Home", "Sofas"))
    assert classes.category_of_class == (0, 0, 0)


def test_a_listing_has_the_deepest_class_on_its_path() -> None:
    classes = classes_of(HOME, HOME, min_listings=2)
    leather, corner, rug = HOME[0], HOME[4], HOME[-1]
    assert [classes.paths[classes.class_of(photo)] for photo in (leather, corner, rug)] == [
        ("Home", "Sofas", "Leather"),
        ("Home", "Sofas"),
        ("Home",),
    ]


def test_every_category_is_a_class_even_with_few_listings() -> None:
    photos = [*HOME, *listings(("Phones", "Cases"), 1)]
    classes = classes_of(photos, HOME, min_listings=100)
    assert classes.categories == ("Home", "Phones")
    assert classes.paths == (("Home",), ("Phones",))


def test_only_training_listings_make_a_subcategory_a_class() -> None:
    assert classes_of(HOME, listings(("Home", "Rugs"), 1), min_listings=3).paths == (("Home",),)


def test_a_minimum_of_zero_makes_only_categories_classes() -> None:
    assert classes_of(HOME, HOME, min_listings=0).paths == (("Home",),)
