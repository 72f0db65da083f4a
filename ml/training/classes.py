"""The classes that a network tells apart: subcategories where there are enough listings, else their category.

A category such as "Home & Garden" holds sofas and shovels. Told which is which, the network learns from labels that it
can see, and the probability of the category is the sum over its classes.
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
        categories: ascending names.
        paths: each class's category path, ascending; its first level is the category, and deeper levels may be missing.
    """

    categories: tuple[str, ...]
    paths: tuple[tuple[str, ...], ...]

    @property
    def category_of_class(self) -> tuple[int, ...]:
        """Each class's category, as its place in `categories`."""
        return tuple(self.categories.index(path[0]) for path in self.paths)

    def class_of(self, photo: LabelledPhoto) -> int:
        """Return the class that fits the photo's listing best: the longest path that its own begins with."""
        path = photo.category_path
        return next(self.paths.index(path[:n]) for n in range(len(path), 0, -1) if path[:n] in self.paths)


def classes_of(photos: Sequence[LabelledPhoto], learnt_from: Sequence[LabelledPhoto], *, least: int) -> Classes:
    """Return the classes for `photos`: their categories, and each path that `least` listings of `learnt_from` have.

    A path counts for the listings below it, too; a listing is of the deepest path that is a class. With `least` 0 the
    categories alone are classes.
    """
    path_of = {photo.listing_id: photo.category_path for photo in learnt_from}
    listings = Counter(path[:depth] for path in path_of.values() for depth in range(2, len(path) + 1))
    categories = {photo.category for photo in photos}
    paths = {(category,) for category in categories} | {path for path, count in listings.items() if count >= least > 0}
    return Classes(tuple(sorted(categories)), tuple(sorted(paths)))
