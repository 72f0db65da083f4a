"""Fixtures: five listings with copied photos, before and after the search for copies."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.integration.indexing.duplicates.copies import (
    new_finder,
    with_copies,
)
from tests.worlds import ingest, live_resources, resources_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ml.bundle.bundle import Bundle
    from services.resources import Resources
    from tests.conftest import MakeJpeg
    from tests.worlds import Marketplace


@pytest.fixture
def shop(tmp_path: Path, jpeg: MakeJpeg) -> Marketplace:
    return with_copies(tmp_path / "shop", jpeg)


@pytest.fixture(scope="module")
def ingested(tmp_path_factory: pytest.TempPathFactory, tiny_bundle: Bundle, live_data: Path, jpeg: MakeJpeg) -> Path:
    """A data directory with these listings."""
    folder = tmp_path_factory.mktemp("ingested")
    with resources_in(folder / "data", model=tiny_bundle, like=live_data) as opened:
        ingest(opened, with_copies(folder / "shop", jpeg).inputs)
    return folder / "data"


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory, tiny_bundle: Bundle, ingested: Path) -> Path:
    """A data directory with these listings, whose copies were found."""
    folder = tmp_path_factory.mktemp("compared") / "data"
    with resources_in(folder, model=tiny_bundle, like=ingested) as opened:
        new_finder(opened).find()
    return folder


@pytest.fixture
def new(tmp_path: Path, tiny_bundle: Bundle, ingested: Path) -> Iterator[Resources]:
    """The listings, not compared yet."""
    with resources_in(tmp_path / "data", model=tiny_bundle, like=ingested) as opened:
        yield opened


@pytest.fixture
def resources(
    request: pytest.FixtureRequest, tmp_path: Path, tiny_bundle: Bundle, compared: Path, shop: Marketplace
) -> Iterator[Resources]:
    """The listings, whose copies were found."""

    def find_copies(opened: Resources) -> None:
        ingest(opened, shop.inputs)
        new_finder(opened).find()

    kind = getattr(request, "param", "sqlite")
    with live_resources(kind, tmp_path, tiny_bundle, like=compared, prepare=find_copies) as opened:
        yield opened
