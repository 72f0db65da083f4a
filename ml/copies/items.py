"""Items: listings that show copies of one photo are one item.

    equal bytes, known links ─▶ near hashes: candidates ─▶ PhotoComparer ─▶ ItemLink ─▶ item_of_listing

Training and evaluation keep each item on one side of the split. The hash only proposes pairs: whether two photos are
copies is decided by the test that the duplicate finder uses, so both call the same photos copies.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.cluster.hierarchy import DisjointSet

from ml.copies.comparer import PhotoComparer
from ml.copies.hashes import nearest_by_hash
from ml.copies.verdicts import Verdict
from ml.photos.decode import PhotoError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from ml.copies.verdicts import CopyMatch
    from ml.labelled import LabelledPhoto

OUTCOME = np.dtype([("verdict", np.int8), ("score", np.float32)])
"""The outcome of a comparison: 0 for photos that are no copies or need no comparison, else the place in `_VERDICTS`."""

_VERDICTS = (None, Verdict.IDENTICAL, Verdict.EDITED)


@dataclass(frozen=True, slots=True)
class ItemLink:
    """Two listings, in id order, that are one item: they show copies of one photo, or a reviewer accepted them as one.

    Attributes:
        photo_id, other_photo_id: the copies, or any photos; None if the listing has none.
        verdict: a `Verdict`, or why a reviewer's pair has none.
    """

    listing_id: str
    other_listing_id: str
    photo_id: int | None
    other_photo_id: int | None
    verdict: str
    score: float


@dataclass(frozen=True, slots=True)
class KnownLinks:
    """What is known about listings before their photos are compared.

    Attributes:
        shared: what the duplicate finder has found or a reviewer has accepted.
        rejected: pairs of listing ids, in order, that a reviewer has called no duplicates. Their photos are not
            compared. Equal bytes, and links to a third listing, still make them one item.
    """

    shared: tuple[ItemLink, ...] = ()
    rejected: frozenset[tuple[str, str]] = frozenset()


def links_by_bytes(photos: Iterable[LabelledPhoto]) -> list[ItemLink]:
    """Return each listing that shows the bytes of another listing's photo, linked to the first such listing."""
    firsts: dict[str, LabelledPhoto] = {}
    links: dict[tuple[str, str], ItemLink] = {}
    for photo in photos:
        first = firsts.setdefault(photo.sha256, photo)
        if first.listing_id != photo.listing_id:
            link = _link(first, photo, Verdict.IDENTICAL, 1.0)
            links.setdefault((link.listing_id, link.other_listing_id), link)
    return list(links.values())


def item_of_listing(photos: Sequence[LabelledPhoto], shared: Iterable[ItemLink] = ()) -> dict[str, str]:
    """Map each listing to its item, named after the smallest listing id among the listings that share photos.

    Listings share a photo if its bytes are equal, or by `shared`. Sharing is transitive: if a shares with b, and b with
    c, then a, b and c are one item.
    """
    items = DisjointSet(dict.fromkeys(photo.listing_id for photo in photos))
    for link in (*links_by_bytes(photos), *shared):
        if link.listing_id in items and link.other_listing_id in items:
            items.merge(link.listing_id, link.other_listing_id)
    return {listing: min(members) for members in items.subsets() for listing in members}


def find_item_links(
    photos: Sequence[LabelledPhoto],
    hashes: NDArray[np.uint64],
    known: KnownLinks,
    *,
    progress: Callable[[int, int], None],
) -> list[ItemLink]:
    """Compare photos with the nearest by perceptual hash, (n,), and return all links between their listings."""
    candidates = copy_candidates(photos, hashes, known)
    outcomes = np.zeros(len(candidates), OUTCOME)
    compare_candidates(photos, candidates, known, outcomes=outcomes, progress=progress)
    return item_links(photos, candidates, outcomes, known)


def copy_candidates(
    photos: Sequence[LabelledPhoto], hashes: NDArray[np.uint64], known: KnownLinks
) -> NDArray[np.int64]:
    """Return the pairs of photos to compare, as rows of `photos`: int64 (pairs, 2).

    Each photo is compared with its nearest by perceptual hash, `hashes` (n,), as they are and mirrored. Photos of
    listings that are one item already, by equal bytes or known links, or that were rejected, need no comparison.
    """
    _, rows = np.unique([photo.sha256 for photo in photos], return_index=True)
    items = item_of_listing(photos, known.shared)
    item_codes = np.unique([items[photos[row].listing_id] for row in rows], return_inverse=True)[1]
    pairs: NDArray[np.int64] = rows[nearest_by_hash(hashes[rows], item_codes)]
    kept = [_in_order(photos[one].listing_id, photos[other].listing_id) not in known.rejected for one, other in pairs]
    return pairs[np.array(kept, np.bool_)]


def compare_candidates(
    photos: Sequence[LabelledPhoto],
    candidates: NDArray[np.int64],
    known: KnownLinks,
    *,
    outcomes: NDArray[Any],
    progress: Callable[[int, int], None],
) -> None:
    """Compare the candidates, and write each outcome to `outcomes`, (pairs,) of type `OUTCOME`.

    Skips pairs of listings that turned out to be one item meanwhile. A photo that cannot be read has no copies.
    """
    paths = {photo.sha256: photo.path for photo in photos}
    comparer = PhotoComparer(lambda sha256: paths[sha256].read_bytes())
    item_of = item_of_listing(photos, known.shared)
    items = DisjointSet(dict.fromkeys(item_of.values()))
    for number, (one, other) in enumerate(candidates):
        first, second = item_of[photos[one].listing_id], item_of[photos[other].listing_id]
        copy = None if items.connected(first, second) else _compare(comparer, photos[one], photos[other])
        if copy is not None:
            items.merge(first, second)
        outcomes[number] = (0, 0.0) if copy is None else (_VERDICTS.index(copy.verdict), copy.score)
        progress(number + 1, len(candidates))


def item_links(
    photos: Sequence[LabelledPhoto], candidates: NDArray[np.int64], outcomes: NDArray[Any], known: KnownLinks
) -> list[ItemLink]:
    """Return all links between listings: equal bytes, known links of these photos' listings, and the copies found."""
    listings = {photo.listing_id for photo in photos}
    known_here = [one for one in known.shared if {one.listing_id, one.other_listing_id} <= listings]
    return [*links_by_bytes(photos), *known_here, *_found(photos, candidates, outcomes)]


def _found(
    photos: Sequence[LabelledPhoto], candidates: NDArray[np.int64], outcomes: NDArray[Any]
) -> Iterator[ItemLink]:
    for (one, other), (code, score) in zip(candidates, outcomes, strict=True):
        verdict = _VERDICTS[code]
        if verdict is not None:
            yield _link(photos[one], photos[other], verdict, round(float(score), 4))


def _compare(comparer: PhotoComparer, one: LabelledPhoto, other: LabelledPhoto) -> CopyMatch | None:
    try:
        return comparer.compare(one.sha256, other.sha256)
    except (PhotoError, OSError):
        return None


def _link(one: LabelledPhoto, other: LabelledPhoto, verdict: Verdict, score: float) -> ItemLink:
    first, second = sorted((one, other), key=lambda photo: photo.listing_id)
    return ItemLink(first.listing_id, second.listing_id, first.photo_id, second.photo_id, verdict, score)


def _in_order(one: str, other: str) -> tuple[str, str]:
    return (one, other) if one < other else (other, one)
