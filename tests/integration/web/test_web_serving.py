"""A serving process runs work in threads, refreshes its indexes, and persists them."""

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


class BlockedWork:
    """Work that occupies its thread until `gate` opens."""

    def __init__(self) -> None:
        self.gate, self.started = threading.Event(), threading.Semaphore(0)

    def work(self) -> str:
        self.started.release()
        self.gate.wait(PATIENCE_S)
        return threading.current_thread().name


def test_runs_work_outside_the_event_loop_and_passes_on_its_errors() -> None:
    async def run() -> int:
        workers = WorkerThreads(1)
        with pytest.raises(KeyError):
            await workers.run({}.__getitem__, "missing")
        return await workers.run(threading.get_ident)

    assert anyio.run(run) != threading.get_ident()


def test_refuses_work_beyond_the_queue_and_completes_the_rest() -> None:
    done: list[str] = []

    async def run() -> None:
        workers, blocked = WorkerThreads(2, queue=3), BlockedWork()

        async def ask() -> None:
            done.append(await workers.run(blocked.work))

        async with anyio.create_task_group() as tasks:
            for _ in range(5):
                tasks.start_soon(ask)
            await anyio.to_thread.run_sync(lambda: [blocked.started.acquire(timeout=PATIENCE_S) for _ in range(2)])
            with pytest.raises(ServiceUnavailable, match="Try again"):
                await workers.run(blocked.work)
            blocked.gate.set()

    anyio.run(run)
    assert len(done) == 5


def test_finds_photos_embedded_while_it_serves_and_persists_the_index(tmp_path: Path) -> None:
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
            results = wait_for(lambda: client.get("/v1/listings/lamp/similar").json()["results"])
        assert [result["listing_id"] for result in results] == ["drill"]
    with resources_in(tmp_path) as reopened:
        opened = reopened.stores[0].open(reopened.live.current().generation)
        assert opened.index.count() == 2


def test_logs_a_failure_that_repeats_itself_once_and_keeps_serving(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with resources_in(tmp_path) as resources:
        resources.settings.follow_interval_s = 0.01
        failures = threading.Semaphore(0)

        def fail() -> int:
            failures.release()
            raise ConnectionError("the database is down")

        monkeypatch.setattr(resources.live, "refresh", fail)
        with caplog.at_level("WARNING", "services.web.index_refresh"), TestClient(create_app(resources)) as client:
            assert all(failures.acquire(timeout=PATIENCE_S) for _ in range(3))
            assert client.get("/health/live").status_code == 200
    assert caplog.text.count("refreshing the indexes failed") == 1
