"""Qdrant Edge keeps acknowledged writes after a kill, and only one process at a time can open a collection."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from db.vectors.folder_lock import IndexLocked
from db.vectors.qdrant import edge_optimise
from db.vectors.qdrant.edge import QdrantEdgeIndex
from db.vectors.qdrant.edge_optimise import optimise_edge
from tests.contract.catalogue import VECTOR_SIZE, make_catalogue
from tests.contract.comparison import Question, violations
from tests.contract.oracle import Oracle
from tests.contract.shapes import filters_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from db.vectors.base import Filter
    from tests.contract.catalogue import Catalogue


@contextmanager
def upserting_child(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Run a process that fills the folder; kill it in any case."""
    command = [sys.executable, "-m", "tests.contract.qdrant.upserting_child", str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        try:
            yield child
        finally:
            child.send_signal(signal.SIGKILL)


@contextmanager
def opened(folder: Path, vector_size: int = VECTOR_SIZE) -> Iterator[QdrantEdgeIndex]:
    """Open the collection, and close it."""
    index = QdrantEdgeIndex.open(folder, "photos", vector_size)
    try:
        yield index
    finally:
        index.close()


@pytest.mark.parametrize("batches", [7, *(pytest.param(batches, marks=pytest.mark.slow) for batches in (1, 40, 100))])
def test_every_acknowledged_point_survives_a_kill(tmp_path: Path, catalogue: Catalogue, batches: int) -> None:
    with upserting_child(tmp_path) as child:
        assert child.stdout is not None
        acknowledged = [int(child.stdout.readline()) for _ in range(batches)][-1]
        child.send_signal(signal.SIGKILL)
        acknowledged = max([acknowledged, *(int(line) for line in child.stdout)])

    with opened(tmp_path) as index:
        survivors = Oracle(catalogue.points[: index.count()])

        assert index.count() >= acknowledged
        assert index.photo_ids().tolist() == sorted(survivors.points)
        for where in filters_of("category and price", survivors):
            question = Question(catalogue.queries[0], 10, where)
            assert not violations(index.search(question.vector, 10, where), question, survivors)


def test_a_second_process_cannot_open_the_collection(tmp_path: Path) -> None:
    with upserting_child(tmp_path) as child:
        assert child.stdout is not None
        child.stdout.readline()

        with pytest.raises(IndexLocked, match="is open in another process"):
            QdrantEdgeIndex.open(tmp_path, "photos", VECTOR_SIZE)


def test_an_open_collection_cannot_be_opened_again_or_optimised(tmp_path: Path) -> None:
    with opened(tmp_path):
        with pytest.raises(IndexLocked):
            QdrantEdgeIndex.open(tmp_path, "photos", VECTOR_SIZE)
        with pytest.raises(IndexLocked):
            optimise_edge(tmp_path)


def test_closing_twice_is_allowed_and_a_closed_index_raises(tmp_path: Path, catalogue: Catalogue) -> None:
    index = QdrantEdgeIndex.open(tmp_path, "photos", VECTOR_SIZE)
    index.close()
    index.close()

    with pytest.raises(OSError, match=str(tmp_path)):
        index.search(catalogue.queries[0], 1)


def test_a_closed_collection_keeps_its_points(tmp_path: Path, catalogue: Catalogue) -> None:
    with opened(tmp_path) as index:
        index.upsert(catalogue.points[:50])
    with opened(tmp_path) as index:
        assert index.count() == 50


def test_a_collection_of_another_vector_size_is_refused_and_stays_closed(tmp_path: Path) -> None:
    with opened(tmp_path):
        pass

    with pytest.raises(OSError, match=r"expected vector size 32, but got 64"):
        QdrantEdgeIndex.open(tmp_path, "photos", 32)

    with opened(tmp_path) as index:
        assert index.count() == 0


def test_a_damaged_collection_is_an_os_error(tmp_path: Path) -> None:
    with opened(tmp_path):
        pass
    (tmp_path / "shard" / "edge_config.json").write_text("{")

    with pytest.raises(OSError, match="has changed since the index was closed"):
        QdrantEdgeIndex.open(tmp_path, "photos", VECTOR_SIZE)


def test_a_crash_while_creating_a_collection_leaves_no_partial_one(tmp_path: Path, catalogue: Catalogue) -> None:
    with opened(tmp_path):
        pass
    (tmp_path / "shard").rename(tmp_path / "shard.new")  # as it lies just before the rename that completes it

    with opened(tmp_path) as index:
        index.upsert(catalogue.points[:10])
        assert index.count() == 10


def test_optimising_a_small_collection_changes_no_hits(
    tmp_path: Path, catalogue: Catalogue, filters: list[Filter]
) -> None:
    with opened(tmp_path) as index:
        index.upsert(catalogue.points)
        index.delete([point.photo_id for point in catalogue.points[:900]])

    optimise_edge(tmp_path)

    oracle = Oracle(catalogue.points[900:])
    with opened(tmp_path) as index:
        assert index.count() == 1100
        assert index.describe().kind == "exact"
        for where in filters:
            question = Question(catalogue.queries[0], 10, where)
            assert not violations(index.search(question.vector, 10, where), question, oracle)


def test_a_large_collection_gets_a_graph_and_exact_search_stays_exact(tmp_path: Path) -> None:
    large = make_catalogue(3000, 1024)  # 12 MB of vectors: above the engine's threshold
    with opened(tmp_path, 1024) as index:
        index.upsert(large.points)

    optimise_edge(tmp_path)

    oracle = Oracle(large.points)
    with opened(tmp_path, 1024) as index:
        assert index.describe().kind == "hnsw"
        for shape in ("none", "category and price"):
            for where in filters_of(shape, oracle):
                question = Question(large.queries[0], 10, where)
                assert not violations(index.search(question.vector, 10, where, exact=True), question, oracle)
                assert len(index.search(question.vector, 10, where)) == len(oracle.search(question.vector, 10, where))


def die(_folder: Path) -> None:
    """End the process that this runs in, as the kernel does when memory runs out."""
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_killed_optimiser_is_an_os_error(
    tmp_path: Path, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(tmp_path) as index:
        index.upsert(catalogue.points[:10])
    monkeypatch.setattr(edge_optimise, "_optimise", die)

    with pytest.raises(OSError, match="the process that optimised the collection was killed"):
        optimise_edge(tmp_path)

    with opened(tmp_path) as index:
        assert index.count() == 10


def test_optimising_a_missing_collection_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="Qdrant Edge failed"):
        optimise_edge(tmp_path)
