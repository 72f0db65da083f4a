"""Fixtures: a database with stores of both engines, on every pair of database and Qdrant."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from services.indexing.live import LiveIndexes
from services.indexing.stores import FaissStore, QdrantEdgeStore, QdrantServerStore
from tests.contract.engines import server_client
from tests.databases import LIGHT_STACKS, empty_qdrant, new_database
from tests.truth import (
    LAMP,
    add_listings,
    add_photos,
    embed,
    new_embedding,
    stored_photo,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from db.session import Database
    from services.indexing.live import IndexStore


@pytest.fixture(params=LIGHT_STACKS)
def stack(request: pytest.FixtureRequest) -> tuple[str, str]:
    kinds: tuple[str, str] = request.param
    return kinds


@pytest.fixture
def database(stack: tuple[str, str], tmp_path: Path) -> Iterator[Database]:
    with new_database(stack[0], tmp_path) as database:
        yield database


@pytest.fixture
def stores(stack: tuple[str, str], database: Database, tmp_path: Path) -> Iterator[list[IndexStore]]:
    faiss = FaissStore(database, tmp_path / "faiss", threads=1)
    with empty_qdrant(stack[1]) as url:
        if not url:
            yield [faiss, QdrantEdgeStore(database, tmp_path / "qdrant")]
            return
        with closing(server_client()) as client:
            yield [faiss, QdrantServerStore(database, client)]


@pytest.fixture
def live(database: Database, stores: list[IndexStore]) -> Iterator[LiveIndexes]:
    indexes = LiveIndexes(database, stores)
    yield indexes
    indexes.close()


@pytest.fixture
def lamps(database: Database) -> list[int]:
    """Ids of two embedded photos of one listing."""
    add_listings(database, LAMP)
    stored = [stored_photo(), stored_photo(external_id="p2")]
    ids = add_photos(database, *stored)
    embed(database, *(new_embedding(i, photo, seed=i) for i, photo in zip(ids, stored, strict=True)))
    return ids
