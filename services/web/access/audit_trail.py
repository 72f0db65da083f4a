"""Writes the audit log of an app."""

from __future__ import annotations

import asyncio
import logging
import threading
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from anyio import to_thread
from litestar.datastructures import Headers, MutableScopeHeaders
from sqlalchemy.exc import SQLAlchemyError

from db.models import AuditEntry
from db.rows.access import audit
from db.rows.access.keys import split_key
from services.redaction import redacted_path
from services.web.access.failures import address_of
from services.web.request_ids import request_id

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from litestar import Litestar
    from litestar.types import Message, Scope

    from db.session import Database

log = logging.getLogger(__name__)

_REFUSED = (401, 403, 421, 429)

_WRITE_EVERY_S = 10.0
_KINDS_PER_WRITE = 20
"""Entries of refused calls: an attacker causes at most 126 rows a minute, whatever the paths, keys and addresses."""

_PATH_LENGTH = 2000
"""Characters of a path with its query that are kept."""

_FIELDS = "audited_fields"

_FIELD_LENGTH = 200
"""Characters of a field that are kept: a longer listing id does not exist."""


def audit_fields(scope: Scope, fields: Mapping[str, str]) -> None:
    """Add fields of a call's body to its entry, as if they were its query."""
    scope["state"][_FIELDS] = urlencode({name: value[:_FIELD_LENGTH] for name, value in fields.items()})


class AuditTrail:
    """Records changes at once, and refused calls every few seconds: a flood of them must not keep the database busy.

    `record` is a `before_send` hook of the app, `writing` one of its lifespans.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._refused: dict[tuple[object, ...], AuditEntry] = {}
        self._lock = threading.Lock()

    def begin(self, scope: Scope) -> int:
        """Insert the entry of a call that starts, and return its id."""
        with self._database.write() as session:
            return audit.begin_entry(session, _entry(scope, scope["state"].get("key_id")))

    async def record(self, message: Message, scope: Scope) -> None:
        """Add the status to the call's entry before its answer is sent, or count the refused call."""
        if message["type"] != "http.response.start":
            return
        entry_id, status = scope["state"].get("audit_entry"), message["status"]
        if entry_id is None:
            if status in _REFUSED and scope["path"].startswith(("/v1/", "/metrics")):
                self._count_refused(scope, status)
            return
        made = MutableScopeHeaders.from_message(message).get("location") if scope.get("method") == "POST" else None
        fields = scope["state"].get(_FIELDS, "")
        try:
            await to_thread.run_sync(self._end, entry_id, status, made, fields)
        except Exception:  # the change is done, so the answer must not be an error
            log.exception("cannot write the status of request %s to the audit log", request_id(scope))

    @asynccontextmanager
    async def writing(self, _app: Litestar) -> AsyncIterator[None]:
        """Write the refused calls while the app runs, and the last ones when it stops."""
        stopping = asyncio.Event()
        task = asyncio.create_task(self._write_until(stopping), name="write the refused calls")
        try:
            yield
        finally:
            stopping.set()
            await task

    async def _write_until(self, stopping: asyncio.Event) -> None:
        while not stopping.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), _WRITE_EVERY_S)
            try:
                await to_thread.run_sync(self._write_refused)
            except SQLAlchemyError as error:
                log.warning("cannot write refused calls to the audit log; trying again: %s", error)

    def _count_refused(self, scope: Scope, status: int) -> None:
        key_id = scope["state"].get("key_id") or _claimed_id(scope)
        path = scope["path"][:_PATH_LENGTH]
        kind: tuple[object, ...] = (address_of(scope), key_id, scope.get("method"), path, status)
        with self._lock:
            if kind not in self._refused and len(self._refused) >= _KINDS_PER_WRITE:
                kind = (status,)  # the rest, by status only; its entry shows the first of them
            if kind in self._refused:
                self._refused[kind].calls += 1
            else:
                self._refused[kind] = _entry(scope, key_id, status=status)

    def _write_refused(self) -> None:
        with self._lock:
            taken, self._refused = self._refused, {}
        if not taken:
            return
        try:
            with self._database.write() as session:
                session.add_all(AuditEntry(**entry.model_dump()) for entry in taken.values())
        except Exception:
            with self._lock:
                for kind, entry in self._refused.items():
                    entry.calls += taken.pop(kind).calls if kind in taken else 0
                self._refused |= taken
            raise

    def _end(self, entry_id: int, status: int, resource: str | None, fields: str) -> None:
        with self._database.write() as session:
            audit.end_entry(session, entry_id, status=status, resource=resource, fields=fields)


def _entry(scope: Scope, key_id: str | None, *, status: int | None = None) -> AuditEntry:
    return AuditEntry(
        key_id=key_id,
        method=str(scope.get("method"))[:10],
        path=_path_with_query(scope),
        request_id=request_id(scope),
        status=status,
        caller=address_of(scope) or None,
    )


def _path_with_query(scope: Scope) -> str:
    """Return the path with its query, which says what a deletion by filter was about, without signatures."""
    query = scope.get("query_string", b"").decode("latin-1")
    return redacted_path(scope["path"], query)[:_PATH_LENGTH].replace("\0", "\\0")


def _claimed_id(scope: Scope) -> str | None:
    parts = split_key(Headers.from_scope(scope).get("authorization", "").partition(" ")[2].strip())
    return parts[0] if parts else None
