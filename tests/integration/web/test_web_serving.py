"""What a serving process does besides answering: hops to threads, follows the truth, keeps its position."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import anyio
import pytest
from litestar.testing import TestClient

from services.errors import ServiceUnavailable
from services.indexing.generations import build_and_promote
from services.search.app import create_app
from services.web.limits.threads import WorkerThreads
from tests.truth import (
    DRILL,
    LAMP,
    MODEL,
    add_listings,
    add_photos,
    embed,
    new_embedding,
    register_model,
    stored_photo,
)
from tests.waiting import PATIENCE_S, wait_for
from tests.worlds import resources_in

if TYPE_CHECKING:
    from pathlib import Path


class Held:
    """Work that stays in its thread until it is let go."""

    def __init__(self) -> None:
        self.gate, self.started = threading.Event(), threading.Semaphore(0)

    def work(self) -> str:
        self.started.release()
        self.gate.wait(PATIENCE_S)
        return threading.current_thread().name


def test_work_runs_outside_the_event_loop_and_its_errors_come_back() -> None:
    async def run() -> int:
        workers = WorkerThreads(1)
        with pytest.raises(KeyError):
            await workers.run({}.__getitem__, "missing")
        return await workers.run(threading.get_ident)

    assert anyio.run(run) != threading.get_ident()


def test_what_would_wait_too_long_is_refused_at_once_and_the_rest_is_done() -> None:
    done: list[str] = []

    async def run() -> None:
        workers, held = WorkerThreads(2, queue=3), Held()

        async def ask() -> None:
            done.append(await workers.run(held.work))

        async with anyio.create_task_group() as tasks:
            for _ in range(5):
                tasks.start_soon(ask)
            await anyio.to_thread.run_sync(lambda: [held.started.acquire(timeout=PATIENCE_S) for _ in range(2)])
            with pytest.raises(ServiceUnavailable, match="Try again"):
                await workers.run(held.work)
            held.gate.set()

    anyio.run(run)
    assert len(done) == 5


def test_a_serving_process_finds_what_is_embedded_meanwhile_and_keeps_its_position(tmp_path: Path) -> None:
    with resources_in(tmp_path) as resources:
        resources.settings.follow_interval_s = 0.01
        register_model(resources.database)
        build_and_promote(resources.database, resources.stores, MODEL)
        with TestClient(create_app(resources)) as client:
            for record in (LAMP, DRILL):
                add_listings(resources.database, record)
                photo = stored_photo(record.listing_id, content=record.listing_id.encode())
                (photo_id,) = add_photos(resources.database, photo)
                embed(resources.database, new_embedding(photo_id, photo, seed=3))
            found = wait_for(lambda: client.get("/v1/listings/lamp/similar").json()["results"])
        assert [one["listing_id"] for one in found] == ["drill"]
    with resources_in(tmp_path) as again:
        opened = again.stores[0].open(again.live.current().generation)
        assert opened.index.count() == 2


def test_a_refresh_that_fails_is_logged_and_serving_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with resources_in(tmp_path) as resources:
        resources.settings.follow_interval_s = 0.01
        refused = threading.Semaphore(0)

        def refuse() -> int:
            refused.release()
            raise ConnectionError("the database is away")

        monkeypatch.setattr(resources.live, "refresh", refuse)
        with caplog.at_level("WARNING", "services.web.following"), TestClient(create_app(resources)) as client:
            assert all(refused.acquire(timeout=PATIENCE_S) for _ in range(3))
            assert client.get("/health/live").status_code == 200
    assert "could not follow the truth" in caplog.text
