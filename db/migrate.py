"""Migrates a database's tables to the current revision."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from db.session import Database

if TYPE_CHECKING:
    from sqlalchemy import Connection


_MIGRATION_LOCK = 0x10_0C_A2
"""Key of the PostgreSQL advisory lock that lets only one process migrate at a time."""


def upgrade(database: Database) -> tuple[str | None, str]:
    """Apply all missing migrations in one transaction.

    Returns:
        The revision before (None for an empty database) and the one after.
    """
    with database.write() as session:
        connection = session.connection()
        if database.is_postgresql:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
        before = current_revision(connection)
        config = _config(connection)
        command.upgrade(config, "head")
        return before, ScriptDirectory.from_config(config).get_current_head() or ""


def current_revision(connection: Connection) -> str | None:
    """Return the database's revision, or None if it has no tables yet."""
    return MigrationContext.configure(connection).get_current_revision()


def is_current(database: Database) -> bool:
    """Say whether the tables are at the newest revision."""
    with database.read() as session:
        connection = session.connection()
        return current_revision(connection) == ScriptDirectory.from_config(_config(connection)).get_current_head()


def new_revision(message: str) -> None:
    """Write a migration file for the differences between the models and the newest revision (for developers)."""
    with TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{folder}/new.sqlite")
        _, newest = upgrade(database)
        with database.write() as session:
            config = _config(session.connection())
            config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
            command.revision(config, message=message, autogenerate=True, rev_id=f"{int(newest) + 1:04d}")
        database.close()


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config
