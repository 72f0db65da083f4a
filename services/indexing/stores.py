"""The stores of each engine's collections: FAISS snapshots, Qdrant Edge folders, a Qdrant server."""

from __future__ import annotations

import logging
import os
from contextlib import suppress
from typing import TYPE_CHECKING

from db.rows import embeddings
from db.vectors.damage import IndexDamaged, is_damage, remove_index, set_aside
from db.vectors.faiss.index import FaissIndex
from db.vectors.qdrant.edge import QdrantEdgeIndex
from db.vectors.qdrant.edge_optimise import optimise_edge
from db.vectors.qdrant.server import QdrantServerIndex
from db.vectors.qdrant.server_collections import check_server, drop_collection
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
"""Minimum number of photos for FAISS lists. Below it, comparing with every vector takes at most about 6 ms."""

_OPTIMISE_FROM = 20_000
"""Number of photos above which a graph makes Qdrant Edge's searches faster than comparing with every vector."""

ALIAS = "photos"
"""The live generation's alias on a Qdrant server."""


class FaissStore:
    """FAISS indexes in memory, with one folder of snapshots per generation under `folder`."""

    engine = "faiss"

    def __init__(self, database: Database, folder: Path, *, threads: int) -> None:
        self._database, self._folder, self._threads = database, folder, threads

    def check(self) -> None:
        """Do nothing: the engine is in this process."""

    def open(self, generation: GenerationRecord) -> OpenIndex:
        """Load the snapshot; without a valid one, rebuild the index from the database and save it."""
        folder = self._folder / generation.collection
        try:
            index, seq = FaissIndex.load(folder, threads=self._threads)
        except FileNotFoundError:
            if folder.exists():
                log.warning("the FAISS index has no snapshot in %s and is rebuilt from the database", folder)
            return self._rebuild(generation)
        except OSError as error:
            _set_aside(folder, error, "FAISS")
            return self._rebuild(generation)
        return OpenIndex(index, MemoryCursor(seq))

    def recover(self, generation: GenerationRecord, opened: OpenIndex, error: OSError) -> OpenIndex:
        """See `IndexStore`."""
        if not is_damage(error):
            return opened
        _set_aside(self._folder / generation.collection, error, "FAISS")
        return self._rebuild(generation)

    def persist(self, opened: OpenIndex) -> None:
        """Write a snapshot at the present position, and store the position: events up to it may be pruned."""
        index, seq = opened.index, opened.cursor.read()
        assert isinstance(index, FaissIndex), "this store opens FAISS indexes only"
        collection = index.describe().collection
        index.save(self._folder / collection, cursor=seq)
        SqlCursor(self._database, f"{self.engine}:{collection}").write(seq)

    def promote(self, generation: GenerationRecord) -> None:
        """Do nothing: the database says which generation is live, and each process loads it."""

    def drop(self, generation: GenerationRecord) -> None:
        """Delete the generation's snapshots."""
        remove_index(self._folder / generation.collection)

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
        try:
            self.persist(opened)
        except OSError as error:
            log.warning("the FAISS index cannot be saved, and is built again at the next start: %s", error)
        return opened


class QdrantEdgeStore:
    """Qdrant's engine in this process, with one folder per generation. Only one process can open a folder."""

    engine = "qdrant"

    def __init__(self, database: Database, folder: Path) -> None:
        self._database, self._folder = database, folder

    def check(self) -> None:
        """Do nothing: the engine is in this process."""

    def open(self, generation: GenerationRecord) -> OpenIndex:
        """Open the folder. Fill and optimise it if it is new, lost, damaged or of an older payload version."""
        try:
            return self._open_filled(generation)
        except OSError as error:
            _set_aside(self._folder / generation.collection, error, "Qdrant Edge")
        return self._open_filled(generation)

    def recover(self, generation: GenerationRecord, opened: OpenIndex, error: OSError) -> OpenIndex:
        """See `IndexStore`."""
        if not is_damage(error):
            return opened
        with suppress(OSError):
            opened.index.close()
        _set_aside(self._folder / generation.collection, error, "Qdrant Edge")
        return self._open_filled(generation)

    def _open_filled(self, generation: GenerationRecord) -> OpenIndex:
        index = self._open_folder(generation)
        cursor = SqlCursor(self._database, generation.cursor_name(self.engine))
        if _is_filled(index, cursor):
            return OpenIndex(index, cursor)
        try:
            cursor.clear()
            Follower(self._database, index, cursor, model_version=generation.model_version).fill()
            is_large = index.count() >= _OPTIMISE_FROM
        except BaseException:
            index.close()  # otherwise the folder would stay locked, and could not be opened again
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
        """Do nothing: Edge flushes every batch."""

    def promote(self, generation: GenerationRecord) -> None:
        """Do nothing: the database says which generation is live."""

    def drop(self, generation: GenerationRecord) -> None:
        """Delete the generation's folder."""
        remove_index(self._folder / generation.collection)


class QdrantServerStore:
    """Collections on a Qdrant server, with the alias `photos` for the live one."""

    engine = "qdrant"

    def __init__(self, database: Database, client: QdrantClient) -> None:
        self._database, self._client = database, client

    def check(self) -> None:
        """See `IndexStore`."""
        check_server(self._client)

    def recover(
        self,
        generation: GenerationRecord,
        opened: OpenIndex,  # noqa: ARG002  (it needs no closing)
        error: OSError,
    ) -> OpenIndex:
        """See `IndexStore`. A collection that differs from the database is deleted first."""
        self.check()
        if isinstance(error, IndexDamaged):
            log.warning("the Qdrant collection is damaged and is rebuilt from the database: %s", error)
            cursor = SqlCursor(self._database, generation.cursor_name(self.engine))
            with cursor.lock():
                cursor.clear()
                self.drop(generation)
        return self.open(generation)

    def open(self, generation: GenerationRecord) -> OpenIndex:
        """Open the collection. Create and fill it if it is missing or of an older payload version."""
        self.check()
        index = QdrantServerIndex(self._client, generation.collection, generation.vector_size)
        cursor = SqlCursor(self._database, generation.cursor_name(self.engine))
        if not _is_filled(index, cursor):
            with cursor.lock():
                if not _is_filled(index, cursor):  # another process may have filled it meanwhile
                    cursor.clear()
                    Follower(self._database, index, cursor, model_version=generation.model_version).fill()
        return OpenIndex(index, cursor)

    def persist(self, opened: OpenIndex) -> None:
        """Do nothing: the server acknowledges durable writes only."""

    def promote(self, generation: GenerationRecord) -> None:
        """Point the alias at the generation's collection, atomically."""
        QdrantServerIndex(self._client, generation.collection, generation.vector_size).promote(ALIAS)

    def drop(self, generation: GenerationRecord) -> None:
        """Delete the collection."""
        drop_collection(self._client, generation.collection)


def _set_aside(folder: Path, error: OSError, engine: str) -> None:
    """Move a damaged index out of the way, and log it once. Raise `error` if it is no damage."""
    if not is_damage(error):
        raise error
    is_deleted = not os.path.lexists(folder)
    try:
        set_aside(folder)
    except OSError:
        raise error from None
    problem = f"its folder {folder} was deleted" if is_deleted else str(error)
    log.warning("the %s index is damaged and is rebuilt from the database: %s", engine, problem)


def _is_filled(index: VectorIndex, cursor: SqlCursor) -> bool:
    """Say whether the collection was filled with this payload version, and still holds points.

    The count is needed because the cursor outlives a lost collection.
    """
    return cursor.was_filled() and (cursor.read() == 0 or index.count() > 0)
