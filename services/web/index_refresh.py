"""Keeps the indexes of a serving process up to date with the database."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from anyio import to_thread

from db.session import is_database_unavailable
from services.disk_errors import disk_problem

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from contextlib import AbstractAsyncContextManager

    from litestar import Litestar

    from services.web.ports import Indexes

log = logging.getLogger(__name__)

_LOG_EVERY_S = 60.0
"""A failure that repeats itself is logged as rarely."""


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
    last, logged_at = "", 0.0
    while not stopping.is_set():
        try:
            await to_thread.run_sync(indexes.refresh)
        except Exception as error:
            failure = "database" if is_database_unavailable(error) else repr(error)
            if failure != last or time.monotonic() - logged_at >= _LOG_EVERY_S:
                log.warning("refreshing the indexes failed; trying again", exc_info=error)
                logged_at = time.monotonic()
            last = failure
        else:
            last = ""
        try:
            await asyncio.wait_for(stopping.wait(), interval_s)
        except TimeoutError:
            continue
