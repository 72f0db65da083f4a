"""Access control: API keys with roles, rate limits per key, and the audit log of changes.

Until the first key is created, every caller has full access; by default the server listens on this machine only.
"""

from __future__ import annotations

import hashlib
import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from anyio import to_thread
from litestar.exceptions import NotFoundException

from db.models import Role
from db.rows import keys
from services.errors import KeyRefused, RateLimited, RoleMissing
from services.web.limits.rate_limits import RateLimits
from services.web.request_ids import request_id

if TYPE_CHECKING:
    from litestar.connection import ASGIConnection
    from litestar.handlers import BaseRouteHandler
    from litestar.types import Message, Scope

    from db.rows.keys import KeyRecord
    from services.web.limits.threads import WorkerThreads
    from services.web.ports import WebResources

log = logging.getLogger(__name__)

_CACHE_S = 2.0
"""Verified keys are cached for this long, so a revoked key may still work for as long."""

_CACHE_SIZE = 1000

_AUDITED_QUERY = 2000
"""Characters of a query that the audit log keeps."""


@dataclass(frozen=True, slots=True)
class _CachedCaller:
    """A verified caller; `key` is None while no key exists, `expires` is a time of the monotonic clock."""

    key: KeyRecord | None
    expires: float


class Access:
    """Checks callers: `check` is a guard of the app, `record` one of its `before_send` hooks.

    A route states the role that it requires with `opt={"role": ...}`; the default below /v1/ is admin.
    """

    def __init__(self, resources: WebResources, workers: WorkerThreads) -> None:
        self._database, self._workers = resources.database, workers
        self._limits = RateLimits(resources.database, per_minute=resources.settings.rate_limit_per_minute)
        self._cache: dict[str, _CachedCaller] = {}

    async def check(self, connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
        """Check the key and its role, count the call, and begin its entry in the audit log.

        Raises:
            NotFoundException: the path holds a NUL, which PostgreSQL refuses in a query.
            KeyRefused: the key is missing, unknown or revoked.
            RoleMissing: the key's role is too low.
            RateLimited: the key was used too often in this minute.
        """
        scope = connection.scope
        if "\0" in scope["path"]:
            raise NotFoundException
        if scope.get("method") == "OPTIONS" or not scope["path"].startswith("/v1/"):
            return
        needed = Role(handler.opt.get("role", Role.ADMIN))
        key = await self._caller(connection.headers.get("authorization", ""))
        if key is not None and not key.role.includes(needed):
            raise RoleMissing(key.role, needed)
        if key is not None and not self._limits.spend(key.key_id):
            await self._workers.run(self._limits.refill, key.key_id)
            if not self._limits.spend(key.key_id):
                raise RateLimited(retry_after_s=self._limits.seconds_left)
        scope["state"]["key_id"] = None if key is None else key.key_id
        if needed is not Role.READ:
            scope["state"]["audit_entry"] = await self._workers.run(self._begin_audit, scope, key)

    async def record(self, message: Message, scope: Scope) -> None:
        """Add the status to the call's audit entry before its answer is sent."""
        if message["type"] == "http.response.start" and "audit_entry" in scope["state"]:
            try:
                await to_thread.run_sync(self._end_audit, scope["state"]["audit_entry"], message["status"])
            except Exception:  # the change is done, so the answer must not be an error
                log.exception("cannot write the status of request %s to the audit log", request_id(scope))

    async def any_key_exists(self) -> bool:
        """Say whether a key was ever created; until then every caller has full access."""
        try:
            return await self._caller("") is not None
        except KeyRefused:
            return True

    async def _caller(self, authorization: str) -> KeyRecord | None:
        """Return the caller's key; None while no key was ever created."""
        cached = self._cache.get(_digest(authorization))
        if cached is None or cached.expires < time.monotonic():
            cached = await self._workers.run(self._look_up, authorization)
        return cached.key

    def _look_up(self, authorization: str) -> _CachedCaller:
        scheme, _, presented = authorization.partition(" ")
        with self._database.read() as session:
            key = keys.verify_key(session, presented.strip()) if scheme.lower() == "bearer" else None
            if key is None and keys.any_key(session):
                raise KeyRefused(presented=bool(authorization))
        caller = _CachedCaller(key, time.monotonic() + _CACHE_S)
        if len(self._cache) >= _CACHE_SIZE:
            self._cache.clear()
        self._cache[_digest(authorization)] = caller
        return caller

    def _begin_audit(self, scope: Scope, key: KeyRecord | None) -> int:
        with self._database.write() as session:
            return keys.begin_audit(
                session,
                key_id=None if key is None else key.key_id,
                method=str(scope.get("method")),
                path=_audited_path(scope),
                request_id=request_id(scope),
            )

    def _end_audit(self, entry_id: int, status: int) -> None:
        with self._database.write() as session:
            keys.end_audit(session, entry_id, status=status)


def _audited_path(scope: Scope) -> str:
    """Return the path with its query: it says which listings a deletion by filter was about."""
    query = scope.get("query_string", b"").decode("latin-1")[:_AUDITED_QUERY]
    return f"{scope['path']}?{query}" if query else scope["path"]


def _digest(authorization: str) -> str:
    """Return the cache key of a header; the API key itself is not kept in memory."""
    return hashlib.sha256(authorization.encode("utf-8", "replace")).hexdigest()
