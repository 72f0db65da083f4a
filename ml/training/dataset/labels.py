"""The labels of photos as integer arrays, for losses and validation scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ml.evaluation.retrieval import integer_codes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from ml.labelled import LabelledPhoto
    from ml.training.dataset.classes import Classes
    from ml.training.dataset.split import Split


@dataclass(frozen=True, slots=True)
class Labels:
    """The labels of n photos.

    Attributes:
        rows: int64 (n,), the row of each photo's pixels or features.
        classes: int64 (n,), the class of the network; a category has one or more.
        categories: int64 (n,).
        items: int64 (n,), equal for photos of one item.
        contents: int64 (n,), equal for photos of equal bytes.
    """

    rows: NDArray[np.int64]
    classes: NDArray[np.int64]
    categories: NDArray[np.int64]
    items: NDArray[np.int64]
    contents: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, batch: NDArray[np.int64]) -> Labels:
        """Return the labels of these photos."""
        return Labels(*(getattr(self, name)[batch] for name in self.__slots__))


@dataclass(frozen=True, slots=True)
class SplitLabels:
    """The labels of each side of a split."""

    train: Labels
    validation: Labels
    held_out: Labels


def labels_of(
    photos: Sequence[LabelledPhoto],
    rows: NDArray[np.int64],
    split: Split,
    *,
    items: Mapping[str, str],
    classes: Classes,
) -> SplitLabels:
    """Return the labels of each side of a split.

    Args:
        photos: all n photos of the split.
        rows: (n,), the row of each photo's pixels.
        items: the item of each listing.
    """
    everything = Labels(
        rows=rows,
        classes=np.array([classes.class_of(photo) for photo in photos], dtype=np.int64),
        categories=np.array([classes.categories.index(photo.category) for photo in photos], dtype=np.int64),
        items=integer_codes([items[photo.listing_id] for photo in photos]),
        contents=integer_codes([photo.sha256 for photo in photos]),
    )
    index_of = {photo.photo_id: index for index, photo in enumerate(photos)}

    def side(chosen: Sequence[LabelledPhoto]) -> Labels:
        return everything[np.array([index_of[photo.photo_id] for photo in chosen], dtype=np.int64)]

    return SplitLabels(side(split.train), side(split.validation), side(split.held_out))
