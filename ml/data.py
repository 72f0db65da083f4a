"""What a network is trained on: labelled photos, a split that leaks nothing, batches with both photos of a listing.

Nothing here reads a file. Who is held out depends on the photos and the seed, not on the order the photos come in.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class LabelledPhoto:
    """A photo, and what the network is to learn of it.

    Attributes:
        sha256: of the file's bytes, in hex; equal hashes are the same photo.
    """

    photo_id: int
    listing_id: str
    category: str
    sha256: str
    path: Path


@dataclass(frozen=True, slots=True)
class Split:
    """Photos to train on, and photos to measure on: no listing, and no identical photo, is on both sides."""

    train: tuple[LabelledPhoto, ...]
    held_out: tuple[LabelledPhoto, ...]


def split_by_listing(photos: Sequence[LabelledPhoto], held_out: float = 0.2, *, seed: int) -> Split:
    """Hold out a share of each category's listings, in (0, 1).

    Listings that share a photo stay together: they are held out, or trained on, as one. Such a group counts for the
    category that most of its listings have, and is trained on when it would overshoot the share.
    """
    chosen: set[str] = set()
    rng = np.random.default_rng(seed)
    for groups in _groups_by_category(photos):
        wanted = round(held_out * sum(map(len, groups)))
        for index in rng.permutation(len(groups)):
            if len(groups[index]) <= wanted:
                chosen.update(groups[index])
                wanted -= len(groups[index])
    train = tuple(photo for photo in photos if photo.listing_id not in chosen)
    return Split(train, tuple(photo for photo in photos if photo.listing_id in chosen))


def item_of_listing(photos: Iterable[LabelledPhoto]) -> dict[str, str]:
    """Return, for each listing, the name of its item: the smallest listing id among those it shares photos with.

    Sharing is transitive (union-find): a shares with b, b with c, so a, b and c are one item, listed three times.
    """
    parent: dict[str, str] = {}
    first_with: dict[str, str] = {}
    for photo in photos:
        parent.setdefault(photo.listing_id, photo.listing_id)
        one, other = (
            _root(parent, photo.listing_id),
            _root(parent, first_with.setdefault(photo.sha256, photo.listing_id)),
        )
        parent[max(one, other)] = min(one, other)
    return {listing_id: _root(parent, listing_id) for listing_id in parent}


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


def _groups_by_category(photos: Sequence[LabelledPhoto]) -> list[list[list[str]]]:
    """Return, category by category in alphabetical order, its groups of listing ids that must stay together."""
    category_of = {photo.listing_id: photo.category for photo in photos}
    members: defaultdict[str, list[str]] = defaultdict(list)
    for listing_id, item in sorted(item_of_listing(photos).items()):
        members[item].append(listing_id)
    groups: defaultdict[str, list[list[str]]] = defaultdict(list)
    for item in sorted(members):
        votes = Counter(category_of[listing_id] for listing_id in members[item])
        groups[min(votes, key=lambda category: (-votes[category], category))].append(members[item])
    return [groups[category] for category in sorted(groups)]


def _root(parent: dict[str, str], listing_id: str) -> str:
    while parent[listing_id] != listing_id:
        parent[listing_id] = parent[parent[listing_id]]
        listing_id = parent[listing_id]
    return listing_id


def _pairs(rows: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    """Return the rows in random pairs, (ceil(n / 2), 2); one of them twice when n is odd."""
    shuffled = rng.permutation(rows)
    if len(shuffled) % 2:
        shuffled = np.append(shuffled, shuffled[0])
    return shuffled.reshape(-1, 2)
