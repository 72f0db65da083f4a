"""Fixtures for tests that use a real database."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.databases import new_database

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from db.session import Database


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """The truth with its tables, empty: once on SQLite, once on PostgreSQL."""
    with new_database(request.param, tmp_path) as database:
        yield database
