"""The migrations make the tables of the models, on SQLite and PostgreSQL."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlmodel import SQLModel

from db import migrate
from db.rows import feed, listings
from tests.truth import (
    LAMP,
    add_listings,
)

if TYPE_CHECKING:
    from db.session import Database


def test_migrations_create_exactly_the_tables_of_the_models(database: Database) -> None:
    with database.read() as session:
        assert compare_metadata(MigrationContext.configure(session.connection()), SQLModel.metadata) == []


def test_upgrading_twice_changes_nothing(database: Database) -> None:
    before, after = migrate.upgrade(database)
    assert before == after
    assert migrate.is_current(database)


def test_upgrading_leaves_seller_and_date_of_old_listings_empty(database: Database) -> None:
    record = replace(LAMP, seller="ann", listed_at=datetime(2024, 1, 31, tzinfo=UTC))
    add_listings(database, record)
    with database.write() as session:
        feed.set_cursor(session, "qdrant:photos_g1", 5)
    with database.write() as session:
        config = migrate._config(session.connection())
        command.downgrade(config, "0007")
        command.upgrade(config, "head")
    with database.read() as session:
        (row,) = listings.listings_by_id(session, ["lamp"])
        assert (row.title, row.seller, row.listed_at) == ("Brass lamp", "", None)
        assert feed.cursor_of(session, "qdrant:photos_g1") == 5
        assert not feed.was_filled(session, "qdrant:photos_g1")
