"""A running service for tests of single listings."""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from functools import cache
from ipaddress import ip_network
from typing import TYPE_CHECKING, NamedTuple

import pytest
from litestar.testing import TestClient
from sqlmodel import select

from db.models import Listing
from db.rows import listings
from services.cli.serve import build_app
from tests.worlds import live_resources

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from litestar import Litestar

    from ml.bundle.bundle import Bundle
    from services.resources import Resources


class Serving(NamedTuple):
    """A running service."""

    resources: Resources
    client: TestClient[Litestar]


@pytest.fixture(scope="module")
def serve(
    tmp_path_factory: pytest.TempPathFactory, tiny_bundle: Bundle, live_data: Path
) -> Iterator[Callable[[str], Serving]]:
    """Starts one service per kind of database. A listing may have three photos."""
    with ExitStack() as stack:

        @cache
        def start(kind: str) -> Serving:
            folder = tmp_path_factory.mktemp(kind)
            stack.callback(shutil.rmtree, folder)
            resources = stack.enter_context(live_resources(kind, folder, tiny_bundle, like=live_data))
            resources.settings.fetch_allow = (ip_network("127.0.0.1/32"),)
            resources.settings.max_listing_photos = 3
            client = TestClient(build_app(resources), raise_server_exceptions=False)
            return Serving(resources, stack.enter_context(client))

        yield start


@pytest.fixture
def resources(request: pytest.FixtureRequest, serve: Callable[[str], Serving]) -> Iterator[Resources]:
    """A service without listings; the listings of a test are deleted after it."""
    opened = serve(getattr(request, "param", "sqlite")).resources
    yield opened
    with opened.database.write() as session:
        for listing in session.exec(select(Listing)).all():
            listings.delete_listing(session, listing.id)
    opened.live.refresh()


@pytest.fixture
def client(resources: Resources, serve: Callable[[str], Serving]) -> TestClient[Litestar]:
    return serve("postgresql" if resources.database.is_postgresql else "sqlite").client
