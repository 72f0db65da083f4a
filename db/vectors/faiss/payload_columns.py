"""The payloads of a FAISS index in columns, one entry per slot, to evaluate a filter for all slots at once."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from db.vectors.attributes import token_of
from db.vectors.facets import PATH_FACET, facet_of, next_levels
from db.vectors.faiss.attribute_columns import AttributeColumns
from db.vectors.faiss.coded_columns import CodedColumn, KeysColumn, grown
from db.vectors.keys import location_key, path_key

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from db.vectors.base import Filter, Payload
    from db.vectors.facets import Facet
    from db.vectors.faiss.coded_columns import Mask, Slots


def _no_prices() -> NDArray[np.float64]:
    return np.zeros(0)


def _no_times() -> NDArray[np.int64]:
    return np.zeros(0, dtype=np.int64)


def _none_sold() -> NDArray[np.bool_]:
    return np.zeros(0, dtype=np.bool_)


@dataclass(slots=True)
class PayloadColumns:
    """One column per field of `Payload`. A missing price is NaN, for which every comparison is false."""

    prices: NDArray[np.float64] = field(default_factory=_no_prices)
    listed_at: NDArray[np.int64] = field(default_factory=_no_times)
    sold: NDArray[np.bool_] = field(default_factory=_none_sold)
    listings: CodedColumn[str] = field(default_factory=CodedColumn)
    categories: CodedColumn[str] = field(default_factory=CodedColumn)
    currencies: CodedColumn[str | None] = field(default_factory=CodedColumn)
    regions: CodedColumn[str] = field(default_factory=CodedColumn)
    sellers: CodedColumn[str] = field(default_factory=CodedColumn)
    places: KeysColumn = field(default_factory=KeysColumn)
    paths: KeysColumn = field(default_factory=KeysColumn)
    attributes: AttributeColumns = field(default_factory=AttributeColumns)

    def put(self, slots: Slots, payloads: Sequence[Payload]) -> None:
        """Set the payloads of `slots`, which must exist (see `grow`)."""
        self.prices[slots] = [np.nan if payload.price is None else payload.price for payload in payloads]
        self.listed_at[slots] = [payload.listed_at for payload in payloads]
        self.sold[slots] = [payload.sold for payload in payloads]
        self.listings.put(slots, [payload.listing_id for payload in payloads])
        self.categories.put(slots, [payload.category for payload in payloads])
        self.currencies.put(slots, [payload.currency for payload in payloads])
        self.regions.put(slots, [payload.region for payload in payloads])
        self.sellers.put(slots, [payload.seller for payload in payloads])
        self.places.put(slots, [payload.locations for payload in payloads])
        self.paths.put(slots, [payload.category_paths for payload in payloads])
        self.attributes.put(slots, [payload.attributes for payload in payloads])

    def grow(self, capacity: int) -> None:
        """Extend every column to `capacity` slots."""
        self.prices, self.listed_at = grown(self.prices, capacity), grown(self.listed_at, capacity)
        self.sold = grown(self.sold, capacity)
        self.attributes.grow(capacity)
        coded = (self.listings, self.categories, self.currencies, self.regions, self.sellers, self.places, self.paths)
        for column in coded:
            column.grow(capacity)

    def narrow(self, mask: Mask, where: Filter) -> None:
        """Clear the mask, shape (slot_count,), for slots whose payloads do not match `where`."""
        self._narrow_by_category_and_place(mask, where)
        self._narrow_by_price_and_time(mask, where)
        self._narrow_by_listing_and_seller(mask, where)
        if where.sold is not None:
            mask &= self.sold[: len(mask)] == where.sold
        self.attributes.narrow(mask, where.attributes)

    def facet(self, name: str, mask: Mask, where: Filter) -> Facet:
        """Count the photos and the listings in the slots of the mask; see `VectorIndex.facet`.

        Photos of one listing share its payload, so one slot of each listing counts listings.
        """
        listings = self._counts(name, self.listings.one_slot_each(mask), where)
        return facet_of(self._counts(name, mask, where), name=name, listings=listings)

    def _counts(self, name: str, mask: Mask, where: Filter) -> dict[str, int]:
        """Return how many slots of the mask have each value of a field, by token."""
        if name == PATH_FACET:
            return next_levels(self.paths.key_counts(mask), where.category_path)
        if name == "sold":
            sold = int(np.count_nonzero(mask & self.sold[: len(mask)]))
            counts = {token_of(True): sold, token_of(False): int(np.count_nonzero(mask)) - sold}
            return {token: count for token, count in counts.items() if count}
        coded: dict[str, CodedColumn[Any]] = {
            "category": self.categories,
            "currency": self.currencies,
            "seller": self.sellers,
        }
        if name not in coded:
            return self.attributes.counts(name, mask)
        return {token_of(value): count for value, count in coded[name].counts(mask).items() if value}

    def _narrow_by_category_and_place(self, mask: Mask, where: Filter) -> None:
        if where.categories:
            mask &= self.categories.is_any_of(where.categories, len(mask))
        if where.category_path is not None:
            mask &= self.paths.includes(path_key(where.category_path), len(mask))
        if where.location is not None:
            mask &= self.places.includes(location_key(where.location), len(mask))
        if where.region is not None:
            mask &= self.regions.is_any_of([location_key(where.region)], len(mask))

    def _narrow_by_price_and_time(self, mask: Mask, where: Filter) -> None:
        if where.price_min is not None:
            mask &= self.prices[: len(mask)] >= where.price_min
        if where.price_max is not None:
            mask &= self.prices[: len(mask)] <= where.price_max
        if where.currency is not None:
            mask &= self.currencies.is_any_of([where.currency], len(mask))
        if where.listed_since is not None:
            mask &= self.listed_at[: len(mask)] >= where.listed_since

    def _narrow_by_listing_and_seller(self, mask: Mask, where: Filter) -> None:
        if where.excluded_listing_ids:
            mask &= ~self.listings.is_any_of(where.excluded_listing_ids, len(mask))
        if where.sellers:
            mask &= self.sellers.is_any_of(where.sellers, len(mask))
        if where.excluded_sellers:
            mask &= ~self.sellers.is_any_of(where.excluded_sellers, len(mask))
