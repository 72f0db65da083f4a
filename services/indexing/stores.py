"""Where each engine keeps its collections: FAISS snapshots, Qdrant Edge folders, a Qdrant server."""

from __future__ import annotations

import logging
import shutil
from typing import TYPE_CHECKING

from db.rows import embeddings
from db.vectors.faiss.index import FaissIndex
from db.vectors.qdrant.edge import QdrantEdgeIndex
from db.vectors.qdrant.edge_optimise import optimise_edge
from db.vectors.qdrant.server import QdrantServerIndex
from db.vectors.qdrant.server_collections import drop_collection, server_errors
from services.indexing.follower import Follower, MemoryCursor, SqlCursor
from services.indexing.live import OpenIndex

if TYPE_CHECKING:
    from pathlib import Path

    from qdrant_client import QdrantClient

    from db.rows.generations import GenerationRecord
    from db.session import Database
    from db.vectors.base import VectorIndex

log = logging.getLogger(__name__)

_IVF_FROM = 100_000
"""Photos from which FAISS searches lists instead of comparing with every vector, which takes about 6 ms by then."""

_OPTIMISE_FROM = 20_000
"""Photos from which a graph makes Qdrant Edge's searches faster than comparing with every vector."""

ALIAS = "photos"
"""The name under which the live generation's collection is found on a Qdrant server."""


class FaissStore:
    """FAISS indexes in memory, with a snapshot per generation under `folder`."""

    engine = "faiss"

    def __init__(self, database: Database, folder: Path, *, threads: int) -> None:
        self._database, self._folder, self._threads = database, folder, threads

    def check(self) -> None:
        """Nothing to ask: it is in this process."""

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
        """Write a snapshot at the present position, which is kept in the truth too: so far the feed may be pruned."""
        index, seq = opened.index, opened.cursor.read()
        assert isinstance(index, FaissIndex), "this store opens nothing else"
        collection = index.describe().collection
        index.save(self._folder / collection, cursor=seq)
        SqlCursor(self._database, f"{self.engine}:{collection}").write(seq)

    def promote(self, generation: GenerationRecord) -> None:
        """Nothing to do: which generation is live stands in the truth, and each process loads it."""

    def drop(self, generation: GenerationRecord) -> None:
        """Delete the generation's snapshots."""
        shutil.rmtree(self._folder / generation.collection, ignore_errors=True)

    def _rebuild(self, generation: GenerationRecord) -> OpenIndex:
        with self._database.read() as session:
            photos = embeddings.embedding_count(session, model_version=generation.model_version)
        index = FaissIndex(
            generation.vector_size,
            kind="ivf" if photos >= _IVF_FROM else "exact",
            collection=generation.collection,
            threads=self._threads,
        )
        opened = OpenIndex(index, MemoryCursor())
        Follower(self._database, index, opened.cursor, model_version=generation.model_version).fill()
        self.persist(opened)
        return opened


class QdrantEdgeStore:
    """Qdrant's engine in this process, one folder per generation. Only one process may hold a folder."""

    engine = "qdrant"

    def __init__(self, database: Database, folder: Path) -> None:
        self._database, self._folder = database, folder

    def check(self) -> None:
        """Nothing to ask: it is in this process."""

    def open(self, generation: GenerationRecord) -> OpenIndex:
        """Open the folder; one that was never filled, was lost, or is of an older version is filled and optimised."""
        index = self._open_folder(generation)
        cursor = SqlCursor(self._database, generation.cursor_name(self.engine))
        if _is_filled(index, cursor):
            return OpenIndex(index, cursor)
        try:
            cursor.forget()
            Follower(self._database, index, cursor, model_version=generation.model_version).fill()
            is_large = index.count() >= _OPTIMISE_FROM
        except BaseException:
            index.close()  # or the folder would stay locked, and could not be opened for another try
            raise
        if is_large:
            index.close()
            optimise_edge(self._folder / generation.collection)
            index = self._open_folder(generation)
        return OpenIndex(index, cursor)

    def _open_folder(self, generation: GenerationRecord) -> QdrantEdgeIndex:
        folder = self._folder / generation.collection
        return QdrantEdgeIndex.open(folder, generation.collection, generation.vector_size)

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

    def check(self) -> None:
        """See `IndexStore`."""
        with server_errors(self._client):
            self._client.collection_exists(ALIAS)

    def open(self, generation: GenerationRecord) -> OpenIndex:
        """Open the collection, creating and filling it where it is missing, or of an older version."""
        index = QdrantServerIndex(self._client, generation.collection, generation.vector_size)
        cursor = SqlCursor(self._database, generation.cursor_name(self.engine))
        if not _is_filled(index, cursor):
            with cursor.turn():
                if not _is_filled(index, cursor):  # not by another process, meanwhile, either
                    cursor.forget()
                    Follower(self._database, index, cursor, model_version=generation.model_version).fill()
        return OpenIndex(index, cursor)

    def persist(self, opened: OpenIndex) -> None:
        """Nothing to do: the server acknowledges a write when it is durable."""

    def promote(self, generation: GenerationRecord) -> None:
        """Point the alias at the generation's collection, atomically."""
        QdrantServerIndex(self._client, generation.collection, generation.vector_size).promote(ALIAS)

    def drop(self, generation: GenerationRecord) -> None:
        """Delete the collection."""
        drop_collection(self._client, generation.collection)


def _is_filled(index: VectorIndex, cursor: SqlCursor) -> bool:
    """Say whether the collection was filled once, with the payloads of this version, and still holds something.

    Its cursor outlives a lost collection.
    """
    return cursor.was_filled() and (cursor.read() == 0 or index.count() > 0)
