"""Keeping the indexes of a serving process in line with the truth, for as long as it serves."""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from anyio import to_thread

from db.session import is_database_unavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from contextlib import AbstractAsyncContextManager

    from litestar import Litestar

    from services.web.ports import Indexes

log = logging.getLogger(__name__)


def following(indexes: Indexes, *, interval_s: float) -> Callable[[Litestar], AbstractAsyncContextManager[None]]:
    """Return a Litestar lifespan that refreshes `indexes` every `interval_s` and persists them when serving ends.

    A refresh that fails (the database or an engine is away) is logged and tried again: searches go on meanwhile.
    """

    @asynccontextmanager
    async def lifespan(_app: Litestar) -> AsyncIterator[None]:
        stopping = asyncio.Event()
        task = asyncio.create_task(_follow(indexes, interval_s, stopping), name="follow the change feed")
        try:
            yield
        finally:
            stopping.set()  # not cancelled: a refresh that is under way ends first
            await task
            await to_thread.run_sync(indexes.persist)

    return lifespan


async def _follow(indexes: Indexes, interval_s: float, stopping: asyncio.Event) -> None:
    away = False
    while not stopping.is_set():
        try:
            await to_thread.run_sync(indexes.refresh)
        except Exception as error:
            if not (away and is_database_unavailable(error)):
                log.warning("the indexes could not follow the truth; trying again", exc_info=error)
            away = is_database_unavailable(error)
        else:
            away = False
        try:
            await asyncio.wait_for(stopping.wait(), interval_s)
        except TimeoutError:
            continue
