"""Named locks that one process at a time holds, and that a dead process releases.

On PostgreSQL they are advisory locks, each on its own connection, and work across machines. With SQLite, whose
processes share one machine, they are locked files beside the database.
"""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote

import portalocker
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

    from db.session import Database


class HeldLock(Protocol):
    """A lock held by this process."""

    def is_held(self) -> bool:
        """Say whether the lock is still held: it is lost with the connection to the database."""
        ...

    def release(self) -> None:
        """Release the lock."""
        ...


@contextmanager
def hold_lock(database: Database, name: str) -> Iterator[HeldLock]:
    """Wait for the lock, and hold it while the block runs.

    The lock is not re-entrant: a holder that requests it again deadlocks.
    """
    held: HeldLock = _AdvisoryLock.wait(database, name) if database.is_postgresql else _FileLock.wait(database, name)
    try:
        yield held
    finally:
        held.release()


def try_lock(database: Database, name: str) -> HeldLock | None:
    """Return the lock, or None at once if another holder has it."""
    return _AdvisoryLock.take(database, name) if database.is_postgresql else _FileLock.take(database, name)


class _AdvisoryLock:
    def __init__(self, connection: Connection, key: int) -> None:
        self._connection, self._key = connection, key

    @classmethod
    def wait(cls, database: Database, name: str) -> _AdvisoryLock:
        lock, _ = cls._query(database, name, "SELECT pg_advisory_lock(:key)")
        return lock

    @classmethod
    def take(cls, database: Database, name: str) -> _AdvisoryLock | None:
        lock, taken = cls._query(database, name, "SELECT pg_try_advisory_lock(:key)")
        if taken:
            return lock
        lock._connection.close()
        return None

    @classmethod
    def _query(cls, database: Database, name: str, query: str) -> tuple[_AdvisoryLock, Any]:
        lock = cls(_connection(database), _key(name))
        try:
            return lock, lock._connection.execute(text(query), {"key": lock._key}).scalar_one()
        except BaseException:
            lock._connection.invalidate()  # it may already hold the lock
            lock._connection.close()
            raise

    def is_held(self) -> bool:
        try:
            if not self._connection.invalidated:
                self._connection.execute(text("SELECT 1"))
        except DBAPIError:
            return False
        return not self._connection.invalidated

    def release(self) -> None:
        try:
            if not self._connection.invalidated:
                self._connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": self._key})
        except DBAPIError:
            self._connection.invalidate()  # the server releases the locks of a lost connection
        self._connection.close()


class _FileLock:
    def __init__(self, lock: portalocker.Lock) -> None:
        self._lock = lock

    @classmethod
    def wait(cls, database: Database, name: str) -> _FileLock:
        lock = portalocker.Lock(_file(database, name), flags=portalocker.LockFlags.EXCLUSIVE)
        lock.acquire()
        return cls(lock)

    @classmethod
    def take(cls, database: Database, name: str) -> _FileLock | None:
        lock = portalocker.Lock(_file(database, name), timeout=0, fail_when_locked=True)
        try:
            lock.acquire()
        except portalocker.AlreadyLocked:
            return None
        return cls(lock)

    def is_held(self) -> bool:
        return True

    def release(self) -> None:
        self._lock.release()


def _connection(database: Database) -> Connection:
    return database.engine.connect().execution_options(isolation_level="AUTOCOMMIT")


def _key(name: str) -> int:
    """Return the first 64 bits of the name's SHA-256 as a signed integer, PostgreSQL's key type."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)


def _file(database: Database, name: str) -> Path:
    path = database.engine.url.database
    assert path, "SQLite databases are always files here"
    folder = Path(f"{path}.locks")
    folder.mkdir(exist_ok=True)
    return folder / quote(name, safe="")
