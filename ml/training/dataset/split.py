"""The split into training, validation and held-out photos, with each item on one side only.

The split depends on the photos and the seed, not on the order of the photos. Nothing here reads a file.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ml.labelled import LabelledPhoto


@dataclass(frozen=True, slots=True)
class Split:
    """The photos of each side; no item is on two sides.

    Attributes:
        train: the weights are fitted to these.
        validation: used to decide when training stops, and to calibrate probabilities and scores.
        held_out: measured on once, at the end; they decide nothing.
    """

    train: tuple[LabelledPhoto, ...]
    validation: tuple[LabelledPhoto, ...]
    held_out: tuple[LabelledPhoto, ...]


def split_by_item(
    photos: Sequence[LabelledPhoto], items: Mapping[str, str], *, held_out: float, validation: float, seed: int
) -> Split:
    """Split the photos so that each category gives its shares of listings to `held_out` and `validation`.

    Listings of one item stay together. An item belongs to the category that most of its listings have; an item with
    more listings than the share still needs goes to the training side.

    Args:
        items: the item of each listing, see `ml.copies.items.item_of_listing`.
        held_out, validation: shares in (0, 1), less than 1 together.
    """
    side_of: dict[str, str] = {}
    rng = np.random.default_rng(seed)
    for groups in _groups_by_category(photos, items):
        order = [groups[index] for index in rng.permutation(len(groups))]
        listings = sum(map(len, groups))
        for side, share in (("held_out", held_out), ("validation", validation)):
            missing = round(share * listings)
            for group in order:
                if len(group) <= missing and group[0] not in side_of:
                    side_of.update(dict.fromkeys(group, side))
                    missing -= len(group)
    sides = [side_of.get(photo.listing_id, "train") for photo in photos]
    return Split(
        *(
            tuple(photo for photo, side in zip(photos, sides, strict=True) if side == name)
            for name in ("train", "validation", "held_out")
        )
    )


def _groups_by_category(photos: Sequence[LabelledPhoto], items: Mapping[str, str]) -> list[list[list[str]]]:
    """Return the listing ids of each item, grouped by category in alphabetical order."""
    category_of = {photo.listing_id: photo.category for photo in photos}
    members: defaultdict[str, list[str]] = defaultdict(list)
    for listing_id in sorted(category_of):
        members[items[listing_id]].append(listing_id)
    groups: defaultdict[str, list[list[str]]] = defaultdict(list)
    for item in sorted(members):
        votes = Counter(category_of[listing_id] for listing_id in members[item])
        groups[min(votes, key=lambda category: (-votes[category], category))].append(members[item])
    return [groups[category] for category in sorted(groups)]
