"""The database connection with its two kinds of transaction: `read` and `write`."""

from __future__ import annotations

import json
import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlmodel import Session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import ExceptionContext

VALUES_PER_QUERY = 5000
"""Values that one query may list: SQLite accepts 32,766 parameters, PostgreSQL 65,535."""

_WRITES = "lookalike_writes"
_BUSY_TIMEOUT_MS = 30_000

_KEEPALIVES = "-c tcp_keepalives_idle=30 -c tcp_keepalives_interval=10 -c tcp_keepalives_count=3"
"""The server releases the locks of a process on an unreachable machine after a minute, instead of two hours."""


class Database:
    """A database on SQLite or PostgreSQL.

    On SQLite a writing transaction begins with BEGIN IMMEDIATE: with the driver's own deferred BEGIN, two
    transactions that read before they write overwrite each other's updates without an error.
    """

    def __init__(self, url: str) -> None:
        """Connect lazily to `url`, for example `sqlite:///data/lookalike.sqlite` or `postgresql+psycopg://...`.

        Attributes:
            damage: what is wrong with the stored data, once a query or a check has found that; None before.
            on_damage: called once, with a sentence for the operator.
        """
        self.damage: str | None = None
        self.on_damage: Callable[[str], object] = lambda _sentence: None
        self.engine = _engine(url)
        event.listen(self.engine, "handle_error", self._recognise_damage, retval=True)
        self._writing_engine = self.engine.execution_options(**{_WRITES: True})
        # SQLite's transactions read one snapshot by default; PostgreSQL's do not.
        snapshot = {"isolation_level": "REPEATABLE READ"} if self.is_postgresql else {}
        self._reading_engine = self.engine.execution_options(**snapshot)

    @property
    def is_postgresql(self) -> bool:
        """Whether the database is PostgreSQL; otherwise it is SQLite."""
        return self.engine.dialect.name == "postgresql"

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Yield a session on one consistent snapshot; its changes are discarded."""
        with Session(self._reading_engine, autoflush=False, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Yield a session whose changes are committed at the end of the block, or rolled back if it raises."""
        with Session(self._writing_engine, expire_on_commit=False) as session, session.begin():
            yield session

    def note_damage(self, problem: str) -> None:
        """Keep the first damage that was found, and tell `on_damage`."""
        if self.damage is None:
            self.damage = problem
            self.on_damage(DamagedDatabase.advice(problem))

    def _recognise_damage(self, context: ExceptionContext) -> Exception | None:
        """Raise DamagedDatabase in place of the driver's error; an event listener."""
        original = context.original_exception
        if not _means_damage(original):
            return None
        self.note_damage(str(original).strip())
        return DamagedDatabase(context.statement, original)

    def close(self) -> None:
        """Close every pooled connection."""
        self.engine.dispose()


class DamagedDatabase(OperationalError):
    """Stored data cannot be read any more."""

    def __init__(self, statement: str | None, orig: BaseException) -> None:
        super().__init__(statement, None, orig)

    def __str__(self) -> str:
        return self.advice(str(self.orig).strip())

    @staticmethod
    def advice(problem: str) -> str:
        """Return the problem and what to do."""
        return (
            f"The database is damaged ({problem}). `lookalike db check` shows what cannot be read, "
            "docs/deployment.md#a-damaged-database how to restore it."
        )


def _means_damage(error: BaseException) -> bool:
    """Recognise SQLite's codes CORRUPT and NOTADB, text that is not UTF-8, and PostgreSQL's class XX00."""
    if getattr(error, "sqlstate", None) in ("XX001", "XX002"):
        return True
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB) or "Could not decode to UTF-8" in str(error)


def is_database_unavailable(error: BaseException) -> bool:
    """Say whether the database was unreachable or temporarily unable to work, so that a retry may succeed."""
    return isinstance(error, (OperationalError, InterfaceError))


def _engine(url: str) -> Engine:
    if url.startswith("sqlite"):
        engine = create_engine(url, connect_args={"timeout": _BUSY_TIMEOUT_MS / 1000}, json_deserializer=_from_json)
        event.listen(engine, "connect", _set_sqlite_pragmas)
        event.listen(engine, "begin", _begin_on_sqlite)
        return engine
    # Text is UTF-8 whatever the server's locale: a server without one (SQL_ASCII) would return bytes.
    arguments = {"client_encoding": "utf8", "options": _KEEPALIVES}
    return create_engine(url, pool_pre_ping=True, connect_args=arguments, json_deserializer=_from_json)


def _from_json(text: str | bytes) -> Any:
    """Decode a JSON column. Each listing that a search reads has three, and `json` takes several times as long."""
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:  # half a surrogate pair, which `json` writes
        try:
            return json.loads(text)
        except ValueError as error:
            raise DamagedDatabase(None, error) from error


def _set_sqlite_pragmas(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # disables the driver's BEGIN; `_begin_on_sqlite` sends ours
    cursor = connection.cursor()
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        f"busy_timeout={_BUSY_TIMEOUT_MS}",
        "foreign_keys=ON",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_on_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
