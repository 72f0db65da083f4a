"""Searches of FAISS lists: exact ones, filters, probes, and nearly identical photos."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from db.vectors.base import Filter
from db.vectors.faiss.index import FaissIndex
from db.vectors.faiss.lists import IvfSettings
from tests.contract.catalogue import Catalogue, unit
from tests.contract.comparison import Question, violations
from tests.contract.faiss.ivf import ivf_index, points_of, recall
from tests.contract.oracle import Oracle
from tests.contract.shapes import filters_of


def test_exact_searches_ignore_lists(large: Catalogue, large_oracle: Oracle) -> None:
    index = ivf_index(large.points)

    for where in (
        where for shape in ("none", "one category", "exclusions") for where in filters_of(shape, large_oracle)
    ):
        for vector in large.queries[:2]:
            hits = index.search(vector, 20, where, exact=True)
            assert not violations(hits, Question(vector, 20, where), large_oracle)


def test_a_selective_filter_gets_an_exact_search(large: Catalogue, large_oracle: Oracle) -> None:
    index = ivf_index(large.points)
    narrow = [where for where in filters_of("category and price", large_oracle) if len(large_oracle.rows(where)) < 4000]

    assert narrow
    for where in narrow:
        question = Question(large.queries[0], 20, where)
        assert not violations(index.search(question.vector, 20, where), question, large_oracle)


def test_more_probes_find_more_neighbours(large: Catalogue, large_oracle: Oracle) -> None:
    def recall(probes: int) -> float:
        index = ivf_index(large.points, IvfSettings(lists=64, probes=probes))
        queries = [point.vector for point in large.points[::100]]
        right = [{hit.photo_id for hit in large_oracle.search(query, 20)} for query in queries]
        found = [{hit.photo_id for hit in index.search(query, 20)} for query in queries]
        return sum(len(a & b) for a, b in zip(right, found, strict=True)) / (20 * len(queries))

    assert recall(1) < recall(8) < recall(64) == pytest.approx(1.0, abs=0.005)


def test_more_hits_than_the_probed_lists_hold_are_still_found(large: Catalogue) -> None:
    index = ivf_index(large.points)

    assert len(index.search(large.queries[0], 5500)) == 5500
    assert len(index.search(large.queries[0], 5500, Filter(excluded_listing_ids=frozenset({"listing-1"})))) == 5500


def test_the_nearest_of_nearly_identical_photos_are_found() -> None:
    rng = np.random.default_rng(4)
    picture = unit(rng.normal(size=(1, 32)))
    copies = picture + 0.01 * rng.normal(size=(2000, 32))
    index = FaissIndex(32, kind="ivf", ivf=IvfSettings(lists=64))
    index.upsert(points_of(np.concatenate([copies, rng.normal(size=(8000, 32))])))

    assert recall(index, [unit(picture + 0.01 * rng.normal(size=picture.shape))[0] for _ in range(20)]) > 0.97


@pytest.mark.parametrize("photos", [1, 40, 700])
def test_excluded_listings_are_replaced_by_the_next_hits(large: Catalogue, photos: int) -> None:
    query = large.queries[0]
    by_score = sorted(large.points, key=lambda point: -float(point.vector @ query))
    merged = [replace(point, payload=replace(point.payload, listing_id="nearest")) for point in by_score[:photos]]
    points = [*merged, *by_score[photos:]]
    oracle = Oracle(points)
    question = Question(query, 20, Filter(excluded_listing_ids=frozenset({"nearest", "no such listing"})))

    for index in (FaissIndex(16), ivf_index(points, IvfSettings(lists=16, probes=16))):
        index.upsert(points)
        assert not violations(index.search(query, 20, question.where), question, oracle)
