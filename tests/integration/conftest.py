"""Fixtures for tests that use a real database; a module with another world has fixtures of the same names."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest
from litestar.testing import TestClient

from services.cli.main import main
from services.cli.serve import build_app
from tests.commands import CommandResult
from tests.databases import new_database
from tests.worlds import live_resources, marketplace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from litestar import Litestar

    from db.session import Database
    from ml.bundle.bundle import Bundle
    from services.resources import Resources
    from tests.commands import RunCommand
    from tests.conftest import MakeJpeg
    from tests.worlds import Marketplace


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """The truth with its tables, empty: once on SQLite, once on PostgreSQL."""
    with new_database(request.param, tmp_path) as database:
        yield database


@pytest.fixture
def shop(tmp_path: Path, jpeg: MakeJpeg) -> Marketplace:
    """Three listings, two photos each."""
    return marketplace(tmp_path / "shop", jpeg, count=3)


@pytest.fixture
def resources(
    request: pytest.FixtureRequest, tmp_path: Path, tiny_bundle: Bundle, live_data: Path
) -> Iterator[Resources]:
    """An empty live generation: on SQLite, and on PostgreSQL too where a test is marked `on_both`."""
    with live_resources(getattr(request, "param", "sqlite"), tmp_path, tiny_bundle, like=live_data) as opened:
        yield opened


@pytest.fixture
def client(resources: Resources) -> Iterator[TestClient[Litestar]]:
    """Both apps, with the threads that run jobs and embed photos."""
    with TestClient(build_app(resources), raise_server_exceptions=False) as opened:
        yield opened


@pytest.fixture
def lookalike(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> RunCommand:
    """Runs a `lookalike` command."""

    def run(*arguments: str) -> CommandResult:
        monkeypatch.setattr(sys, "argv", ["lookalike", *arguments])
        capsys.readouterr()  # discard what was printed before
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        return CommandResult(int(ended.value.code or 0), printed.out, printed.err)

    return run
