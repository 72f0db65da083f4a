"""Searches of FAISS lists after points were replaced, moved or deleted."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import faiss
import numpy as np

from db.vectors.base import NO_FILTER, Filter
from db.vectors.faiss.index import FaissIndex
from db.vectors.faiss.lists import IvfSettings
from tests.contract.catalogue import Catalogue, unit
from tests.contract.comparison import Question, violations
from tests.contract.faiss.ivf import ivf_index, points_of, recall
from tests.contract.oracle import Oracle

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


THEME = ((600, 0.3), (200, 0.9), (9200, 30.0))
"""Photos that are gone, what is nearest without them, and all the others: how many, and how far from the theme."""


def test_points_replaced_after_training_are_found_once_at_their_new_vectors(large: Catalogue) -> None:
    index = ivf_index(large.points)
    moved = [replace(point, vector=-point.vector) for point in large.points[:3000]]

    index.upsert(moved)

    oracle = Oracle([*moved, *large.points[3000:]])
    assert index.count() == 6000
    for query in (-large.queries[0], large.queries[0]):
        question = Question(query, 6000, NO_FILTER)
        assert not violations(index.search(query, 6000, exact=True), question, oracle)


def test_points_replaced_repeatedly_are_found_at_their_latest_vectors(large: Catalogue) -> None:
    index = ivf_index(large.points, IvfSettings(lists=16, probes=16))
    for _ in range(3):
        index.upsert([replace(point, vector=-point.vector) for point in large.points[:3000]])
        index.upsert(large.points[:3000])

    oracle = Oracle(large.points)
    for query in large.queries:
        assert not violations(index.search(query, 20), Question(query, 20, NO_FILTER), oracle)


def test_near_points_are_found_after_nearer_slots_were_reused() -> None:
    rng = np.random.default_rng(3)
    theme = unit(rng.normal(size=(1, 32)))
    gone, near, others = (theme + spread / 32**0.5 * rng.normal(size=(n, 32)) for n, spread in THEME)
    points = points_of(np.concatenate([gone, near, others]))
    index = FaissIndex(32, kind="ivf", ivf=IvfSettings(lists=64))
    index.upsert(points)

    index.delete([point.photo_id for point in points[: len(gone)]])
    index.upsert(points_of(rng.normal(size=gone.shape), first_id=len(points)))

    assert recall(index, [unit(theme + 0.02 * rng.normal(size=theme.shape))[0] for _ in range(20)]) > 0.97


def test_slots_of_deleted_points_are_reused(large: Catalogue, tmp_path: Path) -> None:
    index = ivf_index(large.points)
    index.delete([point.photo_id for point in large.points[:2000]])

    index.upsert([replace(point, photo_id=10**6 + point.photo_id) for point in large.points[:2000]])

    index.save(tmp_path, cursor=1)
    [vectors] = tmp_path.rglob("vectors.faiss")
    assert faiss.read_index(str(vectors)).ntotal == index.count() == 6000


def test_a_search_uses_one_thread_and_a_write_the_configured_number(large: Catalogue) -> None:
    index = FaissIndex(16, threads=3)

    def threads_after(call: Callable[[], object]) -> int:
        faiss.omp_set_num_threads(2)
        call()
        threads: int = faiss.omp_get_max_threads()
        return threads

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(threads_after, lambda: index.upsert(large.points[:100])).result() == 3
        assert pool.submit(threads_after, lambda: index.search(large.queries[0], 1)).result() == 1


def test_a_deleted_point_is_not_found_by_repeating_a_search(large: Catalogue) -> None:
    for index in (FaissIndex(16), ivf_index(large.points)):
        index.upsert(large.points)
        for where in (NO_FILTER, Filter(price_min=0.0), Filter(excluded_listing_ids=frozenset({"listing-1"}))):
            nearest = index.search(large.queries[0], 3, where)
            index.delete([hit.photo_id for hit in nearest])
            after = index.search(large.queries[0], 50, where)

            assert len(after) == 50
            assert not {hit.photo_id for hit in nearest} & {hit.photo_id for hit in after}


def test_a_changed_listing_is_found_with_the_filter_it_matches_now(large: Catalogue) -> None:
    index = FaissIndex(16)
    index.upsert(large.points)
    where = Filter(categories=frozenset({"Home & Garden"}))
    nearest = index.search(large.queries[0], 1, where)[0].photo_id
    point = next(point for point in large.points if point.photo_id == nearest)
    moved = replace(point, payload=replace(point.payload, category="Appliances"))

    index.upsert([moved])

    assert nearest not in {hit.photo_id for hit in index.search(large.queries[0], 20, where)}
    assert index.search(large.queries[0], 1, Filter(categories=frozenset({"Appliances"})))[0].photo_id == nearest
