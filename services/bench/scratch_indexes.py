"""Indexes that a benchmark builds, asks and throws away: the same classes that serve, in a folder of its own."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal
from uuid import uuid4

from more_itertools import chunked

from db.vectors.faiss.index import FaissIndex
from db.vectors.qdrant.edge import QdrantEdgeIndex
from db.vectors.qdrant.edge_optimise import optimise_edge
from db.vectors.qdrant.server import QdrantServerIndex
from db.vectors.qdrant.server_collections import connect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from qdrant_client import QdrantClient

    from db.vectors.base import Point, VectorIndex

    Tell = Callable[[int], None]

_BATCH = 1000
_POLL_S, _GRAPH_WITHIN_S = 0.5, 3600.0


@dataclass(frozen=True, slots=True)
class ScratchIndex:
    """An index, and what it took to build.

    Attributes:
        seconds: from an empty index to one that is ready, with lists trained or the graph built.
        file_bytes: of its files, or of the snapshot where it lives in memory; None where they are on a server.
    """

    index: VectorIndex
    seconds: float
    file_bytes: int | None


@contextmanager
def scratch_faiss(
    points: Iterable[Point], vector_size: int, *, kind: Literal["exact", "ivf"], folder: Path, tell: Tell
) -> Iterator[ScratchIndex]:
    """Build FAISS in memory."""
    start = time.perf_counter()
    index = FaissIndex(vector_size, kind=kind)
    _fill(index, points, tell)
    seconds = time.perf_counter() - start
    index.save(folder, cursor=0)
    yield ScratchIndex(index, seconds, _size(folder))


@contextmanager
def scratch_edge(points: Iterable[Point], vector_size: int, *, folder: Path, tell: Tell) -> Iterator[ScratchIndex]:
    """Build Qdrant Edge in `folder`, with its graph."""
    start = time.perf_counter()
    index = QdrantEdgeIndex.open(folder, "scratch", vector_size)
    try:
        _fill(index, points, tell)
    finally:
        index.close()
    optimise_edge(folder)
    seconds = time.perf_counter() - start
    index = QdrantEdgeIndex.open(folder, "scratch", vector_size)
    try:
        yield ScratchIndex(index, seconds, _size(folder))
    finally:
        index.close()


@contextmanager
def scratch_server(points: Iterable[Point], vector_size: int, *, url: str, tell: Tell) -> Iterator[ScratchIndex]:
    """Fill a collection with a name of its own on a Qdrant server, and drop it in the end.

    Raises:
        ConnectionError: the server cannot be reached, or refuses.
        TimeoutError: its graph is not complete within an hour.
    """
    client = connect(url, timeout=60)
    try:
        start = time.perf_counter()
        index = QdrantServerIndex(client, f"bench_{uuid4().hex}", vector_size)
        try:
            _fill(index, points, tell)
            _await_graph(client, index)
            yield ScratchIndex(index, time.perf_counter() - start, None)
        finally:
            index.drop()
    finally:
        client.close()


def _fill(index: VectorIndex, points: Iterable[Point], tell: Tell) -> None:
    done = 0
    for batch in chunked(points, _BATCH):
        index.upsert(batch)
        done += len(batch)
        tell(done)


def _await_graph(client: QdrantClient, index: QdrantServerIndex) -> None:
    collection, until = index.describe().collection, time.monotonic() + _GRAPH_WITHIN_S
    while client.get_collection(collection).status != "green":  # yellow while it optimises
        if time.monotonic() > until:
            raise TimeoutError(f"Qdrant has not completed the graph of {collection} in {_GRAPH_WITHIN_S:.0f} s")
        time.sleep(_POLL_S)


def _size(folder: Path) -> int:
    """Return the bytes that the folder's files take on the disk: Qdrant makes files with holes."""
    return sum(512 * path.stat().st_blocks for path in folder.rglob("*") if path.is_file())
