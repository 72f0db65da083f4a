"""What a network is trained on: labelled photos, a split that leaks nothing, batches with both photos of a listing.

Nothing here reads a file. Who is held out depends on the photos and the seed, not on the order the photos come in.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from ml.labelled import LabelledPhoto


@dataclass(frozen=True, slots=True)
class Split:
    """Photos to learn from, to choose and calibrate by, and to measure on: no item is on two sides.

    Attributes:
        train: what the weights are fitted to.
        validation: when training stops, and how probabilities and scores are calibrated, is decided on these.
        held_out: measured on once, at the end; nothing is decided on these.
    """

    train: tuple[LabelledPhoto, ...]
    validation: tuple[LabelledPhoto, ...]
    held_out: tuple[LabelledPhoto, ...]


def split_by_item(
    photos: Sequence[LabelledPhoto], items: Mapping[str, str], *, held_out: float, validation: float, seed: int
) -> Split:
    """Set apart two shares of each category's listings, in (0, 1) together.

    Listings of one item stay together. An item counts for the category that most of its listings have, and is trained
    on when it would overshoot the shares.

    Args:
        items: each listing's item, see `item_of_listing`.
    """
    side_of: dict[str, str] = {}
    rng = np.random.default_rng(seed)
    for groups in _groups_by_category(photos, items):
        order = [groups[index] for index in rng.permutation(len(groups))]
        listings = sum(map(len, groups))
        for side, share in (("held_out", held_out), ("validation", validation)):
            wanted = round(share * listings)
            for group in order:
                if len(group) <= wanted and group[0] not in side_of:
                    side_of.update(dict.fromkeys(group, side))
                    wanted -= len(group)
    sides = [side_of.get(photo.listing_id, "train") for photo in photos]
    return Split(
        *(
            tuple(photo for photo, side in zip(photos, sides, strict=True) if side == name)
            for name in ("train", "validation", "held_out")
        )
    )


def item_of_listing(photos: Sequence[LabelledPhoto], alike: NDArray[np.int64] | None = None) -> dict[str, str]:
    """Return, for each listing, the name of its item: the smallest listing id among those that show the same photos.

    The same are photos of equal bytes, and the pairs of rows `alike`, int64 (pairs, 2). Sameness is transitive: a
    shares with b, b with c, so a, b and c are one item, listed three times.
    """
    names, listing_of = np.unique([photo.listing_id for photo in photos], return_inverse=True)
    _, content_of = np.unique([photo.sha256 for photo in photos], return_inverse=True)
    # The listings and the contents are the nodes of a graph, in which a photo joins its listing to its content.
    joined = [np.stack([listing_of, content_of + len(names)], axis=1)]
    if alike is not None:
        joined.append(listing_of[alike])
    first, second = np.concatenate(joined).T
    nodes = len(names) + len(photos)
    graph = coo_array((np.ones(len(first), np.int8), (first, second)), shape=(nodes, nodes))
    _, component = connected_components(graph, directed=False)
    item_of: dict[int, str] = {}
    return {str(name): item_of.setdefault(int(component[row]), str(name)) for row, name in enumerate(names)}


def paired_batches(
    listings: NDArray[np.int64], *, pairs_per_batch: int, rng: np.random.Generator
) -> Iterator[NDArray[np.int64]]:
    """Yield one epoch of batches, as rows of `listings`, int64 (2 x pairs_per_batch,), a listing's two side by side.

    Every photo is drawn once, and again where its listing has an odd number: a listing with one photo is paired with
    itself, and augmentation makes the two differ. What does not fill the last batch is left out, because batch
    statistics of a few photos would disturb training; it is another remainder each epoch. With fewer pairs than
    `pairs_per_batch` there is one batch, of all of them.
    """
    by_listing = np.argsort(listings, kind="stable")
    starts = np.flatnonzero(np.diff(listings[by_listing])) + 1
    pairs = rng.permutation(np.concatenate([_pairs(rows, rng) for rows in np.split(by_listing, starts)]))
    size = min(pairs_per_batch, len(pairs))
    for start in range(0, len(pairs) - size + 1, size):
        yield pairs[start : start + size].reshape(-1)


def _groups_by_category(photos: Sequence[LabelledPhoto], items: Mapping[str, str]) -> list[list[list[str]]]:
    """Return, category by category in alphabetical order, its groups of listing ids that must stay together."""
    category_of = {photo.listing_id: photo.category for photo in photos}
    members: defaultdict[str, list[str]] = defaultdict(list)
    for listing_id in sorted(category_of):
        members[items[listing_id]].append(listing_id)
    groups: defaultdict[str, list[list[str]]] = defaultdict(list)
    for item in sorted(members):
        votes = Counter(category_of[listing_id] for listing_id in members[item])
        groups[min(votes, key=lambda category: (-votes[category], category))].append(members[item])
    return [groups[category] for category in sorted(groups)]


def _pairs(rows: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    """Return the rows in random pairs, (ceil(n / 2), 2); one of them twice when n is odd."""
    shuffled = rng.permutation(rows)
    if len(shuffled) % 2:
        shuffled = np.append(shuffled, shuffled[0])
    return shuffled.reshape(-1, 2)
