"""Servers with and without listings, and both kinds of client."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from db.models import Role
from db.rows.access import keys
from services.client import Client
from tests.clients import BlockingAsyncClient, client_factory
from tests.servers import serving
from tests.worlds import ingest, marketplace, resources_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ml.bundle.bundle import Bundle
    from tests.clients import Connect
    from tests.conftest import MakeJpeg
    from tests.worlds import Marketplace


@pytest.fixture(scope="package")
def shop(tmp_path_factory: pytest.TempPathFactory, jpeg: MakeJpeg) -> Marketplace:
    return marketplace(tmp_path_factory.mktemp("world") / "shop", jpeg, count=12)


@pytest.fixture(scope="package")
def url(tmp_path_factory: pytest.TempPathFactory, tiny_bundle: Bundle, shop: Marketplace) -> Iterator[str]:
    """The address of a server with twelve listings."""
    with resources_in(tmp_path_factory.mktemp("data"), model=tiny_bundle) as opened:
        ingest(opened, shop.inputs)
        with serving(opened) as url:
            yield url


@pytest.fixture(scope="package")
def changing_url(tmp_path_factory: pytest.TempPathFactory, tiny_bundle: Bundle) -> Iterator[str]:
    """A server for tests that change listings: each deletes its own, or uses ids of its own."""
    with resources_in(tmp_path_factory.mktemp("data"), model=tiny_bundle) as opened:
        opened.ensure_generation()
        with serving(opened) as url:
            yield url


@pytest.fixture(scope="package")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """A server that requires API keys, and a key with the role `read`."""
    with resources_in(tmp_path_factory.mktemp("data")) as opened:
        with opened.database.write() as session:
            key = keys.create_key(session, "reader", Role.READ)
        with serving(opened) as url:
            yield url, key


@pytest.fixture(params=[Client, BlockingAsyncClient], ids=["sync", "async"])
def connect(request: pytest.FixtureRequest) -> Iterator[Connect]:
    with client_factory(request.param) as connect:
        yield connect


@pytest.fixture
def client(connect: Connect, url: str) -> Client:
    return connect(url)


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses, in seconds, that the client asks for; it does not really pause."""
    requested: list[float] = []

    def pause(seconds: float) -> None:
        requested.extend([seconds] if seconds else [])

    async def pause_async(seconds: float) -> None:
        pause(seconds)

    monkeypatch.setattr("services.client.sync_client.time", SimpleNamespace(sleep=pause))
    monkeypatch.setattr("services.client.async_client.anyio", SimpleNamespace(sleep=pause_async))
    return requested
