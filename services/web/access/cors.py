"""Which pages may call the API from a browser: those of LOOKALIKE_CORS_ORIGINS, and those that a key is bound to."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from litestar.config.cors import CORSConfig

from services.web.access.following import refreshing
from services.web.request_ids import HEADER

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from litestar import Litestar

    from services.web.access.key_ring import KeyRing

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
        async with refreshing(self._keys.refresh, every_s=_REFRESH_S):
            yield
