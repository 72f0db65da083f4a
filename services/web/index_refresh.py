"""Keeps the indexes of a serving process up to date with the database."""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from anyio import to_thread

from services.disk_errors import disk_problem
from services.repeated_failures import RepeatedFailures

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from contextlib import AbstractAsyncContextManager

    from litestar import Litestar

    from services.web.ports import Indexes

log = logging.getLogger(__name__)


def index_refresh(indexes: Indexes, *, interval_s: float) -> Callable[[Litestar], AbstractAsyncContextManager[None]]:
    """Return a Litestar lifespan that refreshes `indexes` every `interval_s` and persists them when serving ends.

    A failed refresh, for instance while the database or an engine is down, is logged and retried; searches continue.
    """

    @asynccontextmanager
    async def lifespan(_app: Litestar) -> AsyncIterator[None]:
        stopping = asyncio.Event()
        task = asyncio.create_task(_refresh_until(stopping, indexes, interval_s), name="refresh the indexes")
        try:
            yield
        finally:
            stopping.set()  # not cancelled, so that a running refresh completes
            await task
            try:
                await to_thread.run_sync(indexes.persist)
            except OSError as error:
                log.warning("the indexes were not saved; the next start catches up: %s", disk_problem(error) or error)

    return lifespan


async def _refresh_until(stopping: asyncio.Event, indexes: Indexes, interval_s: float) -> None:
    failures = RepeatedFailures(log, "refreshing the indexes failed; trying again")
    while not stopping.is_set():
        try:
            await to_thread.run_sync(indexes.refresh)
        except Exception as error:  # noqa: BLE001 - the loop goes on
            failures.failed(error)
        else:
            failures.worked()
        try:
            await asyncio.wait_for(stopping.wait(), interval_s)
        except TimeoutError:
            continue
