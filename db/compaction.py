"""Writes the database anew, so that nothing of deleted rows is left in its files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text
from sqlmodel import SQLModel

if TYPE_CHECKING:
    from db.session import Database


class DatabaseInUse(OSError):
    """Another process uses the SQLite file, so its write-ahead log cannot be emptied."""

    def __init__(self) -> None:
        super().__init__("another process uses the database")


def rewrite(database: Database) -> None:
    """Write every table without free space; on SQLite, also empty the write-ahead log.

    PostgreSQL locks one table after another meanwhile. What its own write-ahead log keeps is up to its archiving.

    Raises:
        DatabaseInUse: another process uses the SQLite file.
    """
    if database.is_postgresql:
        with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            for table in SQLModel.metadata.sorted_tables:
                connection.execute(text(f'VACUUM (FULL, ANALYZE) "{table.name}"'))
        return
    database.close()  # the pool's other connections may hold an old snapshot
    raw = database.engine.raw_connection()
    try:
        cursor = raw.cursor()
        cursor.execute("PRAGMA secure_delete=ON")  # zeros also what pages of the new file do not use
        cursor.execute("VACUUM")
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (is_busy, _log_pages, _checkpointed), *_ = cursor.fetchall()
        cursor.close()
    finally:
        raw.close()
    if is_busy:
        raise DatabaseInUse
