"""When FAISS lists are trained and retrained, and how many of them a search probes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from db.vectors.base import NO_FILTER
from db.vectors.faiss.index import FaissIndex
from db.vectors.faiss.lists import IvfSettings, lists_for
from tests.contract.catalogue import Catalogue, make_catalogue
from tests.contract.comparison import Question, violations
from tests.contract.faiss.ivf import FEW_PROBES, ivf_in_one, ivf_index, points_of, recall, trained_on
from tests.contract.oracle import Oracle

if TYPE_CHECKING:
    from pathlib import Path


def test_lists_are_trained_with_enough_points_and_retrained_with_many_more(large: Catalogue) -> None:
    assert trained_on(ivf_index(large.points[:500])) == 0
    assert trained_on(ivf_index(large.points[:1000])) == 1000
    assert trained_on(ivf_index(large.points[:4000])) == 1000
    assert trained_on(ivf_index(large.points[:5000])) == 4500


def test_lists_are_retrained_when_most_codes_are_outdated(large: Catalogue) -> None:
    index = ivf_index(large.points)
    assert trained_on(index) == 4500

    index.upsert([replace(point, vector=-point.vector) for point in large.points])
    assert trained_on(index) == 4500
    index.upsert(large.points[:1])

    assert trained_on(index) == 6000


def test_outdated_lists_are_dropped_if_too_few_points_are_left(large: Catalogue) -> None:
    index = ivf_index(large.points)
    index.upsert([replace(point, vector=-point.vector) for point in large.points])
    index.delete([point.photo_id for point in large.points[100:]])

    index.upsert(large.points[:50])

    assert trained_on(index) == 0
    oracle = Oracle([*large.points[:50], *(replace(point, vector=-point.vector) for point in large.points[50:100])])
    assert not violations(index.search(large.queries[0], 20), Question(large.queries[0], 20, NO_FILTER), oracle)


def test_lists_can_be_trained_on_identical_photos() -> None:
    index = FaissIndex(32, kind="ivf", ivf=IvfSettings(lists=64))
    points = points_of(np.ones((3000, 32)))

    index.upsert(points)

    assert trained_on(index) == 3000
    assert [hit.photo_id for hit in index.search(points[0].vector, 5)] == [0, 1, 2, 3, 4]


def test_changed_listings_do_not_outdate_codes(large: Catalogue) -> None:
    index = ivf_index(large.points)

    for price in range(4):
        index.upsert([replace(point, payload=replace(point.payload, price=float(price))) for point in large.points])

    assert trained_on(index) == 4500


def test_searches_continue_during_training(large: Catalogue) -> None:
    index = FaissIndex(16, kind="ivf", ivf=FEW_PROBES)
    index.upsert(large.points[:500])

    def write() -> None:
        for start in range(500, 6000, 500):
            index.upsert(large.points[start : start + 500])

    with ThreadPoolExecutor(2) as pool:
        writing = pool.submit(write)
        counts = [len(index.search(large.queries[0], 5)) for _ in range(200)]
        writing.result()

    assert set(counts) == {5}
    assert index.count() == 6000


@pytest.mark.parametrize(
    ("vectors", "lists"),
    [(1, 256), (9984, 256), (12_000, 256), (40_000, 1024), (160_000, 2048), (640_000, 4096), (10**7, 4096)],
)
def test_the_number_of_lists_follows_the_number_of_vectors(vectors: int, lists: int) -> None:
    assert lists_for(vectors) == lists


def test_automatic_lists_are_retrained_at_four_times_the_vectors() -> None:
    trained_on, trainings = 0, []
    for count in range(0, 1_000_001, 500):
        if IvfSettings().is_training_due(count, trained_on=trained_on):
            trained_on = count
            trainings.append(count)

    assert trainings == [10_000, 40_000, 160_000, 640_000]


def test_measured_probes_find_nearly_all_neighbours_of_unseen_queries(tmp_path: Path) -> None:
    points = make_catalogue(12_200, 16).points
    index = ivf_index(points[:12_000], IvfSettings())
    found = index.describe().parameters

    assert (found["lists"], found["trained_on"]) == (256, 10_000)
    assert 1 <= found["probes"] < 256
    assert recall(index, [point.vector for point in points[12_000:]]) >= 0.99
    index.save(tmp_path, cursor=1)
    loaded, _ = FaissIndex.load(tmp_path)
    assert loaded.describe() == index.describe()


def test_probes_are_measured_reproducibly_and_without_deleted_points(large: Catalogue) -> None:
    settings = IvfSettings(lists=64)
    index = FaissIndex(16, kind="ivf", ivf=settings)
    index.upsert([replace(point, photo_id=10**6 + number) for number, point in enumerate(large.points[:2000])])
    index.delete([10**6 + number for number in range(2000)])
    index.upsert(large.points)

    assert index.describe().parameters == ivf_in_one(large.points, settings).describe().parameters
    assert recall(index, [point.vector for point in large.points[::60]]) > 0.97
