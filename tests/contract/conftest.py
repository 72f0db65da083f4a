"""Fixtures of the contract suite."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.contract.catalogue import make_catalogue
from tests.contract.engines import ENGINES, IndexFactory
from tests.contract.oracle import Oracle
from tests.contract.shapes import SHAPES, filters_at

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from db.vectors.base import Filter, VectorIndex
    from tests.contract.catalogue import Catalogue


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
def filters(oracle: Oracle) -> list[Filter]:
    """Every filter of every shape, each once."""
    return list(dict.fromkeys(where for shape in SHAPES for where in filters_at(shape, oracle)))


@pytest.fixture(scope="module")
def factory_for_all(engine: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[IndexFactory]:
    """Makes indexes that a module's tests only search."""
    factory = IndexFactory(engine, tmp_path_factory.mktemp(engine))
    yield factory
    factory.close()
