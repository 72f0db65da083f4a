"""Checks keys of earlier versions, whose hash takes 0.1 s, and replaces the hash at the first correct use."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from functools import partial
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from db.rows.access import keys
from db.rows.access.keys import KeyHash
from services.errors import Overloaded
from services.web.limits.threads import WorkerThreads

if TYPE_CHECKING:
    from db.rows.access.keys import StoredKey
    from db.session import Database

log = logging.getLogger(__name__)

_MAX_WAITING = 16
"""Secrets that may wait for the one thread: the last one waits for 1.6 s."""


class SlowHashes:
    """Checks one secret at a time, in a thread of its own, and each secret once at a time.

    An address may have one secret waiting, so that nobody fills the queue alone.
    """

    def __init__(self, database: Database) -> None:
        self._database, self._thread = database, WorkerThreads(1, queue=_MAX_WAITING)
        self._running: dict[tuple[str, bytes], asyncio.Task[bool]] = {}
        self._waiting = set[str]()
        self._replaced: dict[bytes, KeyHash] = {}

    def replaced(self, stored: StoredKey) -> KeyHash | None:
        """Return the fast hash that was made for this slow one, if the copy of the keys does not have it yet."""
        return self._replaced.get(stored.hash.secret_hash)

    async def match(self, stored: StoredKey, secret: str, address: str) -> bool:
        """Say whether the secret is right.

        Raises:
            Overloaded: too many secrets are waiting, or another one of this address.
        """
        flight = (stored.record.key_id, hashlib.sha256(secret.encode("utf-8", "replace")).digest())
        if flight not in self._running:
            if address in self._waiting or len(self._waiting) >= _MAX_WAITING:
                raise Overloaded("Too many API keys are being checked", retry_after_s=1)
            self._waiting.add(address)
            self._running[flight] = asyncio.create_task(self._check(stored, secret), name="check an API key")
            self._running[flight].add_done_callback(partial(self._end, flight, address))
        return await asyncio.shield(self._running[flight])

    def _end(self, flight: tuple[str, bytes], address: str, _task: asyncio.Task[bool]) -> None:
        self._waiting.discard(address)
        del self._running[flight]

    async def _check(self, stored: StoredKey, secret: str) -> bool:
        return await self._thread.run(self._match, stored, secret)

    def _match(self, stored: StoredKey, secret: str) -> bool:
        if not stored.hash.matches(secret):
            return False
        fast = KeyHash.of(secret)
        self._replaced[stored.hash.secret_hash] = fast
        try:
            with self._database.write() as session:
                keys.replace_hash(session, stored.record.key_id, fast)
        except SQLAlchemyError as error:  # the key is right all the same; the next process replaces its hash
            log.warning("cannot replace the hash of API key %s: %s", stored.record.key_id, error)
        return True
