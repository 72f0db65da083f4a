"""The valid keys in memory, so that checking a key needs neither the database nor a thread.

The copy is read again every second while calls come. A call waits for it only when it is two seconds old or lacks the
key that was presented, which may be new. One read runs at a time, apart from the threads that answer calls, so wrong
keys cost the callers with a correct one nothing.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from db.rows.access import keys
from services.web.access.failures import FailureLimits
from services.web.access.slow_hashes import SlowHashes
from services.web.limits.threads import WorkerThreads
from services.web.refusals import KeyRefused, TooManyWrongKeys

if TYPE_CHECKING:
    from collections.abc import Mapping

    from db.rows.access.keys import KeyRecord, StoredKey
    from db.session import Database

log = logging.getLogger(__name__)

_REFRESH_S = 1.0
_MAX_AGE_S = 2.0
"""A revoked key works for this long at most."""


@dataclass(frozen=True, slots=True)
class _Keys:
    """The valid keys by id; `read_at` is the monotonic time at which reading them began."""

    read_at: float = float("-inf")
    any_exists: bool = False
    valid: Mapping[str, StoredKey] = field(default_factory=dict)


class KeyRing:
    """Finds the key of a caller."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._keys = _Keys()
        self._reading: asyncio.Task[None] | None = None
        self._reader, self._slow_hashes = WorkerThreads(1), SlowHashes(database)
        self._failures = FailureLimits()

    @property
    def origins(self) -> frozenset[str]:
        """Origins to which a valid key is bound, as last read."""
        return frozenset(origin for key in self._keys.valid.values() for origin in key.record.origins)

    async def any_exists(self) -> bool:
        """Say whether a key was ever created; until then every caller has full access.

        Raises:
            SQLAlchemyError: the database does not answer.
        """
        await self._ensure_recent()
        if not self._keys.any_exists:
            await self.refresh()  # the first key may be newer than the copy
        return self._keys.any_exists

    async def refresh(self) -> None:
        """Read the keys again.

        Raises:
            SQLAlchemyError: the database does not answer.
        """
        await self._read_since(time.monotonic())

    async def caller(self, authorization: str, address: str) -> KeyRecord | None:
        """Return the key in an Authorization header; None while no key was ever created.

        Raises:
            KeyRefused: the key is missing, unknown or revoked.
            TooManyWrongKeys: it is wrong, and the address has sent too many wrong keys.
            SQLAlchemyError: the database does not answer.
        """
        await self._ensure_recent()
        scheme, _, presented = authorization.partition(" ")
        parts = keys.split_key(presented.strip()) if scheme.lower() == "bearer" else None
        if parts is None:
            if self._keys.any_exists:
                raise KeyRefused(presented=bool(authorization))
            return None
        key_id, secret = parts
        stored = await self._stored(key_id, address)
        if not self._keys.any_exists:
            return None
        if stored is not None and await self._matches(stored, secret, address):
            return stored.record
        exceeded = self._failures.are_exceeded(address, key_id)
        self._failures.count(address, key_id)
        if exceeded:
            raise TooManyWrongKeys(retry_after_s=self._failures.seconds_left)
        raise KeyRefused(presented=True)

    async def _stored(self, key_id: str, address: str) -> StoredKey | None:
        if key_id not in self._keys.valid and not self._failures.are_exceeded(address, key_id):
            await self.refresh()  # the key may be newer than the copy
        return self._keys.valid.get(key_id)

    async def _matches(self, stored: StoredKey, secret: str, address: str) -> bool:
        if not stored.hash.is_slow:
            return stored.hash.matches(secret)
        if (known := self._slow_hashes.replaced(stored)) is not None:
            return known.matches(secret)
        if self._failures.are_exceeded(address, stored.record.key_id):
            return False
        return await self._slow_hashes.match(stored, secret, address)

    async def _ensure_recent(self) -> None:
        age = time.monotonic() - self._keys.read_at
        if age > _MAX_AGE_S:
            await self.refresh()
        elif age > _REFRESH_S:
            self._start_reading()

    async def _read_since(self, moment: float) -> None:
        """Return once a read that began at `moment` or later is done; one that runs already may have begun before."""
        while self._keys.read_at < moment:
            await asyncio.shield(self._start_reading())

    def _start_reading(self) -> asyncio.Task[None]:
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._read(), name="read the API keys")
            self._reading.add_done_callback(_log_failure)
        return self._reading

    async def _read(self) -> None:
        self._keys = await self._reader.run(self._read_now)

    def _read_now(self) -> _Keys:
        began = time.monotonic()
        with self._database.read() as session:
            return _Keys(began, keys.any_key(session), keys.valid_keys(session))


def _log_failure(task: asyncio.Task[None]) -> None:
    """Take the exception of a read that no call waited for; calls that wait raise it themselves."""
    if not task.cancelled() and (error := task.exception()) is not None:
        log.debug("cannot read the API keys: %s", error)
