"""Temporary indexes for benchmarks, of the classes that also serve searches."""

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

    Advance = Callable[[int], None]
    """Gets the number of points that are in the index."""

_BATCH = 1000
_POLL_EVERY_S, _GRAPH_TIMEOUT_S = 0.5, 3600.0


@dataclass(frozen=True, slots=True)
class ScratchIndex:
    """A temporary index, and the cost of building it.

    Attributes:
        seconds: from an empty index to a ready one, with its lists trained or its graph built.
        file_bytes: size of its files, or of the snapshot of an index in memory; None on a server.
    """

    index: VectorIndex
    seconds: float
    file_bytes: int | None


@contextmanager
def scratch_faiss(
    points: Iterable[Point], vector_size: int, *, kind: Literal["exact", "ivf"], folder: Path, advance: Advance
) -> Iterator[ScratchIndex]:
    """Build a FAISS index in memory, and save its snapshot in `folder`."""
    start = time.perf_counter()
    index = FaissIndex(vector_size, kind=kind)
    _fill(index, points, advance)
    seconds = time.perf_counter() - start
    index.save(folder, cursor=0)
    yield ScratchIndex(index, seconds, _size(folder))


@contextmanager
def scratch_edge(
    points: Iterable[Point], vector_size: int, *, folder: Path, advance: Advance
) -> Iterator[ScratchIndex]:
    """Build a Qdrant Edge index with its graph in `folder`."""
    start = time.perf_counter()
    index = QdrantEdgeIndex.open(folder, "scratch", vector_size)
    try:
        _fill(index, points, advance)
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
def scratch_server(points: Iterable[Point], vector_size: int, *, url: str, advance: Advance) -> Iterator[ScratchIndex]:
    """Fill a new collection on a Qdrant server, and drop it after the block.

    Raises:
        ConnectionError: the server cannot be reached, or refuses the connection.
        TimeoutError: the graph is not complete within an hour.
    """
    client = connect(url, timeout=60)
    try:
        start = time.perf_counter()
        index = QdrantServerIndex(client, f"bench_{uuid4().hex}", vector_size)
        try:
            _fill(index, points, advance)
            _wait_for_graph(client, index)
            yield ScratchIndex(index, time.perf_counter() - start, None)
        finally:
            index.drop()
    finally:
        client.close()


def _fill(index: VectorIndex, points: Iterable[Point], advance: Advance) -> None:
    done = 0
    for batch in chunked(points, _BATCH):
        index.upsert(batch)
        done += len(batch)
        advance(done)


def _wait_for_graph(client: QdrantClient, index: QdrantServerIndex) -> None:
    collection, deadline = index.describe().collection, time.monotonic() + _GRAPH_TIMEOUT_S
    while client.get_collection(collection).status != "green":  # yellow while Qdrant optimises
        if time.monotonic() > deadline:
            raise TimeoutError(f"Qdrant did not complete the graph of {collection} within {_GRAPH_TIMEOUT_S:.0f} s")
        time.sleep(_POLL_EVERY_S)


def _size(folder: Path) -> int:
    """Return the bytes that the folder's files occupy on disk; Qdrant's files are sparse."""
    return sum(512 * path.stat().st_blocks for path in folder.rglob("*") if path.is_file())
