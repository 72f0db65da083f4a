"""Every engine finds what brute force finds, under every filter.

At this size both Qdrants compare with every point that passes the filter, so their default mode is exact as well; so is
FAISS's IVF, where every list is probed and codes choose a quarter of the points to be compared.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations, product
from typing import TYPE_CHECKING

import numpy as np
import pytest

from db.vectors.base import NO_FILTER, Filter
from tests.contract.cases import IMPOSSIBLE, KS, MODES, QUERIES, Case, sampled_cases
from tests.contract.catalogue import VECTOR_SIZE, make_catalogue
from tests.contract.comparison import ComparisonTally, Question, violations
from tests.contract.shapes import SELECTIVITIES, SHAPES, filters_of

if TYPE_CHECKING:
    from db.vectors.base import VectorIndex
    from tests.contract.catalogue import Catalogue
    from tests.contract.oracle import Oracle


@pytest.mark.parametrize("shape", SHAPES)
def test_hits_match_brute_force_in_a_pairwise_sample(
    filled_index: VectorIndex, oracle: Oracle, catalogue: Catalogue, tally: ComparisonTally, shape: str
) -> None:
    wrong = []
    for case, where in sampled_cases(shape, oracle):
        question = Question(catalogue.queries[case.query], case.k, where)
        hits = filled_index.search(question.vector, question.k, where, **MODES[case.mode])
        wrong += tally.add(violations(hits, question, oracle))
    assert not wrong, wrong[:5]


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("shape", SHAPES)
def test_hits_match_brute_force_in_every_combination(
    filled_index: VectorIndex, oracle: Oracle, catalogue: Catalogue, tally: ComparisonTally, shape: str, mode: str
) -> None:
    wrong = []
    for where in filters_of(shape, oracle):
        for vector in catalogue.queries:
            for k in KS:
                hits = filled_index.search(vector, k, where, **MODES[mode])
                wrong += tally.add(violations(hits, Question(vector, k, where), oracle))
    assert not wrong, wrong[:5]


def test_the_sample_covers_every_pair_of_choices(oracle: Oracle) -> None:
    cases = [case for shape in SHAPES for case, _ in sampled_cases(shape, oracle)]
    selectivities = (*SELECTIVITIES, IMPOSSIBLE)
    choices = Case(tuple(SHAPES), selectivities, tuple(QUERIES), KS, tuple(MODES))  # type: ignore[arg-type]

    for one, other in combinations(Case._fields, 2):
        found = {(getattr(case, one), getattr(case, other)) for case in cases}
        every = set(product(getattr(choices, one), getattr(choices, other)))
        if (one, other) == ("shape", "selectivity"):
            every = {(shape, share) for shape, share in every if (shape == "impossible") == (share == IMPOSSIBLE)}
        assert found == every, f"{one} with {other}"


def test_the_oracle_selects_the_points_that_the_filter_matches(oracle: Oracle, filters: list[Filter]) -> None:
    for where in filters:
        matching = [row for row, point in enumerate(oracle.points.values()) if where.matches(point.payload)]
        assert oracle.rows(where).tolist() == matching, where


@pytest.mark.parametrize("shape", SHAPES)
def test_counts_match_brute_force_at_every_selectivity(filled_index: VectorIndex, oracle: Oracle, shape: str) -> None:
    for where in filters_of(shape, oracle):
        assert filled_index.count(where) == len(oracle.rows(where)), where


@pytest.mark.parametrize("shape", sorted(SHAPES.keys() - {"none", "impossible"}))
def test_the_filters_of_each_shape_cover_selectivities_from_a_tenth_to_a_thousandth(oracle: Oracle, shape: str) -> None:
    shares = [oracle.selectivity(where) for where in filters_of(shape, oracle)]

    assert max(shares) >= 0.1
    assert min(shares) <= 2 * SELECTIVITIES[-1]


@pytest.mark.parametrize("where", [NO_FILTER, Filter(excluded_listing_ids=frozenset({"listing-1", "listing-2"}))])
def test_searching_several_vectors_returns_the_hits_of_each(
    filled_index: VectorIndex, catalogue: Catalogue, where: Filter
) -> None:
    found = filled_index.search_each(catalogue.queries, 10, where)

    assert found == [filled_index.search(query, 10, where) for query in catalogue.queries]


def test_searching_without_vectors_returns_nothing(filled_index: VectorIndex) -> None:
    assert filled_index.search_each([], 10) == []


def test_a_photo_finds_itself_with_a_score_of_one(filled_index: VectorIndex, catalogue: Catalogue) -> None:
    point = catalogue.points[7]

    [hit] = filled_index.search(point.vector, 1)

    assert hit.photo_id == point.photo_id
    assert hit.score == pytest.approx(1.0, abs=1e-6)


def test_scores_stay_within_the_range_of_a_cosine(filled_index: VectorIndex, catalogue: Catalogue) -> None:
    for point in catalogue.points[:20]:
        for vector in (point.vector, -point.vector):
            assert all(-1.0 <= hit.score <= 1.0 for hit in filled_index.search(vector, 2000))


def test_equal_scores_are_sorted_by_photo_id_even_across_the_limit(index: VectorIndex) -> None:
    [point, *others] = make_catalogue(40).points
    copies = [replace(point, photo_id=photo_id) for photo_id in np.random.default_rng(1).permutation(300).tolist()]
    index.upsert([*copies, *(replace(other, photo_id=1000 + other.photo_id) for other in others)])

    hits = index.search(point.vector, 10)

    assert [hit.photo_id for hit in hits] == list(range(10))


def test_a_k_above_the_number_of_points_returns_all_points(filled_index: VectorIndex, oracle: Oracle) -> None:
    vector = next(iter(oracle.points.values())).vector

    hits = filled_index.search(vector, len(oracle.points) + 500)

    assert {hit.photo_id for hit in hits} == set(oracle.points)


def test_an_empty_index_has_no_hits(index: VectorIndex, catalogue: Catalogue) -> None:
    assert index.search(catalogue.queries[0], 10) == []
    assert index.search(catalogue.queries[0], 10, Filter(price_min=1.0), exact=True) == []


@pytest.mark.parametrize("k", [0, -1])
def test_a_k_below_one_is_refused(filled_index: VectorIndex, catalogue: Catalogue, k: int) -> None:
    with pytest.raises(ValueError, match=f"k is {k}; it must be at least 1"):
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
def test_an_invalid_query_vector_is_refused(filled_index: VectorIndex, vector: np.ndarray, problem: str) -> None:
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


def test_a_time_beyond_float_precision_is_refused(index: VectorIndex, catalogue: Catalogue) -> None:
    [point] = make_catalogue(1).points
    with pytest.raises(ValueError, match="within 9007199254740992 seconds"):
        index.search(point.vector, 10, Filter(listed_since=2**53 + 1))
    with pytest.raises(ValueError, match=f"listed_at of photo {point.photo_id}"):
        index.upsert([replace(point, payload=replace(point.payload, listed_at=-(2**53) - 1))])
    assert index.count() == 0
