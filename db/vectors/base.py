"""The one interface that FAISS, Qdrant server and Qdrant Edge answer, and the values that cross it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from db.vectors.keys import location_key, path_key

if TYPE_CHECKING:
    from collections.abc import Sequence


Vector: TypeAlias = NDArray[np.float32]
"""A unit-length float32 array of shape (d,)."""

PhotoIds: TypeAlias = NDArray[np.int64]
"""Photo ids, ascending, shape (n,)."""


Checksums: TypeAlias = NDArray[np.uint64]
"""64 bits for each point, shape (n,)."""


@dataclass(frozen=True, slots=True)
class Payload:
    """The filterable copy of a listing's fields that travels with each of its photos' vectors.

    Attributes:
        listing_id: the listing that the photo belongs to.
        category: first level of the category path, compared exactly.
        price: in the listing's currency; None when the listing has none, and then no price range matches it.
        locations: the keys a location filter may equal, from `location_keys`.
        category_paths: the keys a category path filter may equal, from `path_keys`.
        currency: ISO 4217 code; None when the listing has none.
        region: the place's last part, from `location_key`; empty when unknown.
        seller: the marketplace's own id of who sells it, compared exactly; empty when unknown.
        listed_at: when it was listed, in seconds since 1970 (UTC).
    """

    listing_id: str
    category: str
    price: float | None = None
    locations: tuple[str, ...] = ()
    category_paths: tuple[str, ...] = ()
    currency: str | None = None
    region: str = ""
    seller: str = ""
    listed_at: int = 0


@dataclass(frozen=True, slots=True)
class Point:
    """One photo as an index holds it: `photo_id` is the point id in every engine."""

    photo_id: int
    vector: Vector
    payload: Payload


@dataclass(frozen=True, slots=True)
class HeldPoints:
    """What an index holds: the photo ids, ascending, and in their order the checksum that each was put in with."""

    photo_ids: PhotoIds
    checksums: Checksums


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
        category_path: the first levels of the listing's category path (`Home & Garden / Lamps`); compared after
            `path_key`.
        currency: of the price; setting it leaves out listings without a currency.
        region: compared after `location_key`.
        listed_since: in seconds since 1970 (UTC), inclusive.
        sellers: any of these; empty means every seller.
        excluded_sellers: hits of these sellers are left out.
    """

    categories: frozenset[str] = frozenset()
    price_min: float | None = None
    price_max: float | None = None
    location: str | None = None
    excluded_listing_ids: frozenset[str] = frozenset()
    category_path: str | None = None
    currency: str | None = None
    region: str | None = None
    listed_since: int | None = None
    sellers: frozenset[str] = frozenset()
    excluded_sellers: frozenset[str] = frozenset()

    def matches(self, payload: Payload) -> bool:
        """Say whether `payload` satisfies the filter: the definition that every engine is tested against."""
        return (
            self._matches_category(payload)
            and self._matches_place(payload)
            and self._matches_price(payload.price)
            and self._matches_seller(payload.seller)
            and payload.listing_id not in self.excluded_listing_ids
            and self.currency in (None, payload.currency)
            and (self.listed_since is None or payload.listed_at >= self.listed_since)
        )

    def _matches_category(self, payload: Payload) -> bool:
        if self.categories and payload.category not in self.categories:
            return False
        return self.category_path is None or path_key(self.category_path) in payload.category_paths

    def _matches_place(self, payload: Payload) -> bool:
        if self.region is not None and location_key(self.region) != payload.region:
            return False
        return self.location is None or location_key(self.location) in payload.locations

    def _matches_seller(self, seller: str) -> bool:
        return (not self.sellers or seller in self.sellers) and seller not in self.excluded_sellers

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

    def search(
        self, vector: Vector, k: int, where: Filter = NO_FILTER, *, exact: bool = False, acorn: bool = True
    ) -> list[Hit]:
        """Return the `k` best hits, best first, equal scores by ascending photo id; fewer when fewer match.

        `exact=True` compares the query with every point that passes the filter, whatever the index's kind. `acorn`
        lets a graph under a filter be walked through points that the filter leaves out (Patel et al. 2024,
        arXiv:2403.04871); an index without a graph takes no notice.
        """
        ...

    def search_each(
        self, vectors: Sequence[Vector], k: int, where: Filter = NO_FILTER, *, exact: bool = False, acorn: bool = True
    ) -> list[list[Hit]]:
        """Return what `search` does for each vector. An engine that runs elsewhere is asked for all of them at once."""
        ...

    def upsert(self, points: Sequence[Point]) -> None:
        """Put the points in, replacing those with the same photo id. All or none of them are refused."""
        ...

    def delete(self, photo_ids: Sequence[int]) -> None:
        """Take the points out; ids that are not there are ignored."""
        ...

    def count(self, where: Filter = NO_FILTER) -> int:
        """Return the number of points that pass the filter: all of them counted, none estimated."""
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
