"""Looks for damage in an SQLite database when the server starts, and once a day."""

from __future__ import annotations

import logging
import threading
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from anyio import to_thread
from sqlalchemy.exc import SQLAlchemyError

from db.integrity import file_damage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from litestar import Litestar

    from db.session import Database

log = logging.getLogger(__name__)

_INTERVAL_S = 24 * 60 * 60


class DamageCheck:
    """Reads the whole file in a thread: a gigabyte takes a second or two from an SSD. `/health/ready` has the outcome.

    Damage that a call finds is logged too, once.
    PostgreSQL checks its pages itself (`data_checksums`) whenever it reads them.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._stopping = threading.Event()
        self._connection: Any = None

    @asynccontextmanager
    async def running(self, _app: Litestar) -> AsyncIterator[None]:
        """Check while the app runs; a lifespan."""
        self._database.on_damage = log.error
        if self._database.is_postgresql:
            yield
            return
        thread = threading.Thread(target=self._check_until_stopped, name="damage-check", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._stopping.set()
            if (connection := self._connection) is not None:
                connection.interrupt()
            await to_thread.run_sync(thread.join)

    def _check_until_stopped(self) -> None:
        while not self._stopping.is_set():
            try:
                self._check()
            except SQLAlchemyError as error:  # damage is noted by the database itself
                log.debug("the database could not be checked: %s", error)
            self._stopping.wait(_INTERVAL_S)

    def _check(self) -> None:
        with self._database.read() as session:
            connection = session.connection()
            self._connection = connection.connection.driver_connection
            try:
                for damage in file_damage(connection, quick=True)[:1]:
                    self._database.note_damage(damage.problem)
            finally:
                self._connection = None
