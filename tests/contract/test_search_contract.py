"""Every engine finds what brute force finds, under every filter.

At this size both Qdrants compare with every point that passes the filter, so their default mode is exact as well; so is
FAISS's IVF, where every list is probed and codes choose a quarter of the points to be compared.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from db.vectors.base import NO_FILTER, Filter, Payload, Point, location_keys, path_keys
from tests.contract.catalogue import VECTOR_SIZE, make_catalogue
from tests.contract.comparison import Question, Tally, violations
from tests.contract.shapes import SELECTIVITIES, SHAPES, filters_of

if TYPE_CHECKING:
    from db.vectors.base import VectorIndex
    from tests.contract.catalogue import Catalogue
    from tests.contract.oracle import Oracle

KS = (1, 10, 100)


MODES: dict[str, dict[str, bool]] = {"default": {}, "without acorn": {"acorn": False}, "exact": {"exact": True}}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("shape", SHAPES)
def test_hits_are_those_of_brute_force_at_every_selectivity(
    filled_index: VectorIndex, engine: str, oracle: Oracle, catalogue: Catalogue, tally: Tally, shape: str, mode: str
) -> None:
    wrong = []
    for where in filters_of(shape, oracle):
        for vector in catalogue.queries:
            for k in KS:
                hits = filled_index.search(vector, k, where, **MODES[mode])
                wrong += tally.add(engine, violations(hits, Question(vector, k, where), oracle))
    assert not wrong, wrong[:5]


@pytest.mark.parametrize("shape", SHAPES)
def test_the_count_is_that_of_brute_force_at_every_selectivity(
    filled_index: VectorIndex, oracle: Oracle, shape: str
) -> None:
    for where in filters_of(shape, oracle):
        assert filled_index.count(where) == len(oracle.rows(where)), where


@pytest.mark.parametrize("shape", sorted(SHAPES.keys() - {"none", "impossible"}))
def test_the_filters_of_a_shape_range_from_a_tenth_to_a_thousandth_of_the_collection(
    oracle: Oracle, shape: str
) -> None:
    shares = [oracle.selectivity(where) for where in filters_of(shape, oracle)]

    assert max(shares) >= 0.1
    assert min(shares) <= 2 * SELECTIVITIES[-1]


@pytest.mark.parametrize("where", [NO_FILTER, Filter(excluded_listing_ids=frozenset({"listing-1", "listing-2"}))])
def test_searching_for_several_vectors_at_once_is_searching_for_each(
    filled_index: VectorIndex, catalogue: Catalogue, where: Filter
) -> None:
    found = filled_index.search_each(catalogue.queries, 10, where)

    assert found == [filled_index.search(query, 10, where) for query in catalogue.queries]


def test_searching_for_no_vector_finds_nothing(filled_index: VectorIndex) -> None:
    assert filled_index.search_each([], 10) == []


def test_a_photo_finds_itself_with_a_score_of_one(filled_index: VectorIndex, catalogue: Catalogue) -> None:
    point = catalogue.points[7]

    [hit] = filled_index.search(point.vector, 1)

    assert hit.photo_id == point.photo_id
    assert hit.score == pytest.approx(1.0, abs=1e-6)


def test_scores_never_leave_the_range_of_a_cosine(filled_index: VectorIndex, catalogue: Catalogue) -> None:
    for point in catalogue.points[:20]:
        for vector in (point.vector, -point.vector):
            assert all(-1.0 <= hit.score <= 1.0 for hit in filled_index.search(vector, 2000))


def test_equal_scores_come_by_ascending_photo_id_also_across_the_border_of_k(index: VectorIndex) -> None:
    [point, *others] = make_catalogue(40).points
    copies = [replace(point, photo_id=photo_id) for photo_id in np.random.default_rng(1).permutation(300).tolist()]
    index.upsert([*copies, *(replace(other, photo_id=1000 + other.photo_id) for other in others)])

    hits = index.search(point.vector, 10)

    assert [hit.photo_id for hit in hits] == list(range(10))


def test_more_hits_than_points_returns_every_point(filled_index: VectorIndex, oracle: Oracle) -> None:
    vector = next(iter(oracle.points.values())).vector

    hits = filled_index.search(vector, len(oracle.points) + 500)

    assert {hit.photo_id for hit in hits} == set(oracle.points)


def test_an_empty_index_has_no_hits(index: VectorIndex, catalogue: Catalogue) -> None:
    assert index.search(catalogue.queries[0], 10) == []
    assert index.search(catalogue.queries[0], 10, Filter(price_min=1.0), exact=True) == []


@pytest.mark.parametrize("k", [0, -1])
def test_asking_for_no_hits_is_refused(filled_index: VectorIndex, catalogue: Catalogue, k: int) -> None:
    with pytest.raises(ValueError, match="ask for at least one hit"):
        filled_index.search(catalogue.queries[0], k)


@pytest.mark.parametrize(
    ("vector", "problem"),
    [
        (np.full(VECTOR_SIZE, np.nan, dtype=np.float32), "unit length"),
        (np.zeros(VECTOR_SIZE, dtype=np.float32), "unit length"),
        (np.ones(VECTOR_SIZE, dtype=np.float32), "unit length"),
        (np.eye(1, VECTOR_SIZE + 1, dtype=np.float32)[0], f"size {VECTOR_SIZE}"),
    ],
    ids=["not a number", "zero", "too long", "wrong size"],
)
def test_an_unusable_query_is_refused(filled_index: VectorIndex, vector: np.ndarray, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        filled_index.search(vector, 10)


@pytest.mark.parametrize("bound", [np.nan, np.inf, -np.inf])
def test_a_price_bound_that_is_not_finite_is_refused(
    filled_index: VectorIndex, catalogue: Catalogue, bound: float
) -> None:
    with pytest.raises(ValueError, match="not finite"):
        filled_index.search(catalogue.queries[0], 10, Filter(price_max=bound))
    with pytest.raises(ValueError, match="not finite"):
        filled_index.count(Filter(price_min=bound))


def test_a_time_that_a_float_cannot_tell_from_the_next_is_refused(index: VectorIndex, catalogue: Catalogue) -> None:
    [point] = make_catalogue(1).points
    with pytest.raises(ValueError, match="within 9007199254740992 seconds"):
        index.search(point.vector, 10, Filter(listed_since=2**53 + 1))
    with pytest.raises(ValueError, match=f"listed_at of photo {point.photo_id}"):
        index.upsert([replace(point, payload=replace(point.payload, listed_at=-(2**53) - 1))])
    assert index.count() == 0


@pytest.mark.parametrize(
    "text", ["", " ", "a'b\"c\\d", "emoji 🛋️", "日本語", "new\nline", "tab\t", "x" * 2000, "null", "true", "1.5"]
)
def test_any_text_works_as_category_place_and_listing_id(index: VectorIndex, text: str) -> None:
    [one, other] = make_catalogue(2).points
    index.upsert(
        [
            replace(one, payload=Payload(text, text, locations=(text,), seller=text)),
            replace(other, payload=Payload("listing", "category", locations=("place",), seller="seller")),
        ]
    )

    assert [hit.photo_id for hit in index.search(one.vector, 5, Filter(categories=frozenset({text})))] == [one.photo_id]
    assert [hit.photo_id for hit in index.search(one.vector, 5, Filter(excluded_listing_ids=frozenset({text})))] == [
        other.photo_id
    ]
    assert [hit.photo_id for hit in index.search(one.vector, 5, Filter(sellers=frozenset({text})))] == [one.photo_id]
    assert [hit.photo_id for hit in index.search(one.vector, 5, Filter(excluded_sellers=frozenset({text})))] == [
        other.photo_id
    ]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("Home & Garden", [0, 1]),
        ("home & garden  /  LAMPS ", [0, 1]),
        ("Home & Garden / Lamps / Desk lamps", [0]),
        ("Home & Garden / Lamp", []),
        ("Lamps", []),
        ("Home & Garden/Lamps", []),
    ],
)
def test_a_category_path_is_found_by_its_first_levels_however_they_are_written(
    index: VectorIndex, query: str, found: list[int]
) -> None:
    vectors = [point.vector for point in make_catalogue(3).points]
    paths = [("Home & Garden", "Lamps", "Desk lamps"), ("Home & Garden", "Lamps"), ("Home & Garden Lamps",)]
    payloads = [Payload(f"l{i}", path[0], category_paths=path_keys(path)) for i, path in enumerate(paths)]
    index.upsert([Point(i, vectors[i], payload) for i, payload in enumerate(payloads)])

    assert sorted(hit.photo_id for hit in index.search(vectors[0], 10, Filter(category_path=query))) == found


@pytest.mark.parametrize(
    ("where", "found"),
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
    ids=str,
)
def test_currency_time_seller_and_region_are_compared_with_what_the_listing_has(
    index: VectorIndex, where: Filter, found: list[int]
) -> None:
    vectors = [point.vector for point in make_catalogue(3).points]
    index.upsert(
        [
            Point(0, vectors[0], Payload("a", "c", 1.0, currency="GBP", region="kent", seller="ann", listed_at=99)),
            Point(1, vectors[1], Payload("b", "c", 1.0, currency="EUR", seller="ann", listed_at=100)),
            Point(2, vectors[2], Payload("d", "c", None, listed_at=101)),
        ]
    )

    assert sorted(hit.photo_id for hit in index.search(vectors[0], 10, where)) == found
    assert index.count(where) == len(found)


@pytest.mark.parametrize("query", ["Delph, Manchester", " delph,   MANCHESTER", "manchester", "Delph"])
def test_a_location_is_found_by_the_whole_and_by_each_part_however_it_is_written(
    index: VectorIndex, query: str
) -> None:
    [here, there] = make_catalogue(2).points
    index.upsert(
        [
            replace(here, payload=Payload("a", "c", locations=location_keys("Delph, Manchester"))),
            replace(there, payload=Payload("b", "c", locations=location_keys("Delphi, Greece"))),
        ]
    )

    assert [hit.photo_id for hit in index.search(here.vector, 5, Filter(location=query))] == [here.photo_id]


@pytest.mark.parametrize(
    ("where", "found"),
    [
        (Filter(price_min=10.0), [1, 2]),
        (Filter(price_max=10.0), [0, 1]),
        (Filter(price_min=10.0, price_max=10.0), [1]),
        (Filter(price_min=0.0), [0, 1, 2]),
        (NO_FILTER, [0, 1, 2, 3]),
    ],
)
def test_price_bounds_are_inclusive_and_leave_out_listings_without_a_price(
    index: VectorIndex, where: Filter, found: list[int]
) -> None:
    vectors = [point.vector for point in make_catalogue(4).points]
    prices = [9.99, 10.0, 10.01, None]
    index.upsert([Point(i, vectors[i], Payload(f"l{i}", "c", price)) for i, price in enumerate(prices)])

    assert sorted(hit.photo_id for hit in index.search(vectors[0], 10, where)) == found
