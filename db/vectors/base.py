"""The interface that FAISS, Qdrant Edge and the Qdrant server implement, and the values that it takes and returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from db.vectors.keys import location_key, path_key

if TYPE_CHECKING:
    from collections.abc import Sequence

    from db.vectors.attributes import AttributeCondition, Attributes
    from db.vectors.facets import Facet


Vector: TypeAlias = NDArray[np.float32]
"""A unit-length float32 array of shape (d,)."""

PhotoIds: TypeAlias = NDArray[np.int64]
"""Photo ids, ascending, shape (n,)."""


Checksums: TypeAlias = NDArray[np.uint64]
"""One 64-bit checksum per point, shape (n,)."""


@dataclass(frozen=True, slots=True)
class Payload:
    """The filterable fields of a listing, copied to the point of each of its photos.

    Checksums depend on the order of the fields.

    Attributes:
        listing_id: the listing that the photo belongs to.
        category: first level of the first category path, compared exactly.
        price: in the listing's currency; None if the listing has none: then no price range matches.
        locations: the keys that a location filter may equal, from `location_keys`.
        category_paths: the keys that a category path filter may equal: the `path_keys` of all the listing's categories.
        currency: ISO 4217 code; None if the listing has none.
        region: the last part of the location, from `location_key`; empty when unknown.
        seller: the marketplace's seller id, compared exactly; empty when unknown.
        listed_at: time of listing, in seconds since 1970 (UTC).
        sold: whether it is no longer for sale.
        attributes: free attributes; names are 1 to 40 letters, digits or `_`.
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
    sold: bool = False
    attributes: Attributes = ()


@dataclass(frozen=True, slots=True)
class Point:
    """One photo in an index. `photo_id` is the point id in every engine."""

    photo_id: int
    vector: Vector
    payload: Payload


@dataclass(frozen=True, slots=True)
class HeldPoints:
    """The contents of an index: photo ids, ascending, and the checksum of each photo's point, in the same order."""

    photo_ids: PhotoIds
    checksums: Checksums


@dataclass(frozen=True, slots=True)
class Hit:
    """A search result. `score` is the inner product of unit vectors (cosine), in [-1, 1]; higher is better."""

    photo_id: int
    score: float


@dataclass(frozen=True, slots=True)
class Filter:
    """Conditions on hits: a hit must satisfy every field that is set.

    Attributes:
        categories: any of these; empty means every category.
        price_min, price_max: inclusive; setting either excludes listings without a price.
        location: must equal one of the payload's location keys; compared after `location_key`.
        excluded_listing_ids: listings to exclude.
        category_path: the first levels of any of the listing's category paths (`Home & Garden / Lamps`); compared
            after `path_key`.
        currency: of the price; setting it excludes listings without a currency.
        region: compared after `location_key`.
        listed_since: in seconds since 1970 (UTC), inclusive.
        sellers: any of these; empty means every seller.
        excluded_sellers: sellers to exclude.
        sold: only sold listings, or only others; None means both.
        attributes: every one must be satisfied.
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
    sold: bool | None = None
    attributes: frozenset[AttributeCondition] = frozenset()

    def matches(self, payload: Payload) -> bool:
        """Say whether `payload` satisfies the filter. This is the definition that every engine is tested against."""
        return (
            self._matches_category(payload)
            and self._matches_place(payload)
            and self._matches_price(payload.price)
            and self._matches_seller(payload.seller)
            and payload.listing_id not in self.excluded_listing_ids
            and self.currency in (None, payload.currency)
            and (self.listed_since is None or payload.listed_at >= self.listed_since)
            and self.sold in (None, payload.sold)
            and self._matches_attributes(payload.attributes)
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

    def _matches_attributes(self, attributes: Attributes) -> bool:
        values = dict(attributes) if self.attributes else {}
        return all(condition.matches(values.get(condition.name)) for condition in self.attributes)

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
    """Engine, kind, size and parameters of an index. `kind` is how it searches: `exact`, `ivf` or `hnsw`."""

    engine: str
    kind: str
    collection: str
    vector_size: int
    count: int
    parameters: dict[str, Any]


class VectorIndex(Protocol):
    """A collection of points that can be searched by vector with a filter.

    Searches may run in parallel with each other and with writes. Implementations raise `ValueError` for

    - a vector of the wrong size, with infinite or NaN components, or not of unit length (tolerance 1e-3),
    - a `k` below 1,
    - a photo id outside 0 to 2**63 - 1,
    - a price, a price bound, an attribute or its bound that is not finite, or an attribute's name that is not valid;

    and `OSError` (or a subclass) if the engine cannot be reached or its files are damaged.
    """

    def search(
        self, vector: Vector, k: int, where: Filter = NO_FILTER, *, exact: bool = False, acorn: bool = True
    ) -> list[Hit]:
        """Return the `k` best hits, best first, equal scores by ascending photo id; fewer if fewer match.

        `exact=True` compares the query with every point that passes the filter, whatever the index's kind. `acorn`
        lets a filtered graph search pass through points that the filter excludes (ACORN, Patel et al. 2024,
        arXiv:2403.04871); an index without a graph ignores it.
        """
        ...

    def search_each(
        self, vectors: Sequence[Vector], k: int, where: Filter = NO_FILTER, *, exact: bool = False, acorn: bool = True
    ) -> list[list[Hit]]:
        """Return the results of `search` for each vector. A remote engine answers all of them in one request."""
        ...

    def upsert(self, points: Sequence[Point]) -> None:
        """Insert the points, replacing points with the same photo ids. Invalid input writes none of them."""
        ...

    def delete(self, photo_ids: Sequence[int]) -> None:
        """Delete points; unknown ids are ignored."""
        ...

    def count(self, where: Filter = NO_FILTER) -> int:
        """Return the exact number of points that pass the filter."""
        ...

    def facet(self, name: str, where: Filter = NO_FILTER) -> Facet:
        """Return the exact number of points with each value of a field, among those that pass the whole filter.

        `name` is one of `LISTING_FACETS` or that of an attribute. A name that no point has is no error. FAISS counts
        listings too; Qdrant cannot (1.15).
        """
        ...

    def attribute_names(self) -> list[str]:
        """Return the names of the attributes, ascending; a few may have no values any more."""
        ...

    def photo_ids(self) -> PhotoIds:
        """Return all photo ids, ascending."""
        ...

    def held(self, photo_ids: Sequence[int] | None = None) -> HeldPoints:
        """Return all photo ids, or those of these photos that are here, with the checksums of their points.

        The checksums are computed from the vectors that searches compare, not kept from when they were written.
        """
        ...

    def describe(self) -> IndexDescription:
        """Return the engine, kind, size and parameters."""
        ...

    def close(self) -> None:
        """Make writes durable and release files and connections. Closing twice is allowed."""
        ...
