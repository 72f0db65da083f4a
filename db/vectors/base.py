"""The one interface that FAISS, Qdrant server and Qdrant Edge answer, and the values that cross it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Sequence

    from db.vectors.checksums import HeldPoints

Vector: TypeAlias = NDArray[np.float32]
"""A unit-length float32 array of shape (d,)."""

PhotoIds: TypeAlias = NDArray[np.int64]
"""Photo ids, ascending, shape (n,)."""


@dataclass(frozen=True, slots=True)
class Payload:
    """The filterable copy of a listing's fields that travels with each of its photos' vectors.

    Attributes:
        listing_id: the listing that the photo belongs to.
        category: first level of the category path, compared exactly.
        price: in the listing's currency; None when the listing has none, and then no price range matches it.
        locations: the keys a location filter may equal, from `location_keys`.
    """

    listing_id: str
    category: str
    price: float | None = None
    locations: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Point:
    """One photo as an index holds it: `photo_id` is the point id in every engine."""

    photo_id: int
    vector: Vector
    payload: Payload


@dataclass(frozen=True, slots=True)
class Hit:
    """A photo found. `score` is the inner product of unit vectors (cosine), in [-1, 1]; higher is better."""

    photo_id: int
    score: float


@dataclass(frozen=True, slots=True)
class Filter:
    """What a hit must satisfy: every field that is set, all together.

    Attributes:
        categories: any of these; empty means every category.
        price_min, price_max: inclusive; setting either one leaves out listings without a price.
        location: equals one of the payload's location keys; compared after `location_key`.
        excluded_listing_ids: hits of these listings are left out.
    """

    categories: frozenset[str] = frozenset()
    price_min: float | None = None
    price_max: float | None = None
    location: str | None = None
    excluded_listing_ids: frozenset[str] = frozenset()

    def matches(self, payload: Payload) -> bool:
        """Say whether `payload` satisfies the filter: the definition that every engine is tested against."""
        if self.categories and payload.category not in self.categories:
            return False
        if payload.listing_id in self.excluded_listing_ids:
            return False
        if self.location is not None and location_key(self.location) not in payload.locations:
            return False
        return self._matches_price(payload.price)

    def _matches_price(self, price: float | None) -> bool:
        if self.price_min is None and self.price_max is None:
            return True
        if price is None:
            return False
        return (self.price_min is None or price >= self.price_min) and (
            self.price_max is None or price <= self.price_max
        )


NO_FILTER = Filter()


@dataclass(frozen=True, slots=True)
class IndexDescription:
    """What an index says of itself: `kind` is the way it searches (`exact`, `ivf`, `hnsw`)."""

    engine: str
    kind: str
    collection: str
    vector_size: int
    count: int
    parameters: dict[str, Any]


class VectorIndex(Protocol):
    """A collection of points that can be searched by vector under a filter.

    Searches may run in parallel with each other and with writes. Implementations raise `ValueError` for a vector
    whose size is not the collection's, that is not finite or not of unit length (tolerance 1e-3), for a `k` below 1, a
    photo id outside 0 to 2**63 - 1 and a price or price bound that is not finite; and `OSError` (or a subclass) when
    the engine cannot be reached or its files are damaged.
    """

    def search(self, vector: Vector, k: int, where: Filter = NO_FILTER, *, exact: bool = False) -> list[Hit]:
        """Return the `k` best hits, best first, equal scores by ascending photo id; fewer when fewer match.

        `exact=True` compares the query with every point that passes the filter, whatever the index's kind.
        """
        ...

    def upsert(self, points: Sequence[Point]) -> None:
        """Put the points in, replacing those with the same photo id. All or none of them are refused."""
        ...

    def delete(self, photo_ids: Sequence[int]) -> None:
        """Take the points out; ids that are not there are ignored."""
        ...

    def count(self) -> int:
        """Return the number of points."""
        ...

    def photo_ids(self) -> PhotoIds:
        """Return every photo id held, ascending."""
        ...

    def held(self) -> HeldPoints:
        """Return every photo id with the checksum of what was put in for it: what drift is computed from."""
        ...

    def describe(self) -> IndexDescription:
        """Return the engine, kind, size and parameters."""
        ...

    def close(self) -> None:
        """Make what was written durable and let go of files and connections. Closing twice is allowed."""
        ...


def location_key(text: str) -> str:
    """Return the form in which locations are compared: case-folded, with single spaces."""
    return " ".join(text.casefold().split())


def location_keys(location: str) -> tuple[str, ...]:
    """Return the keys of a place: the whole, then each comma-separated part ('Delph, Manchester' has three)."""
    whole = location_key(location)
    if not whole:
        return ()
    parts = [location_key(part) for part in location.split(",")]
    return tuple(dict.fromkeys([whole, *filter(None, parts)]))


def check_vectors(vectors: NDArray[np.float32], size: int) -> None:
    """Raise ValueError unless `vectors` has shape (n, size), is finite, and every row is of unit length (1e-3)."""
    if vectors.ndim != 2 or vectors.shape[1] != size:
        raise ValueError(f"vectors have shape {vectors.shape}; this collection holds vectors of size {size}")
    norms = np.linalg.norm(vectors, axis=1)
    wrong = np.flatnonzero(~(np.abs(norms - 1.0) <= 1e-3))
    if wrong.size:
        raise ValueError(f"vector {int(wrong[0])} is not of unit length (its norm is {norms[wrong[0]]:.6g})")
