"""What each field of a filter is compared with, and how: the same in every engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from db.vectors.base import NO_FILTER, Filter, Payload, Point
from db.vectors.keys import location_key, location_keys, path_keys
from tests.contract.catalogue import make_catalogue

if TYPE_CHECKING:
    from db.vectors.base import VectorIndex
    from tests.contract.engines import IndexFactory

VECTORS = [point.vector for point in make_catalogue(20).points]
TEXTS = ["", " ", "a'b\"c\\d", "emoji 🛋️", "日本語", "new\nline", "tab\t", "x" * 2000, "null", "true", "1.5"]
PATHS = (("Home & Garden", "Lamps", "Desk lamps"), ("Home & Garden", "Lamps"), ("Home & Garden Lamps",))
PRICES = (9.99, 10.0, 10.01, None)


def holding(factory: IndexFactory, payloads: list[Payload]) -> VectorIndex:
    """Make an index of these payloads; their places are the photo ids."""
    index = factory()
    index.upsert([Point(photo_id, VECTORS[photo_id], payload) for photo_id, payload in enumerate(payloads)])
    return index


def found(index: VectorIndex, where: Filter) -> list[int]:
    """Return the ids of all photos that the filter matches, sorted. The count must agree."""
    ids = sorted(hit.photo_id for hit in index.search(VECTORS[0], len(VECTORS), where))
    assert index.count(where) == len(ids)
    return ids


@pytest.fixture(scope="module")
def texts(factory_for_all: IndexFactory) -> VectorIndex:
    """Listings whose fields are each text."""
    return holding(
        factory_for_all, [Payload(text, text, locations=(location_key(text),), seller=text) for text in TEXTS]
    )


@pytest.mark.parametrize("text", TEXTS)
def test_any_text_works_as_category_place_seller_and_listing_id(texts: VectorIndex, text: str) -> None:
    number, chosen = TEXTS.index(text), frozenset({text})
    others = [other for other in range(len(TEXTS)) if other != number]
    at_one_place = [n for n, other in enumerate(TEXTS) if location_key(other) == location_key(text)]

    assert found(texts, Filter(categories=chosen)) == [number]
    assert found(texts, Filter(location=text)) == at_one_place
    assert found(texts, Filter(sellers=chosen)) == [number]
    assert found(texts, Filter(excluded_sellers=chosen)) == others
    assert found(texts, Filter(excluded_listing_ids=chosen)) == others


@pytest.fixture(scope="module")
def paths(factory_for_all: IndexFactory) -> VectorIndex:
    """Listings with category paths that resemble each other."""
    return holding(factory_for_all, [Payload(f"l{i}", p[0], category_paths=path_keys(p)) for i, p in enumerate(PATHS)])


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("Home & Garden", [0, 1]),
        ("home & garden  /  LAMPS ", [0, 1]),
        ("Home & Garden / Lamps / Desk lamps", [0]),
        ("Home & Garden / Lamp", []),
        ("Lamps", []),
        ("Home & Garden/Lamps", []),
    ],
)
def test_a_category_path_matches_by_its_first_levels_in_any_spelling(
    paths: VectorIndex, query: str, expected: list[int]
) -> None:
    assert found(paths, Filter(category_path=query)) == expected


@pytest.fixture(scope="module")
def details(factory_for_all: IndexFactory) -> VectorIndex:
    """Listings of two sellers and of none, in two currencies and in none, listed one second apart."""
    return holding(
        factory_for_all,
        [
            Payload("a", "c", 1.0, currency="GBP", region="kent", seller="ann", listed_at=99),
            Payload("b", "c", 1.0, currency="EUR", seller="ann", listed_at=100),
            Payload("d", "c", None, listed_at=101),
        ],
    )


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        (Filter(currency="GBP"), [0]),
        (Filter(currency="EUR"), [1]),
        (Filter(listed_since=100), [1, 2]),
        (Filter(listed_since=101), [2]),
        (Filter(listed_since=-(10**15)), [0, 1, 2]),
        (Filter(sellers=frozenset({"ann"}), listed_since=100), [1]),
        (Filter(excluded_sellers=frozenset({"ann"})), [2]),
        (Filter(sellers=frozenset({"ann"}), excluded_sellers=frozenset({"ann"})), []),
        (Filter(sellers=frozenset({""})), [2]),
        (Filter(region="KENT "), [0]),
        (Filter(region=""), [1, 2]),
    ],
)
def test_currency_time_seller_and_region_filters_match_the_listing(
    details: VectorIndex, where: Filter, expected: list[int]
) -> None:
    assert found(details, where) == expected


@pytest.fixture(scope="module")
def places(factory_for_all: IndexFactory) -> VectorIndex:
    """Listings at places whose names begin alike."""
    names = ("Delph, Manchester", "Delphi, Greece")
    return holding(factory_for_all, [Payload(name, "c", locations=location_keys(name)) for name in names])


@pytest.mark.parametrize("query", ["Delph, Manchester", " delph,   MANCHESTER", "manchester", "Delph"])
def test_a_location_matches_as_a_whole_and_by_each_part_in_any_spelling(places: VectorIndex, query: str) -> None:
    assert found(places, Filter(location=query)) == [0]


@pytest.fixture(scope="module")
def prices(factory_for_all: IndexFactory) -> VectorIndex:
    """Listings around a price, and one without a price."""
    return holding(factory_for_all, [Payload(f"l{number}", "c", price) for number, price in enumerate(PRICES)])


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        (Filter(price_min=10.0), [1, 2]),
        (Filter(price_max=10.0), [0, 1]),
        (Filter(price_min=10.0, price_max=10.0), [1]),
        (Filter(price_min=0.0), [0, 1, 2]),
        (NO_FILTER, [0, 1, 2, 3]),
    ],
)
def test_price_bounds_are_inclusive_and_exclude_listings_without_a_price(
    prices: VectorIndex, where: Filter, expected: list[int]
) -> None:
    assert found(prices, where) == expected
