"""Who may call what: API keys with roles, how much each may ask, and a record of who changed what.

Until the first key is created, whoever reaches the server may do everything: it listens on this machine only.
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
    from services.web.ports import Parts

log = logging.getLogger(__name__)

_TRUSTED_FOR_S = 2.0
"""For so long a key that was verified is not looked at again, and one that is revoked may still be used."""

_MOST_REMEMBERED = 1000


@dataclass(frozen=True, slots=True)
class _Remembered:
    """A caller that was let in, without a key while there is none, and until when it is."""

    key: KeyRecord | None
    until: float


class Access:
    """Lets callers in: `check` is a guard of the app, `record` one of its `before_send` hooks.

    A call says with `opt={"role": ...}` which role it takes; one below /v1/ that says nothing takes an admin.
    """

    def __init__(self, resources: Parts, workers: WorkerThreads) -> None:
        self._database, self._workers = resources.database, workers
        self._limits = RateLimits(resources.database, per_minute=resources.settings.rate_limit_per_minute)
        self._remembered: dict[str, _Remembered] = {}

    async def check(self, connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
        """Let the call pass.

        Raises:
            NotFoundException: the path holds a NUL: nothing is called so, and PostgreSQL would refuse to look.
            KeyRefused: it has no key, or one that is not, or no longer, good.
            RoleMissing: the key's role is not enough.
            RateLimited: the key has been used too often in this minute.
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
            scope["state"]["audit_entry"] = await self._workers.run(self._begin, scope, key)

    async def record(self, message: Message, scope: Scope) -> None:
        """Complete the audit log's entry of the call, before its answer is sent."""
        if message["type"] == "http.response.start" and "audit_entry" in scope["state"]:
            try:
                await to_thread.run_sync(self._end, scope["state"]["audit_entry"], message["status"])
            except Exception:  # what was done is done: the answer must not say otherwise
                log.exception("the audit log lacks an answer, of request %s", request_id(scope))

    async def _caller(self, authorization: str) -> KeyRecord | None:
        """Return the caller's key; None while no key was ever created."""
        remembered = self._remembered.get(_digest(authorization))
        if remembered is None or remembered.until < time.monotonic():
            remembered = await self._workers.run(self._look_up, authorization)
        return remembered.key

    def _look_up(self, authorization: str) -> _Remembered:
        scheme, _, presented = authorization.partition(" ")
        with self._database.read() as session:
            key = keys.verify_key(session, presented.strip()) if scheme.lower() == "bearer" else None
            if key is None and keys.any_key(session):
                raise KeyRefused(presented=bool(authorization))
        found = _Remembered(key, time.monotonic() + _TRUSTED_FOR_S)
        if len(self._remembered) >= _MOST_REMEMBERED:
            self._remembered.clear()
        self._remembered[_digest(authorization)] = found
        return found

    def _begin(self, scope: Scope, key: KeyRecord | None) -> int:
        with self._database.write() as session:
            return keys.begin_audit(
                session,
                key_id=None if key is None else key.key_id,
                method=str(scope.get("method")),
                path=scope["path"],
                request_id=request_id(scope),
            )

    def _end(self, entry_id: int, status: int) -> None:
        with self._database.write() as session:
            keys.end_audit(session, entry_id, status=status)


def _digest(authorization: str) -> str:
    """Return what a header is remembered by: not the key itself."""
    return hashlib.sha256(authorization.encode("utf-8", "replace")).hexdigest()
