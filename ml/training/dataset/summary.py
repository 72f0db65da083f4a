"""What a split does with the listings, in numbers and in sentences."""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, TypeAlias

from ml.evaluation.intervals import WELL_MEASURED, points_of_error
from ml.training.recipes import TrainingError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from ml.copies.items import ItemLink
    from ml.labelled import LabelledPhoto
    from ml.training.dataset.split import Split
    from ml.training.recipes import TrainConfig

    OnSplit: TypeAlias = Callable[["SplitSummary"], object]
    """Called with the summary once the photos are split, before the long work."""

_HEADER = ("item", "listing_id", "other_listing_id", "photo_id", "other_photo_id", "verdict", "score")


@dataclass(frozen=True, slots=True)
class SplitSummary:
    """The numbers of a split. All but `unreadable` are of listings with a readable photo.

    Attributes:
        listings, items, categories: in total.
        merged: listings that are one item with another listing.
        train, validation, held_out: listings of each side.
        measured_categories: categories of the held-out listings.
        largest_category: listings of the category with the most.
        listings_to_hold_one_out: listings of different items that a category needs to give one to `held_out`.
        listings_to_measure_well: listings that measure a share to within 10 points.
        unreadable: photos that could not be read.
        copies: the CSV file with the copies that make listings one item; it exists if `merged` is not 0.
    """

    listings: int
    items: int
    categories: int
    merged: int
    train: int
    validation: int
    held_out: int
    measured_categories: int
    largest_category: int
    listings_to_hold_one_out: int
    listings_to_measure_well: int
    unreadable: int
    copies: Path

    @property
    def can_train(self) -> bool:
        """Whether there are listings to train on and others to measure on."""
        return self.held_out > 0 and self.train > 1

    @property
    def is_small(self) -> bool:
        """Whether the held-out listings are too few to measure well."""
        return self.held_out < WELL_MEASURED

    def merging(self) -> str:
        """Say which listings are one item, and where they are listed."""
        if not self.merged:
            return f"{_counted(self.listings, 'listing')}, each with photos of its own."
        return (
            f"{self.merged} of {_counted(self.listings, 'listing')} show copies of a photo of another listing. Such "
            f"listings are one item and stay together, so there are {_counted(self.items, 'item')}. "
            f"The copies are listed in {self.copies}."
        )

    def sentences(self) -> list[str]:
        """Describe the split, and say which figures it cannot measure well, and how many listings would."""
        needed = self.listings_to_hold_one_out
        sentences = [
            self.merging(),
            f"Split: {_counted(self.train, 'listing')} to train on, {self.validation} to calibrate with, "
            f"{self.held_out} to measure on.",
        ]
        if self.is_small:
            sentences.append(
                f"{_counted(self.held_out, 'listing')} can measure a share only to within "
                f"{points_of_error(self.held_out)} points. "
                f"{self.listings_to_measure_well} listings in all measure it to within 10."
            )
        if self.categories == 1:
            sentences.append("All listings are in one category, so the figures for categories say nothing.")
        elif unmeasured := self.categories - self.measured_categories:
            sentences.append(
                f"{unmeasured} of {self.categories} categories are not measured: a category needs {needed} listings of "
                "different items for one to measure on."
            )
        return sentences


class TooFewListings(TrainingError):
    """No listing can be held out, or too few are left to train on."""

    def __init__(self, summary: SplitSummary) -> None:
        needed = summary.listings_to_hold_one_out
        problem = f"Training needs a category with {needed} listings of different items"
        if summary.listings == 0:
            super().__init__(f"{problem}, but no photo can be read", "Replace the photos by readable ones")
            return
        unreadable = f" ({_counted(summary.unreadable, 'photo')} cannot be read)" if summary.unreadable else ""
        listings = _counted(summary.listings, "listing")
        problem += (
            f". There {'is' if summary.listings == 1 else 'are'} {listings} with a readable photo{unreadable} in "
            f"{_counted(summary.categories, 'category', 'categories')}; the largest category has "
            f"{summary.largest_category}"
        )
        if summary.merged:
            problem += f". {summary.merging().removesuffix('.')}"
        remedy = "Add listings with photos of their own"
        if summary.largest_category < needed <= summary.listings:
            remedy += ", or use broader categories"
        super().__init__(problem, remedy)


def summarise(
    photos: Sequence[LabelledPhoto],
    split: Split,
    items: Mapping[str, str],
    *,
    config: TrainConfig,
    unreadable: int,
    copies: Path,
) -> SplitSummary:
    """Return the summary of a split of the readable `photos`; `items` maps each listing to its item."""
    category_of = {photo.listing_id: photo.category for photo in photos}
    categories, sizes = Counter(category_of.values()), Counter(items.values())
    return SplitSummary(
        listings=len(category_of),
        items=len(sizes),
        categories=len(categories),
        merged=sum(size for size in sizes.values() if size > 1),
        train=len({photo.listing_id for photo in split.train}),
        validation=len({photo.listing_id for photo in split.validation}),
        held_out=len({photo.listing_id for photo in split.held_out}),
        measured_categories=len({photo.category for photo in split.held_out}),
        largest_category=max(categories.values(), default=0),
        listings_to_hold_one_out=_listings_to_hold_one_out(config),
        listings_to_measure_well=round(WELL_MEASURED / config.held_out),
        unreadable=unreadable,
        copies=copies,
    )


def write_copies(file: Path, shared: Iterable[ItemLink], items: Mapping[str, str]) -> None:
    """Write the copies that make listings one item as CSV, item by item.

    Raises:
        OSError: the file cannot be written.
    """
    rows = sorted(
        (items[one.listing_id], one.listing_id, one.other_listing_id, one.photo_id, one.other_photo_id, one.verdict,
         one.score)
        for one in shared
    )  # fmt: skip
    with file.open("w", newline="", encoding="utf-8") as table:
        csv.writer(table).writerows([_HEADER, *rows])


def _listings_to_hold_one_out(config: TrainConfig) -> int:
    """Return how many different items a category needs so that one is held out and two are trained on."""

    def suffices(listings: int) -> bool:
        held_out, validation = (round(share * listings) for share in (config.held_out, config.validation))
        return held_out >= 1 and listings - held_out - validation >= 2

    return next(filter(suffices, count(3)))


def _counted(number: int, singular: str, plural: str | None = None) -> str:
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"
