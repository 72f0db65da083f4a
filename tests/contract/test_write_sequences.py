"""Random sequences of writes leave every engine with what brute force has."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from db.vectors.base import NO_FILTER, Filter, Payload, Point
from tests.contract.catalogue import make_catalogue
from tests.contract.comparison import ComparisonTally, Question, violations
from tests.contract.oracle import Oracle

if TYPE_CHECKING:
    from db.vectors.base import VectorIndex
    from tests.contract.engines import IndexFactory

SMALL = make_catalogue(24, 8, seed=3)
BACKGROUND = [replace(point, photo_id=10**6 + point.photo_id) for point in make_catalogue(700, 8, seed=4).points]
"""Enough points for FAISS to train its lists."""

ids = st.sampled_from([point.photo_id for point in SMALL.points])
payloads = st.builds(
    Payload,
    listing_id=st.sampled_from(["a", "b", "c"]),
    category=st.sampled_from(["x", "y"]),
    price=st.sampled_from([None, 1.0, 2.0]),
    locations=st.sampled_from([(), ("here",), ("here", "there")]),
)
points = st.builds(Point, ids, st.sampled_from([point.vector for point in SMALL.points]), payloads)
operations = st.lists(st.one_of(st.lists(points, max_size=6), st.lists(ids, max_size=6)), max_size=12)
FILTERS = (
    NO_FILTER,
    Filter(categories=frozenset({"x"})),
    Filter(price_min=2.0),
    Filter(location="there", excluded_listing_ids=frozenset({"a"})),
)


@pytest.fixture
def small_index(index_factory: IndexFactory) -> VectorIndex:
    """An index for vectors of size 8."""
    return index_factory(8)


SEQUENCES = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@settings(SEQUENCES, max_examples=10)
@given(operations=operations)
def test_a_sequence_of_writes_matches_brute_force(
    small_index: VectorIndex, engine: str, tally: ComparisonTally, operations: list[list[Point] | list[int]]
) -> None:
    check_sequence(small_index, engine, tally, operations)


@pytest.mark.slow
@settings(SEQUENCES, max_examples=50)
@given(operations=operations)
def test_any_sequence_of_writes_matches_brute_force(
    small_index: VectorIndex, engine: str, tally: ComparisonTally, operations: list[list[Point] | list[int]]
) -> None:
    check_sequence(small_index, engine, tally, operations)


def check_sequence(
    index: VectorIndex, engine: str, tally: ComparisonTally, operations: list[list[Point] | list[int]]
) -> None:
    """Begin anew, write and delete as told, and compare with what must be there."""
    index.delete(index.photo_ids().tolist())
    truth = {point.photo_id: point for point in BACKGROUND} if engine == "faiss-ivf" else {}
    index.upsert([*truth.values()])
    for operation in operations:
        written = [element for element in operation if isinstance(element, Point)]
        deleted = [element for element in operation if isinstance(element, int)]
        index.upsert(written)
        index.delete(deleted)
        truth |= {point.photo_id: point for point in written}
        truth = {photo_id: point for photo_id, point in truth.items() if photo_id not in deleted}

    assert index.photo_ids().tolist() == sorted(truth)
    for where in FILTERS:
        question = Question(SMALL.queries[0], 5, where)
        hits = index.search(question.vector, question.k, where)
        assert not tally.add(violations(hits, question, Oracle(truth.values())))
