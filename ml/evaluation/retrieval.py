"""Exhaustive search of photos among all photos, with exact copies merged."""

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

NEIGHBOURS = 10
"""Neighbours of each query in a `RetrievalOutcome`."""

_QUERIES_AT_ONCE = 256


@dataclass(frozen=True, slots=True)
class Gallery:
    """The photos that are searched: one entry for each distinct content, which belongs to every listing that shows it.

    Attributes:
        firsts: (e,), the row of the first photo of each entry.
        entry_of: (n,), the entry of each photo.
        listings: (e, l), ones for the listings that show an entry.
        categories: (e, c), ones for the categories of those listings.
        category_of: (n,), the column in `categories` of each photo's own category.
    """

    firsts: NDArray[np.int64]
    entry_of: NDArray[np.int64]
    listings: csr_array
    categories: csr_array
    category_of: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.firsts)

    def rows_with_match(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the rows whose photo has a match: another entry of a listing that shows the photo."""
        together = (self.listings[self.entry_of[rows]] @ self.listings.T).tocsr()
        others = np.diff(together.indptr) - 1  # minus the photo itself
        return np.asarray(rows[others > 0])


def gallery_of(photos: Sequence[LabelledPhoto]) -> Gallery:
    """Merge photos with equal bytes into entries."""
    _, firsts, entry_of = np.unique([photo.sha256 for photo in photos], return_index=True, return_inverse=True)
    listing_of, category_of = (integer_codes([getattr(p, name) for p in photos]) for name in ("listing_id", "category"))
    return Gallery(firsts, entry_of, _members(entry_of, listing_of), _members(entry_of, category_of), category_of)


@dataclass(frozen=True, slots=True)
class RetrievalOutcome:
    """The results of q queries. A match is an entry of a listing that shows the query.

    Attributes:
        queries: (q,), rows of photos.
        neighbours: (q, 10), the nearest entries, best first, padded with NO_NEIGHBOUR.
        same_listing: (q, 10), whether a neighbour is a match.
        same_category: (q, 10), whether a neighbour belongs to a listing of the query's category.
        rank: (q,), rank of the first match in the whole ranking, from 1.
        match: (q,), the first match, an entry.
        average_precision: (q,), over the whole ranking.
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
    """Search the gallery with each query, excluding the query itself.

    Args:
        vectors: (n, d), of the gallery's photos; of unit length for `cosine`.
        queries: rows of photos, (q,); at least one, each with a match.
        query_vectors: (n, d), to search with instead of the photos' own vectors; only with `cosine`.
        distance: `l2` ranks by Euclidean distance; for vectors of unit length the ranking is the same.
    """
    own, searched = (vectors, vectors[gallery.firsts]) if distance == "cosine" else _as_products(vectors, gallery)
    query_vectors = own if query_vectors is None else query_vectors
    blocks = [
        _search(gallery, query_vectors[rows], searched, rows=rows)
        for rows in (queries[start : start + _QUERIES_AT_ONCE] for start in range(0, len(queries), _QUERIES_AT_ONCE))
    ]
    columns = zip(*blocks, strict=True)
    return RetrievalOutcome(queries, *(np.concatenate(column) for column in columns))


def integer_codes(names: Sequence[str]) -> NDArray[np.int64]:
    """Return an integer from 0 for each name; equal names have equal integers."""
    return np.unique(np.array(names), return_inverse=True)[1].astype(np.int64)


def _search(
    gallery: Gallery, queries: NDArray[np.float32], searched: NDArray[np.float32], *, rows: NDArray[np.int64]
) -> tuple[NDArray[Any], ...]:
    """Return the columns of `RetrievalOutcome`, except `queries`, for the photos in `rows`."""
    own = gallery.entry_of[rows]
    order = full_ranking(queries, searched, exclude=own)
    matches = (gallery.listings[own] @ gallery.listings.T).toarray() > 0
    matches[np.arange(len(rows)), own] = False
    ranked_matches = np.take_along_axis(matches, order, axis=1)
    same_category = gallery.categories.T.tocsr()[gallery.category_of[rows]].toarray() > 0
    nearest = order[:, :NEIGHBOURS]
    is_query = nearest == own[:, None]
    rank = ranked_matches.argmax(axis=1)
    padding = ((0, 0), (0, NEIGHBOURS - nearest.shape[1]))
    return (
        np.pad(np.where(is_query, NO_NEIGHBOUR, nearest), padding, constant_values=NO_NEIGHBOUR),
        np.pad(ranked_matches[:, :NEIGHBOURS], padding),
        np.pad(np.take_along_axis(same_category, nearest, axis=1) & ~is_query, padding),
        rank + 1,
        order[np.arange(len(rows)), rank],
        average_precision(ranked_matches),
    )


def _as_products(vectors: NDArray[np.float32], gallery: Gallery) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return query and gallery vectors whose inner products rank as L2 does: |q - g|² = |q|² - 2 (q·g - |g|²/2)."""
    searched = vectors[gallery.firsts]
    halves = (searched**2).sum(axis=1, keepdims=True) / 2
    ones = np.ones((len(vectors), 1), np.float32)
    return np.concatenate([vectors, ones], axis=1), np.concatenate([searched, -halves], axis=1)


def _members(entry_of: NDArray[np.int64], label_of: NDArray[np.int64]) -> csr_array:
    """Return an int32 matrix (entries, labels) with ones where an entry has a label."""
    pairs = np.unique(np.stack([entry_of, label_of]), axis=1)
    shape = (int(entry_of.max()) + 1, int(label_of.max()) + 1)
    return csr_array((np.ones(pairs.shape[1], np.int32), (pairs[0], pairs[1])), shape=shape)
