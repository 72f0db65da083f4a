"""FAISS's lists (IVF): when they are trained, and that nothing is lost or doubled by it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import faiss
import numpy as np
import pytest

from db.vectors.base import NO_FILTER, Filter, Payload, Point
from db.vectors.faiss.index import FaissIndex
from db.vectors.faiss.lists import IvfSettings, lists_for
from tests.contract.catalogue import Catalogue, make_catalogue, unit
from tests.contract.comparison import Question, violations
from tests.contract.oracle import Oracle
from tests.contract.shapes import filters_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from db.vectors.base import Vector

FEW_PROBES = IvfSettings(lists=16, probes=1)
THEME = ((600, 0.3), (200, 0.9), (9200, 30.0))
"""Photos that are gone, what is nearest without them, and all the others: how many, and how far from the theme."""


@pytest.fixture(scope="module")
def large() -> Catalogue:
    """6,000 photos: more than are compared one by one."""
    return make_catalogue(6000, 16)


@pytest.fixture(scope="module")
def large_oracle(large: Catalogue) -> Oracle:
    """The right answers."""
    return Oracle(large.points)


def ivf_index(points: Sequence[Point], ivf: IvfSettings = FEW_PROBES) -> FaissIndex:
    """An index of the points, written in batches of 500."""
    index = FaissIndex(16, kind="ivf", ivf=ivf)
    for start in range(0, len(points), 500):
        index.upsert(points[start : start + 500])
    return index


def trained_on(index: FaissIndex) -> int:
    """Return the number of vectors that the lists were trained on."""
    count: int = index.describe().parameters["trained_on"]
    return count


def test_lists_are_trained_once_there_are_enough_points_and_again_when_there_are_many(large: Catalogue) -> None:
    assert trained_on(ivf_index(large.points[:500])) == 0
    assert trained_on(ivf_index(large.points[:1000])) == 1000
    assert trained_on(ivf_index(large.points[:4000])) == 1000
    assert trained_on(ivf_index(large.points[:5000])) == 4500


def test_exact_search_is_exact_with_lists(large: Catalogue, large_oracle: Oracle) -> None:
    index = ivf_index(large.points)

    for where in (
        where for shape in ("none", "one category", "exclusions") for where in filters_of(shape, large_oracle)
    ):
        for vector in large.queries[:2]:
            hits = index.search(vector, 20, where, exact=True)
            assert not violations(hits, Question(vector, 20, where), large_oracle)


def test_a_filter_that_keeps_few_points_is_answered_exactly_without_asking(
    large: Catalogue, large_oracle: Oracle
) -> None:
    index = ivf_index(large.points)
    narrow = [where for where in filters_of("category and price", large_oracle) if len(large_oracle.rows(where)) < 4000]

    assert narrow
    for where in narrow:
        question = Question(large.queries[0], 20, where)
        assert not violations(index.search(question.vector, 20, where), question, large_oracle)


def test_more_probes_find_more(large: Catalogue, large_oracle: Oracle) -> None:
    def recall(probes: int) -> float:
        index = ivf_index(large.points, IvfSettings(lists=64, probes=probes))
        queries = [point.vector for point in large.points[::100]]
        right = [{hit.photo_id for hit in large_oracle.search(query, 20)} for query in queries]
        found = [{hit.photo_id for hit in index.search(query, 20)} for query in queries]
        return sum(len(a & b) for a, b in zip(right, found, strict=True)) / (20 * len(queries))

    assert recall(1) < recall(8) < recall(64) == pytest.approx(1.0, abs=0.005)


def test_more_hits_than_the_probed_lists_hold_are_found_all_the_same(large: Catalogue) -> None:
    index = ivf_index(large.points)

    assert len(index.search(large.queries[0], 5500)) == 5500
    assert len(index.search(large.queries[0], 5500, Filter(excluded_listing_ids=frozenset({"listing-1"})))) == 5500


def test_points_replaced_after_training_are_there_once_and_found_where_they_are_now(large: Catalogue) -> None:
    index = ivf_index(large.points)
    moved = [replace(point, vector=-point.vector) for point in large.points[:3000]]

    index.upsert(moved)

    oracle = Oracle([*moved, *large.points[3000:]])
    assert index.count() == 6000
    for query in (-large.queries[0], large.queries[0]):
        question = Question(query, 6000, NO_FILTER)
        assert not violations(index.search(query, 6000, exact=True), question, oracle)


def test_points_that_moved_again_and_again_are_found_where_they_are_now(large: Catalogue) -> None:
    index = ivf_index(large.points, IvfSettings(lists=16, probes=16))
    for _ in range(3):
        index.upsert([replace(point, vector=-point.vector) for point in large.points[:3000]])
        index.upsert(large.points[:3000])

    oracle = Oracle(large.points)
    for query in large.queries:
        assert not violations(index.search(query, 20), Question(query, 20, NO_FILTER), oracle)


def test_lists_are_trained_again_when_most_of_their_codes_are_of_vectors_that_are_gone(large: Catalogue) -> None:
    index = ivf_index(large.points)
    assert trained_on(index) == 4500

    index.upsert([replace(point, vector=-point.vector) for point in large.points])
    assert trained_on(index) == 4500
    index.upsert(large.points[:1])

    assert trained_on(index) == 6000


def test_worn_lists_are_let_go_of_where_too_few_points_are_left_to_train_others(large: Catalogue) -> None:
    index = ivf_index(large.points)
    index.upsert([replace(point, vector=-point.vector) for point in large.points])
    index.delete([point.photo_id for point in large.points[100:]])

    index.upsert(large.points[:50])

    assert trained_on(index) == 0
    oracle = Oracle([*large.points[:50], *(replace(point, vector=-point.vector) for point in large.points[50:100])])
    assert not violations(index.search(large.queries[0], 20), Question(large.queries[0], 20, NO_FILTER), oracle)


def test_what_is_near_is_found_where_the_slots_of_much_that_was_nearer_are_used_again() -> None:
    rng = np.random.default_rng(3)
    theme = unit(rng.normal(size=(1, 32)))
    gone, near, others = (theme + spread / 32**0.5 * rng.normal(size=(n, 32)) for n, spread in THEME)
    points = points_of(np.concatenate([gone, near, others]))
    index = FaissIndex(32, kind="ivf", ivf=IvfSettings(lists=64))
    index.upsert(points)

    index.delete([point.photo_id for point in points[: len(gone)]])
    index.upsert(points_of(rng.normal(size=gone.shape), first_id=len(points)))

    assert recall(index, [unit(theme + 0.02 * rng.normal(size=theme.shape))[0] for _ in range(20)]) > 0.97


def test_the_nearest_of_photos_that_are_nearly_the_same_are_found() -> None:
    rng = np.random.default_rng(4)
    picture = unit(rng.normal(size=(1, 32)))
    copies = picture + 0.01 * rng.normal(size=(2000, 32))
    index = FaissIndex(32, kind="ivf", ivf=IvfSettings(lists=64))
    index.upsert(points_of(np.concatenate([copies, rng.normal(size=(8000, 32))])))

    assert recall(index, [unit(picture + 0.01 * rng.normal(size=picture.shape))[0] for _ in range(20)]) > 0.97


def test_lists_can_be_trained_where_every_photo_is_the_same() -> None:
    index = FaissIndex(32, kind="ivf", ivf=IvfSettings(lists=64))
    points = points_of(np.ones((3000, 32)))

    index.upsert(points)

    assert trained_on(index) == 3000
    assert [hit.photo_id for hit in index.search(points[0].vector, 5)] == [0, 1, 2, 3, 4]


def test_points_whose_listings_change_wear_no_lists_out(large: Catalogue) -> None:
    index = ivf_index(large.points)

    for price in range(4):
        index.upsert([replace(point, payload=replace(point.payload, price=float(price))) for point in large.points])

    assert trained_on(index) == 4500


def test_slots_of_deleted_points_are_used_again(large: Catalogue, tmp_path: Path) -> None:
    index = ivf_index(large.points)
    index.delete([point.photo_id for point in large.points[:2000]])

    index.upsert([replace(point, photo_id=10**6 + point.photo_id) for point in large.points[:2000]])

    index.save(tmp_path, cursor=1)
    [vectors] = tmp_path.rglob("vectors.faiss")
    assert faiss.read_index(str(vectors)).ntotal == index.count() == 6000


def test_searches_go_on_while_lists_are_trained(large: Catalogue) -> None:
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


def test_a_search_uses_one_thread_and_a_write_those_it_was_given_whatever_thread_they_run_in(large: Catalogue) -> None:
    index = FaissIndex(16, threads=3)

    def threads_after(call: Callable[[], object]) -> int:
        faiss.omp_set_num_threads(2)
        call()
        threads: int = faiss.omp_get_max_threads()
        return threads

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(threads_after, lambda: index.upsert(large.points[:100])).result() == 3
        assert pool.submit(threads_after, lambda: index.search(large.queries[0], 1)).result() == 1


@pytest.mark.parametrize(
    ("vectors", "lists"),
    [(1, 256), (9984, 256), (12_000, 256), (40_000, 1024), (160_000, 2048), (640_000, 4096), (10**7, 4096)],
)
def test_the_number_of_lists_follows_the_number_of_vectors(vectors: int, lists: int) -> None:
    assert lists_for(vectors) == lists


def test_chosen_lists_are_trained_again_whenever_there_are_four_times_more_vectors() -> None:
    trained_on, trainings = 0, []
    for count in range(0, 1_000_001, 500):
        if IvfSettings().is_training_due(count, trained_on=trained_on):
            trained_on = count
            trainings.append(count)

    assert trainings == [10_000, 40_000, 160_000, 640_000]


def test_measured_probes_find_nearly_all_true_neighbours_of_vectors_that_are_not_stored(tmp_path: Path) -> None:
    points = make_catalogue(12_200, 16).points
    index = ivf_index(points[:12_000], IvfSettings())
    found = index.describe().parameters

    assert (found["lists"], found["trained_on"]) == (256, 10_000)
    assert 1 <= found["probes"] < 256
    assert recall(index, [point.vector for point in points[12_000:]]) >= 0.99
    index.save(tmp_path, cursor=1)
    loaded, _ = FaissIndex.load(tmp_path)
    assert loaded.describe() == index.describe()


def test_probes_are_measured_the_same_each_time_and_with_points_that_are_there_only(large: Catalogue) -> None:
    settings = IvfSettings(lists=64)
    index = FaissIndex(16, kind="ivf", ivf=settings)
    index.upsert([replace(point, photo_id=10**6 + number) for number, point in enumerate(large.points[:2000])])
    index.delete([10**6 + number for number in range(2000)])
    index.upsert(large.points)

    assert index.describe().parameters == ivf_in_one(large.points, settings).describe().parameters
    assert recall(index, [point.vector for point in large.points[::60]]) > 0.97


def test_a_deleted_point_is_not_found_by_a_search_that_was_made_before(large: Catalogue) -> None:
    for index in (FaissIndex(16), ivf_index(large.points)):
        index.upsert(large.points)
        for where in (NO_FILTER, Filter(price_min=0.0), Filter(excluded_listing_ids=frozenset({"listing-1"}))):
            nearest = index.search(large.queries[0], 3, where)
            index.delete([hit.photo_id for hit in nearest])
            after = index.search(large.queries[0], 50, where)

            assert len(after) == 50
            assert not {hit.photo_id for hit in nearest} & {hit.photo_id for hit in after}


def test_a_point_whose_listing_changed_is_found_under_the_filter_that_it_passes_now(large: Catalogue) -> None:
    index = FaissIndex(16)
    index.upsert(large.points)
    where = Filter(categories=frozenset({"Home & Garden"}))
    nearest = index.search(large.queries[0], 1, where)[0].photo_id
    point = next(point for point in large.points if point.photo_id == nearest)
    moved = replace(point, payload=replace(point.payload, category="Appliances"))

    index.upsert([moved])

    assert nearest not in {hit.photo_id for hit in index.search(large.queries[0], 20, where)}
    assert index.search(large.queries[0], 1, Filter(categories=frozenset({"Appliances"})))[0].photo_id == nearest


@pytest.mark.parametrize("photos", [1, 40, 700])
def test_the_hits_of_excluded_listings_make_room_for_the_next_ones(large: Catalogue, photos: int) -> None:
    query = large.queries[0]
    by_score = sorted(large.points, key=lambda point: -float(point.vector @ query))
    merged = [replace(point, payload=replace(point.payload, listing_id="nearest")) for point in by_score[:photos]]
    points = [*merged, *by_score[photos:]]
    oracle = Oracle(points)
    question = Question(query, 20, Filter(excluded_listing_ids=frozenset({"nearest", "no such listing"})))

    for index in (FaissIndex(16), ivf_index(points, IvfSettings(lists=16, probes=16))):
        index.upsert(points)
        assert not violations(index.search(query, 20, question.where), question, oracle)


def points_of(vectors: NDArray[np.float64], *, first_id: int = 0) -> list[Point]:
    """Points with these vectors, shape (n, d), at unit length, and ids one after the other."""
    payload = Payload("listing", "Lamps", None, ())
    return [Point(photo_id, vector, payload) for photo_id, vector in enumerate(unit(vectors), first_id)]


def ivf_in_one(points: Sequence[Point], ivf: IvfSettings) -> FaissIndex:
    """An index of the points, written at once."""
    index = FaissIndex(16, kind="ivf", ivf=ivf)
    index.upsert(points)
    return index


def recall(index: FaissIndex, queries: Sequence[Vector]) -> float:
    """Return ann recall@10 against the same index's exact search; a hit as near as the tenth counts as one."""
    found = 0
    for query in queries:
        horizon = index.search(query, 10, exact=True)[-1].score - 1e-6
        found += sum(hit.score >= horizon for hit in index.search(query, 10))
    return found / (10 * len(queries))
