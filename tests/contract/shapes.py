"""All filter shapes, each at selectivities from the whole collection down to a thousandth."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cache
from itertools import product
from typing import TypeAlias

import numpy as np

from db.vectors.base import NO_FILTER, Filter
from tests.contract.oracle import Oracle

SELECTIVITIES = (1.0, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001)

Candidates: TypeAlias = Callable[[Oracle], Iterable[Filter]]


def filters_of(shape: str, oracle: Oracle) -> list[Filter]:
    """Return the distinct filters of `filters_at`."""
    return list(dict.fromkeys(filters_at(shape, oracle)))


@cache
def filters_at(shape: str, oracle: Oracle) -> tuple[Filter, ...]:
    """Return, for each selectivity, the filter of that shape that comes nearest to it; all that match nothing."""
    matching = {where: oracle.selectivity(where) for where in SHAPES[shape](oracle)}
    possible = {where: share for where, share in matching.items() if share > 0}
    if not possible:
        return tuple(matching)
    return tuple(_nearest(possible, target) for target in SELECTIVITIES)


def _nearest(shares: dict[Filter, float], target: float) -> Filter:
    return min(shares, key=lambda where: abs(np.log(shares[where] / target)))


def _categories(oracle: Oracle) -> list[str]:
    return sorted({point.payload.category for point in oracle.points.values()})


def _locations(oracle: Oracle) -> list[str]:
    return sorted({key for point in oracle.points.values() for key in point.payload.locations})


def _prices(oracle: Oracle) -> list[float]:
    prices = [point.payload.price for point in oracle.points.values() if point.payload.price is not None]
    shares = sorted({*SELECTIVITIES, *(1 - share for share in SELECTIVITIES)})
    return [float(price) for price in np.quantile(prices, shares, method="nearest")]


def _several_categories(oracle: Oracle) -> Iterable[Filter]:
    names = _categories(oracle)
    return [
        Filter(categories=frozenset(names[start:stop]))
        for start in range(len(names))
        for stop in range(start + 2, len(names) + 1)
    ] + [Filter(categories=frozenset({name, "No such category"})) for name in names]


def _three_at_once(oracle: Oracle) -> Iterable[Filter]:
    return [
        Filter(categories=frozenset({category}), price_min=low, location=place.upper())
        for category, low, place in product(_categories(oracle)[::2], _prices(oracle)[::2], _locations(oracle)[::10])
    ]


def _exclusions(oracle: Oracle) -> Iterable[Filter]:
    listings = sorted({point.payload.listing_id for point in oracle.points.values()})
    kept = [max(1, round(share * len(listings))) for share in SELECTIVITIES]
    return [Filter(excluded_listing_ids=frozenset(listings[count:])) for count in kept if count < len(listings)] + [
        Filter(excluded_listing_ids=frozenset({"no such listing"})),
        Filter(excluded_listing_ids=frozenset(listings[:3]), categories=frozenset({"Home & Garden"})),
    ]


def _category_paths(oracle: Oracle) -> Iterable[Filter]:
    paths = sorted({key for point in oracle.points.values() for key in point.payload.category_paths})
    return [Filter(category_path=f" {path.upper()}  ") for path in paths]


def _currency_and_prices(oracle: Oracle) -> Iterable[Filter]:
    return [
        Filter(currency=currency, price_min=low, price_max=high)
        for currency, low, high in product(("GBP", "EUR", "PLN"), _prices(oracle)[::2], _prices(oracle)[::2])
    ]


def _regions(oracle: Oracle) -> Iterable[Filter]:
    return [Filter(region=region.title()) for region in sorted({p.payload.region for p in oracle.points.values()})]


def _listed_since(oracle: Oracle) -> Iterable[Filter]:
    times = sorted(point.payload.listed_at for point in oracle.points.values())
    return [Filter(listed_since=times[-max(1, round(share * len(times)))]) for share in SELECTIVITIES]


def _sellers(oracle: Oracle) -> list[str]:
    return sorted({point.payload.seller for point in oracle.points.values()})


def _same_sellers(oracle: Oracle) -> Iterable[Filter]:
    names = _sellers(oracle)
    return [Filter(sellers=frozenset({name})) for name in names] + [
        Filter(sellers=frozenset(names[:count]) | {"nobody"}) for count in range(2, len(names), 3)
    ]


def _other_sellers(oracle: Oracle) -> Iterable[Filter]:
    names = _sellers(oracle)
    return [
        *(Filter(excluded_sellers=frozenset({name, "nobody"})) for name in names),
        *(Filter(excluded_sellers=frozenset(names) - {name}) for name in names),
        *(Filter(excluded_sellers=frozenset(names[:5]), categories=frozenset({name})) for name in _categories(oracle)),
    ]


def _all_at_once(oracle: Oracle) -> Iterable[Filter]:
    middle = int(np.median([point.payload.listed_at for point in oracle.points.values()]))
    pairs = product(_category_paths(oracle), _sellers(oracle)[:3], (0, middle))
    return [
        replace(path, price_min=0.0, currency="GBP", listed_since=since, excluded_sellers=frozenset({seller}))
        for path, seller, since in pairs
    ]


def _impossible(oracle: Oracle) -> Iterable[Filter]:
    everything = frozenset(point.payload.listing_id for point in oracle.points.values())
    return [
        Filter(categories=frozenset({"No such category"})),
        Filter(location="Atlantis"),
        Filter(location=""),
        Filter(price_min=2.0, price_max=1.0),
        Filter(price_min=1e12),
        Filter(excluded_listing_ids=everything),
        Filter(category_path="Home & Garden / No such kind"),
        Filter(category_path=""),
        Filter(currency="gbp"),
        Filter(currency=""),
        Filter(region="Atlantis"),
        Filter(listed_since=2**40),
        Filter(sellers=frozenset({"nobody"})),
        Filter(excluded_sellers=frozenset(_sellers(oracle))),
    ]


SHAPES: dict[str, Candidates] = {
    "none": lambda _oracle: [NO_FILTER],
    "one category": lambda oracle: [Filter(categories=frozenset({name})) for name in _categories(oracle)],
    "several categories": _several_categories,
    "price min": lambda oracle: [Filter(price_min=low) for low in _prices(oracle)],
    "price max": lambda oracle: [Filter(price_max=high) for high in _prices(oracle)],
    "price range": lambda oracle: [
        Filter(price_min=low, price_max=high) for low, high in product(_prices(oracle), repeat=2)
    ],
    "location": lambda oracle: [Filter(location=place) for place in _locations(oracle)],
    "category and price": lambda oracle: [
        Filter(categories=frozenset({name}), price_max=high)
        for name, high in product(_categories(oracle), _prices(oracle))
    ],
    "category and location": lambda oracle: [
        Filter(categories=frozenset({name}), location=place)
        for name, place in product(_categories(oracle), _locations(oracle)[::5])
    ],
    "category, price and location": _three_at_once,
    "exclusions": _exclusions,
    "category path": _category_paths,
    "currency and price range": _currency_and_prices,
    "region": _regions,
    "listed since": _listed_since,
    "same sellers": _same_sellers,
    "other sellers": _other_sellers,
    "path, price, currency, time and seller": _all_at_once,
    "impossible": _impossible,
}
