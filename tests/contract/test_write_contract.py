"""Every engine keeps exactly what was written, however it was written."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from db.vectors.base import NO_FILTER, Filter, Payload, Point
from db.vectors.checksums import checksums
from tests.contract.catalogue import VECTOR_SIZE, make_catalogue
from tests.contract.comparison import ComparisonTally, Question, violations
from tests.contract.oracle import Oracle

if TYPE_CHECKING:
    from collections.abc import Sequence

    from db.vectors.base import VectorIndex
    from tests.contract.catalogue import Catalogue
    from tests.contract.engines import IndexFactory

PHONES = Filter(categories=frozenset({"Phones"}))
SMALL = make_catalogue(24, 8, seed=3)


@pytest.fixture
def few(index: VectorIndex, catalogue: Catalogue) -> list[Point]:
    """100 points that the index holds."""
    points = list(catalogue.points[:100])
    index.upsert(points)
    return points


def found(index: VectorIndex, point: Point, where: Filter = NO_FILTER) -> list[int]:
    """Return the ids of all hits, sorted."""
    return sorted(hit.photo_id for hit in index.search(point.vector, 500, where))


def test_upserted_points_are_counted_and_listed(index: VectorIndex, few: list[Point]) -> None:
    assert index.count() == 100
    assert index.photo_ids().tolist() == [point.photo_id for point in few]
    assert index.photo_ids().dtype == np.int64
    assert index.describe().count == 100
    assert index.describe().vector_size == VECTOR_SIZE


def test_upserted_points_are_held_with_their_checksums(index: VectorIndex, few: list[Point]) -> None:
    held = index.held()
    assert held.photo_ids.tolist() == [point.photo_id for point in few]
    assert held.checksums.tolist() == sums(few)


def test_of_given_photos_those_that_are_there_are_held(index: VectorIndex, few: list[Point]) -> None:
    held = index.held([few[7].photo_id, 10**12, few[2].photo_id])
    assert held.photo_ids.tolist() == [few[2].photo_id, few[7].photo_id]
    assert held.checksums.tolist() == sums([few[2], few[7]])


def test_payloads_of_any_text_and_number_are_held_as_they_were_written(index: VectorIndex, few: list[Point]) -> None:
    texts = ("", "emoji 🛋️", "nul\0byte", '["json"]', "t1", "true")
    attributes = (("a", "t1"), ("b", True), ("c", 0.1), ("d", 1e300), ("e", -7.0), ("f", "n5"))
    points = [
        replace(
            few[row], payload=Payload(text, text, 1e-7, (text, "b"), (text,), None, text, text, -5, True, attributes)
        )
        for row, text in enumerate(texts)
    ]
    index.upsert(points)
    assert index.held([point.photo_id for point in points]).checksums.tolist() == sums(points)


def test_checksums_change_with_replaced_and_deleted_points(index: VectorIndex, few: list[Point]) -> None:
    cheaper = replace(few[3], payload=replace(few[3].payload, price=0.01))
    index.upsert([cheaper])
    index.delete([few[0].photo_id])
    kept = [*few[1:3], cheaper, *few[4:]]
    assert index.held().photo_ids.tolist() == [point.photo_id for point in kept]
    assert index.held().checksums.tolist() == sums(kept)


def sums(points: Sequence[Point]) -> list[int]:
    found: list[int] = checksums(points).tolist()
    return found


def test_points_that_differ_in_any_field_have_different_checksums() -> None:
    point = SMALL.points[0]
    changed: dict[str, object] = {"price": 0.5, "locations": ("x",), "category_paths": ("x",), "listed_at": 7}
    changed |= {"sold": not point.payload.sold, "attributes": (("brand", "x"),)}
    texts = dict.fromkeys(("listing_id", "category", "currency", "region", "seller"), "x")
    others = [
        replace(point, vector=SMALL.points[1].vector),
        *(replace(point, payload=replace(point.payload, **{name: value})) for name, value in (changed | texts).items()),
        replace(point, payload=replace(point.payload, price=None)),
    ]
    assert {field.name for field in fields(Payload)} == changed.keys() | texts.keys()
    assert len({*sums([point, *others])}) == 14


def test_an_empty_index_counts_and_lists_nothing(index: VectorIndex) -> None:
    assert index.count() == 0
    assert index.photo_ids().tolist() == []
    assert index.held().checksums.tolist() == []


def test_an_empty_batch_changes_nothing(index: VectorIndex, few: list[Point]) -> None:
    index.upsert([])
    index.delete([])

    assert index.count() == 100


def test_an_upsert_replaces_vector_and_payload(index: VectorIndex, few: list[Point]) -> None:
    new = Point(few[0].photo_id, -few[0].vector, Payload("new", "Phones"))

    index.upsert([new])

    assert index.count() == 100
    assert index.search(new.vector, 1)[0].photo_id == new.photo_id
    assert found(index, few[0]).count(new.photo_id) == 1
    assert index.search(few[0].vector, 100)[-1].photo_id == new.photo_id
    assert found(index, few[0], PHONES) == [new.photo_id]


def test_upserting_a_batch_twice_changes_nothing(index: VectorIndex, few: list[Point]) -> None:
    before = index.search(few[0].vector, 100)

    index.upsert(few)

    assert index.search(few[0].vector, 100) == before


def test_the_last_of_several_points_with_equal_ids_wins(index: VectorIndex, few: list[Point]) -> None:
    last = replace(few[0], payload=Payload("last", "Phones"))

    index.upsert([replace(few[0], payload=Payload("first", "Fridges")), last])

    assert index.count() == 100
    assert found(index, last, PHONES) == [last.photo_id]
    assert found(index, last, Filter(categories=frozenset({"Fridges"}))) == []


def test_a_changed_payload_takes_effect_in_every_filter(index: VectorIndex, few: list[Point]) -> None:
    changed = replace(few[0], payload=Payload("mine", "Phones", 1e6, ("nowhere",)))
    old = Filter(categories=frozenset({few[0].payload.category}))
    assert few[0].photo_id in found(index, few[0], old)

    index.upsert([changed])

    for where in (PHONES, Filter(price_min=1e6), Filter(location="nowhere")):
        assert found(index, changed, where) == [changed.photo_id]
    assert changed.photo_id not in found(index, changed, old)
    assert changed.photo_id not in found(index, changed, Filter(excluded_listing_ids=frozenset({"mine"})))


def test_a_price_and_locations_can_be_removed(index: VectorIndex, few: list[Point]) -> None:
    priced = replace(few[0], payload=Payload("mine", "Phones", 5.0, ("here",)))
    index.upsert([priced])

    index.upsert([replace(priced, payload=Payload("mine", "Phones"))])

    assert priced.photo_id not in found(index, priced, Filter(price_min=0.0))
    assert found(index, priced, Filter(location="here")) == []


def test_deleted_points_are_gone(index: VectorIndex, few: list[Point]) -> None:
    gone = [point.photo_id for point in few[:30]]

    index.delete(gone)

    assert index.count() == 70
    assert found(index, few[0]) == [point.photo_id for point in few[30:]]
    assert index.photo_ids().tolist() == [point.photo_id for point in few[30:]]


def test_deleting_unknown_ids_is_ignored(index: VectorIndex, few: list[Point]) -> None:
    index.delete([few[0].photo_id, 10**12, 10**12])
    index.delete([few[0].photo_id])

    assert index.count() == 99


def test_all_points_can_be_deleted_and_upserted_again(index: VectorIndex, few: list[Point]) -> None:
    index.delete([point.photo_id for point in few])
    assert (index.count(), found(index, few[0])) == (0, [])

    index.upsert(few[50:])

    assert found(index, few[0]) == [point.photo_id for point in few[50:]]


def test_a_deleted_id_can_be_upserted_with_a_new_payload(index: VectorIndex, few: list[Point]) -> None:
    index.delete([few[0].photo_id])

    index.upsert([replace(few[0], payload=Payload("back", "Phones"))])

    assert index.count() == 100
    assert found(index, few[0], PHONES) == [few[0].photo_id]


def test_the_largest_photo_id_is_stored_exactly(index: VectorIndex, catalogue: Catalogue) -> None:
    index.upsert([replace(catalogue.points[0], photo_id=photo_id) for photo_id in (0, 2**53 + 1, 2**63 - 1)])

    assert index.photo_ids().tolist() == [0, 2**53 + 1, 2**63 - 1]
    assert found(index, catalogue.points[0]) == [0, 2**53 + 1, 2**63 - 1]


def bad_points() -> dict[str, Point]:
    """One point for each reason to refuse a batch."""
    good = make_catalogue(2).points[0]
    broken = good.vector.copy()
    broken[5] = np.nan
    return {
        "not a number": replace(good, vector=broken),
        "infinite": replace(good, vector=np.where(np.arange(VECTOR_SIZE) == 0, np.inf, good.vector)),
        "not of unit length": replace(good, vector=good.vector * 1.01),
        "zero": replace(good, vector=np.zeros(VECTOR_SIZE, dtype=np.float32)),
        "wrong size": replace(good, vector=np.eye(1, 8, dtype=np.float32)[0]),
        "two-dimensional": replace(good, vector=good.vector[np.newaxis]),
        "negative id": replace(good, photo_id=-1),
        "id too large": replace(good, photo_id=2**63),
        "price not a number": replace(good, payload=Payload("l", "c", float("nan"))),
    }


@pytest.fixture(scope="module")
def guarded_index(factory_for_all: IndexFactory, catalogue: Catalogue) -> VectorIndex:
    """An index of 100 points that no test changes, because what it writes is refused."""
    index = factory_for_all()
    index.upsert(catalogue.points[:100])
    return index


@pytest.mark.parametrize("reason", bad_points())
def test_an_invalid_point_rejects_its_batch(guarded_index: VectorIndex, catalogue: Catalogue, reason: str) -> None:
    index, vector = guarded_index, catalogue.points[0].vector
    before = index.search(vector, 200)

    with pytest.raises(ValueError, match=r"vector|photo"):
        index.upsert([*catalogue.points[100:110], bad_points()[reason], *catalogue.points[110:120]])

    assert index.count() == 100
    assert index.search(vector, 200) == before


def test_searches_are_correct_during_writes_of_other_points(
    index: VectorIndex, catalogue: Catalogue, tally: ComparisonTally
) -> None:
    still = [replace(point, payload=replace(point.payload, category="still")) for point in catalogue.points[:700]]
    moving = [replace(point, payload=replace(point.payload, category="moving")) for point in catalogue.points[700:1000]]
    index.upsert(still)
    oracle, where = Oracle(still), Filter(categories=frozenset({"still"}))

    def search(number: int) -> list[str]:
        question = Question(catalogue.queries[number % len(catalogue.queries)], 10, where)
        return violations(index.search(question.vector, 10, where), question, oracle)

    def write() -> None:
        for start in range(0, 300, 50):
            index.upsert(moving[start : start + 50])
            index.delete([point.photo_id for point in moving[start : start + 25]])

    with ThreadPoolExecutor(5) as pool:
        writing = pool.submit(write)
        wrong = [tally.add(problems) for problems in pool.map(search, range(200))]
        writing.result()

    assert not any(wrong), wrong[:3]
    assert index.count() == 850


def test_parallel_writers_lose_no_points(index: VectorIndex, catalogue: Catalogue) -> None:
    batches = [catalogue.points[start : start + 40] for start in range(0, 800, 40)]

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(index.upsert, batches))

    assert index.photo_ids().tolist() == [point.photo_id for point in catalogue.points[:800]]
