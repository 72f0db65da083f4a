"""Fixtures of the contract suite, and its one line of summary."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.contract.catalogue import make_catalogue
from tests.contract.comparison import Tally
from tests.contract.engines import ENGINES, IndexFactory
from tests.contract.oracle import Oracle

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from db.vectors.base import VectorIndex
    from tests.contract.catalogue import Catalogue

_TALLY = pytest.StashKey[Tally]()


@pytest.fixture(scope="session", params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    """The name of the engine under test."""
    name: str = request.param
    return name


@pytest.fixture
def index_factory(engine: str, tmp_path: Path) -> Iterator[IndexFactory]:
    """Makes empty indexes of the engine."""
    factory = IndexFactory(engine, tmp_path)
    yield factory
    factory.close()


@pytest.fixture
def index(index_factory: IndexFactory) -> VectorIndex:
    """An empty index."""
    return index_factory()


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    """2,000 photos, and queries."""
    return make_catalogue()


@pytest.fixture(scope="session")
def oracle(catalogue: Catalogue) -> Oracle:
    """The right answers for the catalogue."""
    return Oracle(catalogue.points)


@pytest.fixture(scope="session")
def filled_index(engine: str, catalogue: Catalogue, tmp_path_factory: pytest.TempPathFactory) -> Iterator[VectorIndex]:
    """The catalogue in the engine. Tests only search it."""
    factory = IndexFactory(engine, tmp_path_factory.mktemp(engine))
    index = factory()
    index.upsert(catalogue.points)
    yield index
    factory.close()


@pytest.fixture(scope="session")
def tally(request: pytest.FixtureRequest) -> Tally:
    """Where comparisons with the oracle are counted."""
    return request.config.stash.setdefault(_TALLY, Tally())


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say how many answers were compared with the oracle's, and how many were wrong."""
    tally = config.stash.get(_TALLY, None)
    if tally is None:
        return
    by_engine = ", ".join(f"{engine} {count}" for engine, count in sorted(tally.comparisons.items()))
    terminalreporter.write_line(
        f"contract: {tally.comparisons.total()} comparisons, {tally.violations.total()} violations ({by_engine})"
    )
