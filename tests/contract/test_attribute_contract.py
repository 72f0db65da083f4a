"""How attributes are compared, and counted in facets: the same in every engine."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from db.vectors.attributes import AttributeCondition, attribute_key
from db.vectors.base import NO_FILTER, Filter, Payload, Point
from db.vectors.facets import LISTING_FACETS, MAX_FACET_VALUES, PATH_FACET, Facet, FacetValue
from db.vectors.keys import path_keys
from db.vectors.qdrant import attribute_fields
from tests.contract.catalogue import make_catalogue
from tests.contract.oracle import comparable
from tests.contract.shapes import ATTRIBUTES, SHAPES, filters_at

if TYPE_CHECKING:
    from db.vectors.attributes import Attributes, AttributeValue
    from db.vectors.base import VectorIndex
    from tests.contract.engines import IndexFactory
    from tests.contract.oracle import Oracle

VECTORS = [point.vector for point in make_catalogue(20).points]
SPELLINGS: list[AttributeValue] = ["Acme", " ACME", "acme", "Bolt", 42.0, "42", 42.5, -0.0, True, "True", False, "k: x"]


def holding(factory: IndexFactory, *attributes: Attributes) -> VectorIndex:
    """Make an index of listings with these attributes; their places are the photo ids."""
    index = factory()
    index.upsert([Point(at, VECTORS[at], Payload(f"l{at}", "c", attributes=one)) for at, one in enumerate(attributes)])
    return index


def found(index: VectorIndex, *conditions: AttributeCondition) -> list[int]:
    """Return the ids of all photos that satisfy the conditions, sorted. The count must agree."""
    where = Filter(attributes=frozenset(conditions))
    ids = sorted(hit.photo_id for hit in index.search(VECTORS[0], len(VECTORS), where))
    assert index.count(where) == len(ids)
    return ids


def having(name: str, *values: AttributeValue) -> AttributeCondition:
    return AttributeCondition(name, frozenset(map(attribute_key, values)))


@pytest.fixture(scope="module")
def spelled(factory_for_all: IndexFactory) -> VectorIndex:
    """Listings with each of `SPELLINGS`, and one without the attribute."""
    return holding(factory_for_all, *((("x", value),) for value in SPELLINGS), ())


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["acme"], [0, 1, 2]),
        (["ACME ", "bolt"], [0, 1, 2, 3]),
        ([42.0], [4, 5]),
        (["42"], [4, 5]),
        ([0.0], [7]),
        ([True], [8, 9]),
        ([False], [10]),
        (["K:  X"], [11]),
        (["acm"], []),
        (["tAcme"], []),
    ],
)
def test_values_match_without_regard_to_case_blanks_and_type(
    spelled: VectorIndex, values: list[AttributeValue], expected: list[int]
) -> None:
    assert found(spelled, having("x", *values)) == expected


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(42.0, 42.5, [4, 6]), (42.1, None, [6]), (None, 42.0, [4, 7]), (0.0, 0.0, [7]), (43.0, None, [])],
)
def test_ranges_are_inclusive_and_match_numbers_only(
    spelled: VectorIndex, low: float | None, high: float | None, expected: list[int]
) -> None:
    assert found(spelled, AttributeCondition("x", minimum=low, maximum=high)) == expected


def test_a_missing_or_unknown_attribute_never_matches(spelled: VectorIndex) -> None:
    assert found(spelled, AttributeCondition("y", minimum=-1e9)) == []
    assert found(spelled, having("y", "acme")) == []
    assert len(SPELLINGS) not in found(spelled, having("x", *SPELLINGS))


def test_several_conditions_must_all_match(index_factory: IndexFactory) -> None:
    index = holding(index_factory, (("a", "x"), ("b", 1.0)), (("a", "x"), ("b", 2.0)), (("b", 1.0),))
    assert found(index, having("a", "x"), having("b", 1.0)) == [0]
    assert found(index, having("a", "x"), having("a", "y")) == []


def test_values_of_any_text_can_be_told_apart(index_factory: IndexFactory) -> None:
    texts = ["a'b\"c\\d", "emoji 🛋️", "日本語", "x" * 200, "null", "1.5.", "a:b", "[]", "ß"]
    index = holding(index_factory, *((("größe_2", text),) for text in texts))
    assert [found(index, having("größe_2", text)) for text in texts] == [[at] for at in range(len(texts))]


def test_a_replaced_photo_loses_its_earlier_attributes(index_factory: IndexFactory) -> None:
    index = holding(index_factory, (("brand", "Acme"), ("size", 3.0)), (("brand", "Acme"),))
    index.upsert([Point(0, VECTORS[0], Payload("l0", "c", attributes=(("colour", "red"),)))])

    assert found(index, having("brand", "Acme")) == [1]
    assert found(index, AttributeCondition("size", minimum=0.0)) == []
    assert index.facet("size").values == ()
    assert found(index, having("colour", "Red")) == [0]


def test_a_photo_of_a_sold_listing_matches_only_sold(index_factory: IndexFactory) -> None:
    index = index_factory()
    index.upsert([Point(at, VECTORS[at], Payload("l", "c", sold=sold)) for at, sold in enumerate((True, False, False))])
    assert [index.count(Filter(sold=sold)) for sold in (True, False, None)] == [1, 2, 3]


@pytest.mark.parametrize("name", ["", "a.b", "a b", 'a"', "x" * 41, "a[]"])
def test_a_name_that_is_no_word_is_refused(spelled: VectorIndex, name: str) -> None:
    with pytest.raises(ValueError, match="is not the name of an attribute"):
        spelled.upsert([Point(0, VECTORS[0], Payload("l", "c", attributes=((name, "x"),)))])
    with pytest.raises(ValueError, match="is not the name of an attribute"):
        spelled.count(Filter(attributes=frozenset({having(name, "x")})))


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_a_number_that_is_not_finite_is_refused(spelled: VectorIndex, number: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        spelled.upsert([Point(0, VECTORS[0], Payload("l", "c", attributes=(("x", number),)))])
    with pytest.raises(ValueError, match="finite"):
        spelled.count(Filter(attributes=frozenset({AttributeCondition("x", minimum=number)})))


def facet_by_counting(oracle: Oracle, name: str, where: Filter) -> Facet:
    """Count the values of a field in every payload that the filter matches."""
    points = list(oracle.points.values())
    payloads = [points[row].payload for row in oracle.rows(where)]
    valued = [(value, payload) for payload in payloads for value in values_of(payload, name, where)]
    joined: dict[AttributeValue, list[tuple[AttributeValue, str]]] = {}
    for value, payload in valued:
        key = value if name in LISTING_FACETS else comparable(value)
        joined.setdefault(key, []).append((value, payload.listing_id))
    order = sorted(joined, key=lambda key: (-len(joined[key]), comparable(key) if name == "sold" else key))
    numbers = [value for value, _ in valued if type(value) is float]
    listings = {key: len({listing_id for _, listing_id in joined[key]}) for key in order}
    return Facet(
        tuple(
            FacetValue(most_frequent([value for value, _ in joined[key]]), len(joined[key]), listings[key])
            for key in order[:MAX_FACET_VALUES]
        ),
        max(0, len(order) - MAX_FACET_VALUES),
        len(valued),
        min(numbers, default=None),
        max(numbers, default=None),
        sum(listings.values()),
    )


def values_of(payload: Payload, name: str, where: Filter) -> list[AttributeValue]:
    """Return the values that a facet counts for a payload."""
    if name == PATH_FACET:
        above = [*where.category_path.split(" / ")] if where.category_path else []
        levels = [key.split(" / ") for key in payload.category_paths]
        return [
            " / ".join(one)
            for one in levels
            if len(one) == len(above) + 1 and one[:-1] == [" ".join(level.casefold().split()) for level in above]
        ]
    if name in LISTING_FACETS:
        return [value for value in [getattr(payload, name)] if value not in (None, "")]
    return [value for key, value in payload.attributes if key == name]


def as_counted_by(engine: str, facet: Facet) -> Facet:
    """Return the facet as the engine counts it: Qdrant counts only photos."""
    if engine.startswith("faiss"):
        return facet
    return replace(facet, values=tuple(replace(one, listings=None) for one in facet.values), listings=None)


def most_frequent(spellings: list[AttributeValue]) -> AttributeValue:
    """Return the value with most occurrences; numbers precede texts among equals, as their tokens do."""
    counts = Counter((type(value).__name__ == "str", value) for value in spellings)
    return min(counts, key=lambda one: (-counts[one], one[0], str(one[1])))[1]


@pytest.mark.parametrize("name", [*LISTING_FACETS, *ATTRIBUTES])
def test_facets_count_the_photos_and_listings_that_pass_the_filter(
    filled_index: VectorIndex, engine: str, oracle: Oracle, name: str
) -> None:
    shapes = ("none", "attribute, range", "attributes, price, category and exclusions", "exclusions", "impossible")
    if name == PATH_FACET:
        shapes = (*shapes, "category path")
    filters = dict.fromkeys(where for shape in shapes for where in filters_at(shape, oracle)[::2])
    for where in filters:
        assert filled_index.facet(name, where) == as_counted_by(engine, facet_by_counting(oracle, name, where)), where


def test_a_listing_in_several_categories_counts_in_each(index_factory: IndexFactory) -> None:
    paths = (*path_keys(("Home", "Lamps")), *path_keys(("Sale", "Lamps")))
    index = index_factory()
    index.upsert([Point(at, VECTORS[at], Payload("l", "Home", category_paths=paths)) for at in range(2)])
    assert [(one.value, one.photos) for one in index.facet(PATH_FACET).values] == [("home", 2), ("sale", 2)]
    below = index.facet(PATH_FACET, Filter(category_path="SALE"))
    assert [(one.value, one.photos) for one in below.values] == [("sale / lamps", 2)]


def test_the_facets_of_a_filter_add_up_to_its_photos(filled_index: VectorIndex, oracle: Oracle) -> None:
    for shape in SHAPES:
        where = filters_at(shape, oracle)[-1]
        assert filled_index.facet("sold", where).photos == filled_index.count(where)


def test_the_names_of_attributes_are_listed(filled_index: VectorIndex) -> None:
    assert filled_index.attribute_names() == sorted(ATTRIBUTES)


def test_facets_leave_out_deleted_photos(index_factory: IndexFactory) -> None:
    index = holding(index_factory, (("brand", "Acme"),), (("brand", "Bolt"),), (("brand", "Bolt"),))
    index.delete([0, 1])
    facet = Facet((FacetValue("Bolt", 1, 1),), photos=1, listings=1)
    assert index.facet("brand") == as_counted_by(index_factory.engine, facet)


def test_a_facet_joins_spellings_and_shows_the_most_frequent(spelled: VectorIndex) -> None:
    values = [(one.value, one.photos) for one in spelled.facet("x").values]
    expected = [(" ACME", 3), (42.0, 2), (True, 2), (0.0, 1), (42.5, 1), ("Bolt", 1), (False, 1), ("k: x", 1)]
    assert [(str(value), photos) for value, photos in values] == [(str(value), photos) for value, photos in expected]


def test_attributes_without_an_index_are_found_and_counted(
    index_factory: IndexFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attribute_fields, "MAX_INDEXED", 2)
    index = holding(index_factory, (("a", "x"), ("b", "y"), ("c", 3.0)), (("c", 4.0),), (("c", 4.0), ("d", True)))
    assert found(index, having("c", 4.0)) == [1, 2]
    assert found(index, AttributeCondition("c", minimum=3.5)) == [1, 2]
    values = (FacetValue(4.0, 2, 2), FacetValue(3.0, 1, 1))
    facet = Facet(values, photos=3, minimum=3.0, maximum=4.0, listings=3)
    assert index.facet("c") == as_counted_by(index_factory.engine, facet)
    assert index.facet("c", Filter(attributes=frozenset({having("d", True)}))).photos == 1


def test_more_values_than_a_facet_shows_are_counted(index_factory: IndexFactory) -> None:
    index = index_factory()
    points = make_catalogue(120).points
    index.upsert(
        [
            replace(point, payload=replace(point.payload, attributes=(("mpn", f"{at // 2:03}"),)))
            for at, point in enumerate(points)
        ]
    )
    facet = index.facet("mpn", NO_FILTER)
    assert ([one.value for one in facet.values], facet.more) == ([f"{at:03}" for at in range(50)], 10)
