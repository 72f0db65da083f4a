"""Builds Qdrant Edge's graph in a child process, because the engine blocks its process meanwhile."""

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
    """Build the HNSW graph of the closed collection in `folder`, merge segments and remove deleted points.

    This helps large collections only: without a graph, every search is exact and takes milliseconds at 20,000 photos.
    A collection below the engine's own threshold (about 10 MB of vectors) gets no graph.

    Raises:
        IndexLocked: the collection is open.
        OSError: its files are damaged, or the child process was killed, which leaves the collection unchanged.
    """
    # Spawned, not forked: a fork of a process with threads may inherit locks that are never released.
    spawning = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=1, mp_context=spawning) as child:
        try:
            child.submit(_optimise, folder).result()
        except BrokenProcessPool as error:
            raise OSError(f"{folder}: the process that optimised the collection was killed; try again") from error


def _optimise(folder: Path) -> None:
    lock = hold_folder(folder)
    try:
        build_graph(folder)
    finally:
        lock.release()
