"""Checks callers: their key, its role and origins, and its rate limit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from litestar.exceptions import NotFoundException

from db.models import Role
from services.web.access.audit_trail import AuditTrail
from services.web.access.cors import AllowedOrigins
from services.web.access.failures import address_of
from services.web.access.key_ring import KeyRing
from services.web.access.signed_urls import SIGNATURE, SignedUrls
from services.web.limits.rate_limits import RateLimits
from services.web.refusals import OriginRefused, RateLimited, RoleMissing

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager

    from litestar import Litestar
    from litestar.connection import ASGIConnection
    from litestar.handlers import BaseRouteHandler
    from litestar.types import Scope

    from db.rows.access.keys import KeyRecord
    from services.web.limits.threads import WorkerThreads
    from services.web.ports import WebResources

_METRICS = "/metrics"


class Access:
    """`check` is a guard of the app.

    A route states the role that it requires with `opt={"role": ...}`; the default below /v1/ is admin.
    With `opt={"signed": Purpose.PHOTO}` or `Purpose.REPORT`, a signed URL is as good as a key.
    """

    def __init__(self, resources: WebResources, workers: WorkerThreads) -> None:
        self.keys = KeyRing(resources.database)
        self.trail = AuditTrail(resources.database)
        self.origins = AllowedOrigins(self.keys, resources.settings.cors_origins)
        self._urls = SignedUrls(resources.signer)
        self._workers, self._metrics = workers, resources.settings.metrics
        self._limits = RateLimits(resources.database, per_minute=resources.settings.rate_limit_per_minute)

    @property
    def lifespans(self) -> list[Callable[[Litestar], AbstractAsyncContextManager[None]]]:
        """What runs as long as the app."""
        return [self.trail.writing, self.origins.following_keys, self._urls.following_keys]

    async def check(self, connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
        """Check the key and what it allows, count the call, and begin its entry in the audit log.

        Raises:
            NotFoundException: the path holds a NUL, which PostgreSQL refuses in a query; or /metrics is closed.
            KeyRefused: the key is missing, unknown or revoked.
            TooManyWrongKeys: the address has sent too many of these.
            RoleMissing: the key's role is too low.
            BadQuery: the signature of a URL has expired or is not valid.
            OriginRefused: the key is bound to pages of other origins.
            RateLimited: the key was used too often in this minute.
        """
        scope = connection.scope
        if "\0" in scope["path"] or (scope["path"] == _METRICS and self._metrics == "off"):
            raise NotFoundException
        needed = self._needed_role(scope, handler)
        if needed is None:
            return
        if not await self._has_signed_url(connection, handler):
            await self._check_key(connection, needed)
        if needed is not Role.READ:
            scope["state"]["audit_entry"] = await self._workers.run(self.trail.begin, scope)

    async def _check_key(self, connection: ASGIConnection[Any, Any, Any, Any], needed: Role) -> None:
        scope = connection.scope
        key = await self.keys.caller(connection.headers.get("authorization", ""), address_of(scope))
        scope["state"]["key_id"] = None if key is None else key.key_id
        if key is not None:
            _check_permissions(key, needed, connection.headers.get("origin", ""), path=scope["path"])
            await self._spend(key.key_id)

    def _needed_role(self, scope: Scope, handler: BaseRouteHandler) -> Role | None:
        """Return the role that a call needs; None if everybody may make it."""
        if scope.get("method") == "OPTIONS":
            return None
        if scope["path"].startswith("/v1/"):
            return Role(handler.opt.get("role", Role.ADMIN))
        return Role.READ if scope["path"] == _METRICS and self._metrics == "key" else None

    async def _has_signed_url(self, connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> bool:
        """Say whether the caller has a signed URL instead of a key.

        Raises:
            BadQuery: its signature has expired or is not valid.
        """
        purpose = handler.opt.get("signed")
        if purpose is None or SIGNATURE not in connection.query_params:
            return False
        if connection.headers.get("authorization") or not await self.keys.any_exists():
            return False
        self._urls.check(purpose, connection)
        return True

    async def _spend(self, key_id: str) -> None:
        if not self._limits.spend(key_id):
            await self._workers.run(self._limits.refill, key_id)
            if not self._limits.spend(key_id):
                raise RateLimited(retry_after_s=self._limits.seconds_left)


def _check_permissions(key: KeyRecord, needed: Role, origin: str, *, path: str) -> None:
    """A key of a page can be read by everybody who sees the page, so it does not open /metrics."""
    if not key.role.includes(needed):
        raise RoleMissing(key.role, needed)
    if key.origins and (origin not in key.origins or path == _METRICS):
        raise OriginRefused(origin, key.origins)
