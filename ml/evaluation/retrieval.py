"""How photos find each other: each is searched for among all, with exact copies merged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from scipy.sparse import csr_array

from ml.metrics import NO_NEIGHBOUR, average_precision, full_ranking

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ml.labelled import LabelledPhoto

Distance: TypeAlias = Literal["cosine", "l2"]

SHOWN = 10
"""Neighbours that are kept of each query."""

_QUERIES_AT_ONCE = 256


@dataclass(frozen=True, slots=True)
class Gallery:
    """What is searched: one entry for each content, which belongs to every listing that shows it.

    Attributes:
        firsts: (e,), the row of the first photo of each entry.
        entry_of: (n,), each photo's entry.
        listings: (e, l), which listings show an entry.
        categories: (e, c), which categories those listings have.
        category_of: (n,), the column in `categories` of each photo's own listing.
    """

    firsts: NDArray[np.int64]
    entry_of: NDArray[np.int64]
    listings: csr_array
    categories: csr_array
    category_of: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.firsts)

    def findable(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return those photos of `rows` with an entry to find: another one of any listing that shows the photo."""
        together = (self.listings[self.entry_of[rows]] @ self.listings.T).tocsr()
        others = np.diff(together.indptr) - 1  # one is the photo itself
        return np.asarray(rows[others > 0])


def gallery_of(photos: Sequence[LabelledPhoto]) -> Gallery:
    """Merge the photos whose bytes are equal."""
    _, firsts, entry_of = np.unique([photo.sha256 for photo in photos], return_index=True, return_inverse=True)
    listing_of, category_of = (integer_codes([getattr(p, name) for p in photos]) for name in ("listing_id", "category"))
    return Gallery(firsts, entry_of, _members(entry_of, listing_of), _members(entry_of, category_of), category_of)


@dataclass(frozen=True, slots=True)
class RetrievalOutcome:
    """What each of q queries found.

    Attributes:
        queries: (q,), rows of photos.
        neighbours: (q, 10), the nearest entries, best first, padded with NO_NEIGHBOUR.
        same_listing: (q, 10), whether a neighbour belongs to a listing of the query.
        same_category: (q, 10), whether a neighbour belongs to a listing of the category of the query's listing.
        rank: (q,), from 1, of the first entry of a listing of the query in the whole ranking.
        match: (q,), that entry.
        average_precision: (q,), of the entries of listings of the query, over the whole ranking.
    """

    queries: NDArray[np.int64]
    neighbours: NDArray[np.int64]
    same_listing: NDArray[np.bool_]
    same_category: NDArray[np.bool_]
    rank: NDArray[np.int64]
    match: NDArray[np.int64]
    average_precision: NDArray[np.float64]


def search_all(
    gallery: Gallery,
    vectors: NDArray[np.float32],
    queries: NDArray[np.int64],
    *,
    distance: Distance = "cosine",
    query_vectors: NDArray[np.float32] | None = None,
) -> RetrievalOutcome:
    """Search the gallery by each query, the query itself left out.

    Args:
        vectors: (n, d), of the photos that the gallery was made of; of unit length for `cosine`.
        queries: rows of photos, (q,), at least one, all `findable`.
        query_vectors: (n, d), what photos are searched by where that is not their own vector; only with `cosine`.
        distance: `l2` ranks by Euclidean distance, which for vectors of unit length is the same ranking.
    """
    asked, searched = (vectors, vectors[gallery.firsts]) if distance == "cosine" else _as_products(vectors, gallery)
    if query_vectors is not None:
        asked = query_vectors
    blocks = [
        _search(gallery, asked[rows], searched, rows)
        for rows in (queries[start : start + _QUERIES_AT_ONCE] for start in range(0, len(queries), _QUERIES_AT_ONCE))
    ]
    columns = zip(*blocks, strict=True)
    return RetrievalOutcome(queries, *(np.concatenate(column) for column in columns))


def integer_codes(names: Sequence[str]) -> NDArray[np.int64]:
    """Return an integer for each name, from 0, equal where the names are."""
    return np.unique(np.array(names), return_inverse=True)[1].astype(np.int64)


def _search(
    gallery: Gallery, asked: NDArray[np.float32], searched: NDArray[np.float32], rows: NDArray[np.int64]
) -> tuple[NDArray[Any], ...]:
    """Return the columns of `RetrievalOutcome`, but for the queries, of some queries."""
    own = gallery.entry_of[rows]
    order = full_ranking(asked, searched, exclude=own)
    related = (gallery.listings[own] @ gallery.listings.T).toarray() > 0
    related[np.arange(len(rows)), own] = False
    agreeing = np.take_along_axis(related, order, axis=1)
    alike = gallery.categories.T.tocsr()[gallery.category_of[rows]].toarray() > 0
    shown = order[:, :SHOWN]
    itself = shown == own[:, None]
    same_category = np.take_along_axis(alike, shown, axis=1) & ~itself
    rank = agreeing.argmax(axis=1)
    match = order[np.arange(len(rows)), rank]
    neighbours = np.where(itself, NO_NEIGHBOUR, shown)
    padding = ((0, 0), (0, SHOWN - shown.shape[1]))
    return (
        np.pad(neighbours, padding, constant_values=NO_NEIGHBOUR),
        np.pad(agreeing[:, :SHOWN], padding),
        np.pad(same_category, padding),
        rank + 1,
        match,
        average_precision(agreeing),
    )


def _as_products(vectors: NDArray[np.float32], gallery: Gallery) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return vectors whose inner products rank as Euclidean distances: |q - g|² = |q|² - 2 (q·g - |g|²/2)."""
    searched = vectors[gallery.firsts]
    halves = (searched**2).sum(axis=1, keepdims=True) / 2
    ones = np.ones((len(vectors), 1), np.float32)
    return np.concatenate([vectors, ones], axis=1), np.concatenate([searched, -halves], axis=1)


def _members(entry_of: NDArray[np.int64], label_of: NDArray[np.int64]) -> csr_array:
    """Return which entries have which labels, as ones in an int32 matrix (entries, labels)."""
    pairs = np.unique(np.stack([entry_of, label_of]), axis=1)
    shape = (int(entry_of.max()) + 1, int(label_of.max()) + 1)
    return csr_array((np.ones(pairs.shape[1], np.int32), (pairs[0], pairs[1])), shape=shape)
