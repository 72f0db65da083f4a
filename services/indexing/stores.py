"""Where each engine keeps its collections: FAISS snapshots, Qdrant Edge folders, a Qdrant server."""

from __future__ import annotations

import logging
import shutil
from typing import TYPE_CHECKING

from db import feed
from db.vectors.faiss_index import FaissIndex
from db.vectors.qdrant_edge import QdrantEdgeIndex
from db.vectors.qdrant_server import QdrantServerIndex
from services.indexing.follower import MemoryCursor, SqlCursor
from services.indexing.generations import fill
from services.indexing.live import OpenIndex

if TYPE_CHECKING:
    from pathlib import Path

    from qdrant_client import QdrantClient

    from db.generations import GenerationRecord
    from db.session import Database

log = logging.getLogger(__name__)

ALIAS = "photos"
"""The name under which the live generation's collection is found on a Qdrant server."""


class FaissStore:
    """FAISS indexes in memory, with a snapshot per generation under `folder`."""

    engine = "faiss"

    def __init__(self, database: Database, folder: Path, *, threads: int) -> None:
        self._database, self._folder, self._threads = database, folder, threads

    def open(self, generation: GenerationRecord) -> OpenIndex:
        """Load the snapshot; without a usable one, rebuild from the truth and write one."""
        folder = self._folder / generation.collection
        try:
            index, seq = FaissIndex.load(folder, threads=self._threads)
        except OSError as error:
            if not isinstance(error, FileNotFoundError):
                log.warning("the FAISS snapshot is rebuilt from the database: %s", error)
            return self._rebuild(generation)
        return OpenIndex(index, MemoryCursor(seq))

    def persist(self, opened: OpenIndex) -> None:
        """Write a snapshot at the present position."""
        index = opened.index
        assert isinstance(index, FaissIndex), "this store opens nothing else"
        index.save(self._folder / index.describe().collection, cursor=opened.cursor.read())

    def promote(self, generation: GenerationRecord) -> None:
        """Nothing to do: which generation is live stands in the truth, and each process loads it."""

    def drop(self, generation: GenerationRecord) -> None:
        """Delete the generation's snapshots."""
        shutil.rmtree(self._folder / generation.collection, ignore_errors=True)

    def _rebuild(self, generation: GenerationRecord) -> OpenIndex:
        index = FaissIndex(generation.vector_size, collection=generation.collection, threads=self._threads)
        opened = OpenIndex(index, MemoryCursor())
        fill(self._database, index, opened.cursor, model_version=generation.model_version)
        self.persist(opened)
        return opened


class QdrantEdgeStore:
    """Qdrant's engine in this process, one folder per generation. Only one process may hold a folder."""

    engine = "qdrant"

    def __init__(self, database: Database, folder: Path) -> None:
        self._database, self._folder = database, folder

    def open(self, generation: GenerationRecord) -> OpenIndex:
        """Open the folder; one that never was filled, or was lost, is filled from the truth."""
        index = QdrantEdgeIndex.open(
            self._folder / generation.collection, generation.collection, generation.vector_size
        )
        return _filled(self._database, index, generation)

    def persist(self, opened: OpenIndex) -> None:
        """Nothing to do: Edge flushes every batch."""

    def promote(self, generation: GenerationRecord) -> None:
        """Nothing to do: which generation is live stands in the truth."""

    def drop(self, generation: GenerationRecord) -> None:
        """Delete the generation's folder."""
        shutil.rmtree(self._folder / generation.collection, ignore_errors=True)


class QdrantServerStore:
    """Collections on a Qdrant server, and the alias `photos` on the live one."""

    engine = "qdrant"

    def __init__(self, database: Database, client: QdrantClient) -> None:
        self._database, self._client = database, client

    def open(self, generation: GenerationRecord) -> OpenIndex:
        """Open the collection, creating and filling it where it is missing."""
        index = QdrantServerIndex(self._client, generation.collection, generation.vector_size)
        return _filled(self._database, index, generation)

    def persist(self, opened: OpenIndex) -> None:
        """Nothing to do: the server acknowledges a write when it is durable."""

    def promote(self, generation: GenerationRecord) -> None:
        """Point the alias at the generation's collection, atomically."""
        QdrantServerIndex(self._client, generation.collection, generation.vector_size).promote(ALIAS)

    def drop(self, generation: GenerationRecord) -> None:
        """Delete the collection."""
        QdrantServerIndex(self._client, generation.collection, generation.vector_size).drop()


def _filled(database: Database, index: QdrantEdgeIndex | QdrantServerIndex, generation: GenerationRecord) -> OpenIndex:
    cursor = SqlCursor(database, f"qdrant:{generation.collection}")
    with database.read() as session:
        followed = feed.cursor_of(session, cursor.collection)
    if followed is None or (followed and index.count() == 0):
        fill(database, index, cursor, model_version=generation.model_version)
    return OpenIndex(index, cursor)
