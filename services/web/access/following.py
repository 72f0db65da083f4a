"""Keeps what the web layer knows of the database's keys up to date while an app runs."""

from __future__ import annotations

import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import anyio
from sqlalchemy.exc import SQLAlchemyError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

log = logging.getLogger(__name__)


@asynccontextmanager
async def refreshing(refresh: Callable[[], Awaitable[object]], *, every_s: float) -> AsyncIterator[None]:
    """Call `refresh` on entry, then again and again; a database that does not answer is only logged.

    Calls that need a key or a signature say so themselves.
    """

    async def refresh_once() -> None:
        try:
            await refresh()
        except SQLAlchemyError as error:
            log.debug("cannot read the keys: %s", error)

    async def follow() -> None:
        while True:
            await anyio.sleep(every_s)
            await refresh_once()

    await refresh_once()
    async with anyio.create_task_group() as group:
        group.start_soon(follow)
        yield
        group.cancel_scope.cancel()
