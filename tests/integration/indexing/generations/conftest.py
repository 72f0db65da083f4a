"""Fixtures: three listings in generation 1, and after a change of the model in generation 2."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from litestar.testing import TestClient

from services.cli.serve import build_app
from tests.integration.indexing.generations.models import change_model
from tests.projection import write_projection
from tests.worlds import ingest, marketplace, resources_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from litestar import Litestar

    from ml.bundle.bundle import Bundle
    from services.resources import Resources
    from tests.conftest import MakeJpeg


@pytest.fixture(scope="module")
def other_bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """Another model than `tiny_bundle`."""
    return write_projection(tmp_path_factory.mktemp("models") / "other", seed=1)


@pytest.fixture(scope="module")
def folders(
    tmp_path_factory: pytest.TempPathFactory,
    tiny_bundle: Bundle,
    other_bundle: Bundle,
    live_data: Path,
    jpeg: MakeJpeg,
) -> dict[str, Path]:
    """Data directories with three listings: as they were ingested, and after a change of the model."""
    folder = tmp_path_factory.mktemp("generations")
    ingested, changed = folder / "ingested", folder / "changed"
    with resources_in(ingested, model=tiny_bundle, like=live_data) as opened:
        ingest(opened, marketplace(folder / "shop", jpeg, count=3).inputs)
    with resources_in(changed, model=tiny_bundle, like=ingested) as opened:
        change_model(opened, other_bundle)
    return {"ingested": ingested, "changed": changed}


@pytest.fixture
def resources(
    request: pytest.FixtureRequest, tmp_path: Path, tiny_bundle: Bundle, folders: dict[str, Path]
) -> Iterator[Resources]:
    """Three listings with two photos each in generation 1."""
    folder = folders[getattr(request, "param", "ingested")]
    with resources_in(tmp_path / "data", model=tiny_bundle, like=folder) as opened:
        yield opened


@pytest.fixture(scope="module")
def unchanged(
    tmp_path_factory: pytest.TempPathFactory, tiny_bundle: Bundle, folders: dict[str, Path]
) -> Iterator[TestClient[Litestar]]:
    """A service for what is only asked, or refused."""
    folder = tmp_path_factory.mktemp("unchanged") / "data"
    with (
        resources_in(folder, model=tiny_bundle, like=folders["ingested"]) as opened,
        TestClient(build_app(opened), raise_server_exceptions=False) as client,
    ):
        yield client
