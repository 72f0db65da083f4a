"""The split keeps each item on one side."""

from __future__ import annotations

from collections import Counter
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from ml.copies.items import ItemLink, item_of_listing
from ml.copies.verdicts import Verdict
from ml.labelled import LabelledPhoto
from ml.training.dataset.split import Split, split_by_item

if TYPE_CHECKING:
    from collections.abc import Sequence


def photos_of(listings: dict[str, list[str]], category: str = "home") -> list[LabelledPhoto]:
    """Return photos with these contents, by listing."""
    named = [(listing_id, content) for listing_id, contents in listings.items() for content in contents]
    return [
        LabelledPhoto(number, listing_id, category, content, Path(f"{number}.jpg"))
        for number, (listing_id, content) in enumerate(named)
    ]


def ten_listings(category: str) -> list[LabelledPhoto]:
    return photos_of({f"{category}-{n}": [f"{category}-{n}-a", f"{category}-{n}-b"] for n in range(10)}, category)


def listing_ids(photos: tuple[LabelledPhoto, ...]) -> set[str]:
    return {photo.listing_id for photo in photos}


def link(one: LabelledPhoto, other: LabelledPhoto) -> ItemLink:
    return ItemLink(one.listing_id, other.listing_id, one.photo_id, other.photo_id, Verdict.EDITED, 0.9)


def split_of(
    photos: list[LabelledPhoto],
    held_out: float = 0.2,
    *,
    seed: int,
    validation: float = 0.1,
    shared: Sequence[ItemLink] = (),
) -> Split:
    items = item_of_listing(photos, shared)
    return split_by_item(photos, items, held_out=held_out, validation=validation, seed=seed)


catalogues = st.lists(
    st.tuples(st.sampled_from("abcdefghij"), st.integers(0, 12), st.sampled_from(["home", "phones"])), min_size=1
).map(
    lambda rows: [
        LabelledPhoto(number, listing, category, str(content), Path(f"{number}.jpg"))
        for number, (listing, content, category) in enumerate(rows)
    ]
)


@given(catalogues, st.integers(0, 5), st.floats(0.1, 0.5))
def test_no_listing_and_no_identical_photo_is_on_two_sides(
    photos: list[LabelledPhoto], seed: int, held_out: float
) -> None:
    split = split_of(photos, held_out, seed=seed, validation=0.3)
    for one, other in combinations((split.train, split.validation, split.held_out), 2):
        assert not listing_ids(one) & listing_ids(other)
        assert not {photo.sha256 for photo in one} & {photo.sha256 for photo in other}
    assert Counter([*split.train, *split.validation, *split.held_out]) == Counter(photos)


@given(catalogues, st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=5))
def test_copies_are_on_one_side(photos: list[LabelledPhoto], pairs: list[tuple[int, int]]) -> None:
    copies = [(photos[one % len(photos)], photos[other % len(photos)]) for one, other in pairs]
    split = split_of(photos, 0.3, seed=0, validation=0.3, shared=[link(one, other) for one, other in copies])
    side_of = {photo: side for side in range(3) for photo in (split.train, split.validation, split.held_out)[side]}
    assert all(side_of[one] == side_of[other] for one, other in copies)


@given(catalogues, st.randoms())
def test_the_split_does_not_depend_on_the_order_of_the_photos(photos: list[LabelledPhoto], random: object) -> None:
    one_category = [LabelledPhoto(p.photo_id, p.listing_id, "home", p.sha256, p.path) for p in photos]
    shuffled = list(one_category)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    expected = split_of(one_category, 0.3, seed=1)
    assert set(split_of(shuffled, 0.3, seed=1).held_out) == set(expected.held_out)


def test_each_side_gets_its_share_of_each_category() -> None:
    split = split_of([*ten_listings("home"), *ten_listings("phones")], 0.2, seed=0)
    for side, listings in ((split.held_out, 2), (split.validation, 1)):
        category_of = {photo.listing_id: photo.category for photo in side}
        assert Counter(category_of.values()) == {"home": listings, "phones": listings}


def test_another_seed_holds_out_other_listings() -> None:
    photos = ten_listings("home")
    assert len({frozenset(listing_ids(split_of(photos, seed=seed).held_out)) for seed in range(5)}) > 1


def test_an_item_larger_than_the_share_is_for_training() -> None:
    photos = photos_of({f"relisted-{n}": ["same"] for n in range(6)} | {f"single-{n}": [f"{n}"] for n in range(4)})
    split = split_of(photos, 0.2, seed=0)
    assert len(listing_ids(split.held_out)) == 2
    assert all(name.startswith("single") for name in listing_ids(split.held_out))


def test_the_only_listing_of_a_category_is_for_training() -> None:
    assert split_of(photos_of({"only": ["a", "b"]}), 0.5, seed=0).held_out == ()
