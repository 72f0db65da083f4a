"""Building Qdrant Edge's graph in a child process, because the engine would freeze this one for its whole length."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TYPE_CHECKING

from db.vectors.folder_lock import hold_folder
from db.vectors.qdrant.edge_shard import build_graph

if TYPE_CHECKING:
    from pathlib import Path


def optimise_edge(folder: Path) -> None:
    """Build the HNSW graph of the closed collection in `folder`, merge segments and drop deleted points.

    Worth it for large collections only: without a graph every search is exact, and at 20,000 photos takes
    milliseconds. A collection below the engine's own threshold (about 10 MB of vectors) gets no graph.

    Raises:
        IndexLocked: the collection is open.
        OSError: its files are damaged, or the child process was killed; the collection is as it was then.
    """
    # Spawned, not forked: a fork of a process that runs threads may inherit locks that nobody will release.
    spawning = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=1, mp_context=spawning) as child:
        try:
            child.submit(_optimise, folder).result()
        except BrokenProcessPool as error:
            raise OSError(f"{folder}: the process that optimised it ended before its time; run it again") from error


def _optimise(folder: Path) -> None:
    lock = hold_folder(folder)
    try:
        build_graph(folder)
    finally:
        lock.release()
