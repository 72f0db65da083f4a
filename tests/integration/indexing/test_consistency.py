"""Drift between database and indexes is found and repaired, and engines agree with each other."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import delete
from sqlmodel import col

from db.models import Photo
from db.rows import embeddings
from services.indexing.agreement import SHAPES, measure_agreement
from services.indexing.consistency import Drift, drift, repair
from services.indexing.generations import build_and_promote
from tests.databases import STACKS
from tests.integration.indexing.engines import ENGINES
from tests.truth import (
    MODEL,
)

if TYPE_CHECKING:
    from db.session import Database
    from services.indexing.live import IndexStore, LiveIndexes


def test_drift_lists_missing_and_extra_photos_and_repair_fixes_them(
    database: Database, stores: list[IndexStore], live: LiveIndexes, lamps: list[int]
) -> None:
    build_and_promote(database, stores, MODEL)
    live.refresh()
    (missing, kept), extra = lamps, 999
    with database.read() as session:
        (point,) = embeddings.points(session, [kept], model_version=MODEL)
    for engine in ENGINES:
        index = live.current().index(engine)
        index.delete([missing])
        index.upsert([replace(point, photo_id=extra)])
        found = drift(database, index, model_version=MODEL)
        assert (found.missing, found.extra, found.is_empty) == ((missing,), (extra,), False)
        repair(live.follower(live.current().opened[engine]), found)
        assert drift(database, index, model_version=MODEL).is_empty
        assert index.photo_ids().tolist() == lamps


def test_repair_reads_the_database_again_for_changes_since_the_comparison(
    database: Database, stores: list[IndexStore], live: LiveIndexes, lamps: list[int]
) -> None:
    build_and_promote(database, stores, MODEL)
    live.refresh()
    arrived, gone = lamps
    with database.write() as session:
        session.execute(delete(Photo).where(col(Photo.id) == gone))
    for engine in ENGINES:
        outdated = Drift(engine, 2, 2, missing=(gone,), extra=(arrived,))
        repair(live.follower(live.current().opened[engine]), outdated)
        assert live.current().index(engine).photo_ids().tolist() == [arrived]


@pytest.mark.parametrize("stack", STACKS, indirect=True)
def test_drift_lists_photos_with_outdated_points_and_repair_fixes_them(
    database: Database, stores: list[IndexStore], live: LiveIndexes, lamps: list[int]
) -> None:
    build_and_promote(database, stores, MODEL)
    live.refresh()
    with database.read() as session:
        first, second = embeddings.points(session, lamps, model_version=MODEL)
    stale = (
        replace(first, vector=second.vector),
        replace(first, payload=replace(first.payload, price=0.5)),
        replace(first, payload=replace(first.payload, category="Phones")),
    )
    for engine, point in product(ENGINES, stale):
        index = live.current().index(engine)
        index.upsert([point])
        found = drift(database, index, model_version=MODEL)
        assert (found.missing, found.extra, found.different) == ((), (), (first.photo_id,))
        repair(live.follower(live.current().opened[engine]), found)
        assert drift(database, index, model_version=MODEL).is_empty


@pytest.mark.parametrize("stack", STACKS, indirect=True)
def test_indexes_with_equal_points_agree(
    database: Database, stores: list[IndexStore], live: LiveIndexes, lamps: list[int]
) -> None:
    build_and_promote(database, stores, MODEL)
    indexes = live.current().index("faiss"), live.current().index("qdrant")
    found = measure_agreement(database, indexes, model_version=MODEL, queries=500)
    assert [(one.shape, one.queries, one.agreeing) for one in found] == [(shape, 2, 2) for shape in SHAPES]


def test_an_index_with_a_different_vector_disagrees(
    database: Database, stores: list[IndexStore], live: LiveIndexes, lamps: list[int]
) -> None:
    build_and_promote(database, stores, MODEL)
    faiss, qdrant = live.current().index("faiss"), live.current().index("qdrant")
    with database.read() as session:
        (point,) = embeddings.points(session, lamps[:1], model_version=MODEL)
    qdrant.upsert([replace(point, vector=-point.vector)])
    by_shape = {one.shape: one for one in measure_agreement(database, (faiss, qdrant), model_version=MODEL, queries=1)}
    assert (by_shape["none"].queries, by_shape["none"].agreeing) == (1, 0)
    assert by_shape["other listings"].agreeing == 1
