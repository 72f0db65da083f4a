"""The classes that a network is trained on: subcategories with enough listings, otherwise their category.

A category such as "Home & Garden" holds sofas and shovels. Subcategories give the network labels that it can see; the
probability of a category is the sum over its classes.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ml.labelled import LabelledPhoto


@dataclass(frozen=True, slots=True)
class Classes:
    """The classes of a network.

    Attributes:
        categories: names in ascending order.
        paths: the category path of each class, in ascending order. The first level is the category; deeper levels may
            be missing.
    """

    categories: tuple[str, ...]
    paths: tuple[tuple[str, ...], ...]

    @property
    def category_of_class(self) -> tuple[int, ...]:
        """The category of each class, as an index into `categories`."""
        return tuple(self.categories.index(path[0]) for path in self.paths)

    def class_of(self, photo: LabelledPhoto) -> int:
        """Return the class with the longest path that is a prefix of the photo's category path."""
        path = photo.category_path
        return next(self.paths.index(path[:n]) for n in range(len(path), 0, -1) if path[:n] in self.paths)


def classes_of(
    photos: Sequence[LabelledPhoto], training_photos: Sequence[LabelledPhoto], *, min_listings: int
) -> Classes:
    """Return the categories of `photos`, and each path that at least `min_listings` training listings have.

    A path counts every listing below it. With `min_listings` 0 only the categories are classes.
    """
    path_of = {photo.listing_id: photo.category_path for photo in training_photos}
    listings = Counter(path[:depth] for path in path_of.values() for depth in range(2, len(path) + 1))
    categories = {photo.category for photo in photos}
    paths: set[tuple[str, ...]] = {(category,) for category in categories}
    paths |= {path for path, count in listings.items() if count >= min_listings > 0}
    return Classes(tuple(sorted(categories)), tuple(sorted(paths)))
