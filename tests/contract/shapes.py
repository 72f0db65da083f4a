"""All filter shapes, each at selectivities from the whole collection down to a thousandth."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cache
from itertools import product
from typing import TypeAlias

import numpy as np

from db.vectors.attributes import AttributeCondition, AttributeValue
from db.vectors.base import NO_FILTER, Filter
from tests.contract.oracle import Oracle, comparable

SELECTIVITIES = (1.0, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001)
ATTRIBUTES = ("brand", "size", "weight_kg", "boxed", "größe")

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


def _sold(oracle: Oracle) -> Iterable[Filter]:
    return [
        *(Filter(sold=sold) for sold in (True, False)),
        *(
            Filter(sold=sold, categories=frozenset({name}))
            for sold, name in product((True, False), _categories(oracle))
        ),
    ]


def _attribute_values(oracle: Oracle, name: str) -> list[AttributeValue]:
    values = {value for point in oracle.points.values() for key, value in point.payload.attributes if key == name}
    return sorted(values, key=str)


def _having(name: str, *values: AttributeValue) -> AttributeCondition:
    return AttributeCondition(name, frozenset(map(comparable, values)))


def _with(*conditions: AttributeCondition) -> Filter:
    return Filter(attributes=frozenset(conditions))


def _one_value(oracle: Oracle) -> Iterable[Filter]:
    return [
        *(_with(_having(name, value)) for name in ATTRIBUTES for value in _attribute_values(oracle, name)[::3]),
        *(_with(_having("brand", value, "no such brand")) for value in _attribute_values(oracle, "brand")),
    ]


def _several_values(oracle: Oracle) -> Iterable[Filter]:
    values = {name: _attribute_values(oracle, name) for name in ("brand", "size")}
    return [
        _with(_having(name, *of_name[start:stop]))
        for name, of_name in values.items()
        for start, stop in product(range(0, len(of_name), 7), range(2, len(of_name), 5))
        if start < stop
    ]


def _numbers(oracle: Oracle) -> list[float]:
    numbers = [value for value in _attribute_values(oracle, "weight_kg") if not isinstance(value, str)]
    shares = sorted({*SELECTIVITIES, *(1 - share for share in SELECTIVITIES)})
    return [float(number) for number in np.quantile(numbers, shares, method="nearest")]


def _number_ranges(oracle: Oracle) -> Iterable[Filter]:
    bounds = [*product(_numbers(oracle), repeat=2), *((low, None) for low in _numbers(oracle))]
    return [
        *(_with(AttributeCondition("weight_kg", minimum=low, maximum=high)) for low, high in bounds),
        *(_with(AttributeCondition("size", maximum=high / 2)) for high in range(10)),
    ]


def _attributes_and_more(oracle: Oracle) -> Iterable[Filter]:
    light, high = AttributeCondition("weight_kg", maximum=_numbers(oracle)[-4]), _prices(oracle)[-6]
    listings = frozenset(sorted({point.payload.listing_id for point in oracle.points.values()})[:3])
    boxed, loose = _having("boxed", True), _having("boxed", False)
    return [
        _with(light),
        replace(_with(light, boxed), excluded_listing_ids=listings),
        *(
            filtered
            for brand in (_having("brand", value) for value in _attribute_values(oracle, "brand"))
            for filtered in (
                replace(_with(brand, light), price_max=high, sold=False),
                replace(_with(brand, loose), categories=frozenset({"Home & Garden"})),
            )
        ),
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
        _with(_having("brand", "No such brand")),
        _with(_having("no_such_name", "x")),
        _with(AttributeCondition("brand", minimum=0.0)),
        _with(AttributeCondition("weight_kg", minimum=2.0, maximum=1.0)),
        _with(_having("boxed", True), _having("boxed", False)),
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
    "sold": _sold,
    "attribute, one value": _one_value,
    "attribute, several values": _several_values,
    "attribute, range": _number_ranges,
    "attributes, price, category and exclusions": _attributes_and_more,
    "impossible": _impossible,
}
