"""The engines under contract, and how a test gets an empty index of each."""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from db.vectors.faiss.index import FaissIndex
from db.vectors.faiss.lists import IvfSettings
from db.vectors.qdrant.edge import QdrantEdgeIndex
from db.vectors.qdrant.server import QdrantServerIndex
from db.vectors.qdrant.server_collections import connect
from tests.contract.catalogue import VECTOR_SIZE

if TYPE_CHECKING:
    from pathlib import Path

    from qdrant_client import QdrantClient

    from db.vectors.base import VectorIndex

SERVER_URL = os.environ.get("LOOKALIKE_TEST_QDRANT_URL", "")
NEEDS_SERVER = [
    pytest.mark.server,
    pytest.mark.skipif(not SERVER_URL, reason="LOOKALIKE_TEST_QDRANT_URL does not name a Qdrant server"),
]
ENGINES = ["faiss-exact", "faiss-ivf", "qdrant-edge", pytest.param("qdrant-server", marks=NEEDS_SERVER)]

ALL_LISTS = IvfSettings(lists=16, probes=16)
"""Trained at 624 vectors; every list is probed, so that answers are exact."""


def server_client() -> QdrantClient:
    """Connect to the server under test."""
    return connect(SERVER_URL, timeout=30)


class IndexFactory:
    """Makes empty indexes of one engine, and takes them down at the end."""

    def __init__(self, engine: str, folder: Path) -> None:
        self.engine = engine
        self._folder, self._at_end = folder, ExitStack()
        self._client = server_client() if engine == "qdrant-server" else None
        if self._client is not None:
            self._at_end.callback(self._client.close)

    def __call__(self, vector_size: int = VECTOR_SIZE) -> VectorIndex:
        """Make an empty index."""
        name = f"test_{uuid4().hex}"
        if self.engine == "faiss-exact":
            return FaissIndex(vector_size)
        if self.engine == "faiss-ivf":
            return FaissIndex(vector_size, kind="ivf", ivf=ALL_LISTS)
        if self._client is None:
            edge = QdrantEdgeIndex.open(self._folder / name, name, vector_size)
            self._at_end.callback(edge.close)
            return edge
        server = QdrantServerIndex(self._client, name, vector_size)
        self._at_end.callback(server.drop)
        return server

    def close(self) -> None:
        """Close what was made, and delete its collections."""
        self._at_end.close()
