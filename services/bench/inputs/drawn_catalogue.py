"""A random catalogue for the search benchmark: payloads for drawn embeddings, and filters of known selectivity."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from db.vectors.attributes import AttributeCondition, Attributes, AttributeValue, attribute_key
from db.vectors.base import NO_FILTER, Filter, Payload, Point
from db.vectors.keys import location_key, location_keys

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from services.bench.inputs.drawn_embeddings import DrawnEmbeddings

CATEGORY_SHARES = {"20 %": 0.2, "5 %": 0.05, "1 %": 0.01, "0.1 %": 0.001}
"""Share of the listings in each category; all other listings are in `_OTHERS`."""

_OTHERS = "others"
_MISPLACED = 0.1
"""Share of the listings whose category is unrelated to their photos."""

_PLACES = ("Manchester", "Leeds", "Bristol", "Cardiff", "Glasgow", "Norwich", "Exeter", "York", "Derby", "Bath")
_PRICE_MEDIAN, _PRICE_SIGMA = 30.0, 1.3
_CURRENCIES, _CURRENCY_SHARES = ("GBP", "EUR"), (0.8, 0.2)
_SELLERS_PER_LISTING = 0.2
_SOLD_SHARE = 0.1

BRAND_SHARES = {"10 %": 0.1, "0.5 %": 0.005}
"""Share of the listings of each of these brands; all others have one of `_OTHER_BRANDS` brands."""

_OTHER_BRANDS = 500
_LIGHT = AttributeCondition("weight_kg", maximum=1.0)
"""Satisfied by half of the listings."""

_NEWEST, _SPAN_S = 1_700_000_000, 365 * 86_400
_QUERIES_AT_ONCE = 32


@dataclass(frozen=True, slots=True)
class Shape:
    """A kind of filter: one filter for all queries, or one for each query."""

    name: str
    filters: tuple[Filter, ...]

    def of(self, query: int) -> Filter:
        return self.filters[query % len(self.filters)]


class DrawnCatalogue:
    """Drawn embeddings with random payloads. Photo i has the vector in row i and belongs to listing `listings[i]`.

    A category is a run of clusters in random order, so that most photos that look alike share a category, as in a
    marketplace. The categories' shares are exact to a listing. Prices are lognormal; places, sellers, dates and
    attributes are independent of everything else.
    """

    def __init__(self, drawn: DrawnEmbeddings, *, seed: int) -> None:
        self.vectors, self._listings = drawn.vectors, drawn.listings
        firsts = np.flatnonzero(np.ediff1d(drawn.listings, to_begin=1))
        rng = np.random.default_rng(seed)
        self._payloads = _payloads(_categories(drawn.clusters[firsts], rng), rng)

    def points(self) -> Iterator[Point]:
        for photo_id, (listing, vector) in enumerate(zip(self._listings.tolist(), self.vectors, strict=True)):
            yield Point(photo_id, vector, self._payloads[listing])

    def share(self, where: Filter) -> float:
        """Return the share of the photos that match the filter, 0 to 1."""
        return float(self._mask(where).mean())

    def nearest(self, queries: NDArray[np.float32], shape: Shape, *, k: int) -> list[set[int]]:
        """Return the `k` nearest photos of each query that match its filter, by comparing it with all photos.

        Drawn vectors can be equal. Ties go to the lowest ids, as in `best_hits`.
        """
        nearest: list[set[int]] = []
        for start in range(0, len(queries), _QUERIES_AT_ONCE):
            scores = queries[start : start + _QUERIES_AT_ONCE] @ self.vectors.T
            for number, row in enumerate(scores, start):
                row[~self._mask(shape.of(number))] = -np.inf
                border = np.partition(row, -k)[-k]
                above, tied = np.flatnonzero(row > border), np.flatnonzero((row == border) & (row > -np.inf))
                nearest.append({*above.tolist(), *tied[: k - len(above)].tolist()})
        return nearest

    def shapes(self, queries: NDArray[np.float32]) -> Sequence[Shape]:
        """Return the kinds of filters to measure. `exclusions` excludes each query's nearest listing."""
        wide, narrow = self._prices_around(0.25), self._prices_around(0.01)
        place, big = _PLACES[0].upper(), Filter(categories=frozenset({"20 %"}))
        nearest = [photo for photos in self.nearest(queries, Shape("", (NO_FILTER,)), k=1) for photo in photos]
        excluded = [self._payloads[int(self._listings[photo])].listing_id for photo in nearest]
        return (
            Shape("none", (NO_FILTER,)),
            *(Shape(f"category, {name}", (Filter(categories=frozenset({name})),)) for name in CATEGORY_SHARES),
            Shape("price, wide", (wide,)),
            Shape("price, narrow", (narrow,)),
            Shape("category and price", (replace(wide, categories=big.categories),)),
            Shape("location", (Filter(location=place),)),
            *(Shape(f"brand, {name}", (_branded(name),)) for name in BRAND_SHARES),
            Shape("attributes and price", (replace(wide, attributes=_branded("10 %").attributes | {_LIGHT}),)),
            Shape("not sold", (Filter(sold=False),)),
            Shape("three at once", (replace(wide, categories=big.categories, location=place),)),
            Shape("exclusions", tuple(Filter(excluded_listing_ids=frozenset({listing})) for listing in excluded)),
        )

    def _prices_around(self, share: float) -> Filter:
        low, high = np.quantile(self._prices, (0.5 - share, 0.5 + share))
        return Filter(price_min=float(low), price_max=float(high), currency=_CURRENCIES[0])

    @cached_property
    def _prices(self) -> list[float]:
        return [payload.price for payload in self._payloads if payload.price is not None]

    @cached_property
    def _masks(self) -> dict[Filter, NDArray[np.bool_]]:
        return {}

    def _mask(self, where: Filter) -> NDArray[np.bool_]:
        shared = replace(where, excluded_listing_ids=frozenset())
        if shared not in self._masks:
            matches = np.array([shared.matches(payload) for payload in self._payloads])
            self._masks[shared] = matches[self._listings]
        excluded = [int(listing) for listing in where.excluded_listing_ids]
        return self._masks[shared] & ~np.isin(self._listings, excluded) if excluded else self._masks[shared]


def _branded(name: str) -> Filter:
    return Filter(attributes=frozenset({AttributeCondition("brand", frozenset({attribute_key(f"Brand {name}")}))}))


def _categories(clusters: NDArray[np.int64], rng: np.random.Generator) -> list[str]:
    """Return a category for each listing, chosen by its cluster."""
    count = len(clusters)
    order = rng.permutation(int(clusters.max()) + 1)[clusters] + rng.random(count)
    misplaced = rng.random(count) < _MISPLACED
    order[misplaced] = rng.permutation(order[misplaced])
    categories = np.full(count, _OTHERS, dtype=object)
    ends = np.rint(np.cumsum(list(CATEGORY_SHARES.values())) * count).astype(np.int64)
    for name, start, end in zip(CATEGORY_SHARES, [0, *ends], ends, strict=False):
        categories[np.argsort(order)[start:end]] = name
    return categories.tolist()


def _payloads(categories: list[str], rng: np.random.Generator) -> list[Payload]:
    count = len(categories)
    prices = np.round(rng.lognormal(np.log(_PRICE_MEDIAN), _PRICE_SIGMA, count), 2).tolist()
    currencies = rng.choice(_CURRENCIES, count, p=_CURRENCY_SHARES).tolist()
    places = [f"Town {town}, {_PLACES[town % len(_PLACES)]}" for town in range(20 * len(_PLACES))]
    keys = [location_keys(place) for place in places]
    towns = rng.integers(len(places), size=count).tolist()
    sellers = rng.integers(max(1, round(_SELLERS_PER_LISTING * count)), size=count).tolist()
    times = (_NEWEST - rng.integers(_SPAN_S, size=count)).tolist()
    sold, attributes = (rng.random(count) < _SOLD_SHARE).tolist(), _attributes(count, rng)
    return [
        Payload(
            listing_id=str(number),
            category=categories[number],
            price=prices[number],
            locations=keys[towns[number]],
            category_paths=(categories[number],),
            currency=currencies[number],
            region=location_key(_PLACES[towns[number] % len(_PLACES)]),
            seller=f"seller-{sellers[number]}",
            listed_at=times[number],
            sold=sold[number],
            attributes=attributes[number],
        )
        for number in range(count)
    ]


def _attributes(count: int, rng: np.random.Generator) -> list[Attributes]:
    """Return ten attributes for each listing: texts with few and many values, numbers and a boolean."""
    shares = [*BRAND_SHARES.values(), *np.full(_OTHER_BRANDS, (1 - sum(BRAND_SHARES.values())) / _OTHER_BRANDS)]
    brands = [f"Brand {name}" for name in (*BRAND_SHARES, *range(_OTHER_BRANDS))]
    columns: dict[str, list[AttributeValue]] = {
        "boxed": (rng.random(count) < 0.5).tolist(),
        "brand": [brands[brand] for brand in rng.choice(len(brands), size=count, p=shares)],
        "model": [f"Model {number}" for number in rng.integers(max(1, count // 4), size=count)],
        "size": (rng.integers(40, size=count) / 2).tolist(),
        "weight_kg": np.round(rng.lognormal(0, 1, count), 3).tolist(),
        "year": rng.integers(1990, 2026, size=count).astype(np.float64).tolist(),
    }
    for name, values in {"colour": 12, "condition": 4, "material": 30, "style": 60}.items():
        columns[name] = [f"{name} {number}" for number in rng.integers(values, size=count)]
    names = sorted(columns)
    return [tuple(zip(names, row, strict=True)) for row in zip(*(columns[name] for name in names), strict=True)]
