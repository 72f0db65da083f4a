"""Which pages may call the API from a browser: those of LOOKALIKE_CORS_ORIGINS, and those that a key is bound to."""

from __future__ import annotations

import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import anyio
from litestar.config.cors import CORSConfig
from sqlalchemy.exc import SQLAlchemyError

from services.web.request_ids import HEADER

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from litestar import Litestar

    from services.web.access.key_ring import KeyRing

log = logging.getLogger(__name__)

_REFRESH_S = 1.0
"""A browser asks without a key before its first call, so the origins of new keys must be known by then."""


class AllowedOrigins(CORSConfig):
    """The origins of the settings and of the keys; pages may call without cookies."""

    def __init__(self, keys: KeyRing, origins: Sequence[str]) -> None:
        super().__init__(allow_origins=list(origins), expose_headers=["ETag", "Location", "Retry-After", HEADER])
        self._keys = keys

    def is_origin_allowed(self, origin: str) -> bool:
        """Say whether pages of this origin may call."""
        return super().is_origin_allowed(origin) or origin in self._keys.origins

    @asynccontextmanager
    async def following_keys(self, _app: Litestar) -> AsyncIterator[None]:
        """Read the keys every second while the app runs."""
        await self._read_keys()
        async with anyio.create_task_group() as group:
            group.start_soon(self._follow_keys)
            yield
            group.cancel_scope.cancel()

    async def _follow_keys(self) -> None:
        while True:
            await anyio.sleep(_REFRESH_S)
            await self._read_keys()

    async def _read_keys(self) -> None:
        try:
            await self._keys.refresh()
        except SQLAlchemyError as error:  # calls that need a key say so
            log.debug("cannot read the API keys: %s", error)
