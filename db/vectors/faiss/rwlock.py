"""A lock for many readers or one writer."""

from __future__ import annotations

from contextlib import contextmanager
from threading import Condition
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class ReadWriteLock:
    """Readers share the lock; a writer holds it alone. Writers have priority, so that readers cannot starve them.

    Not reentrant: a reader that takes the lock again while a writer waits deadlocks.
    """

    def __init__(self) -> None:
        self._changed = Condition()
        self._readers = 0
        self._writing = False
        self._waiting_writers = 0

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Hold the lock as one of several readers."""
        with self._changed:
            self._changed.wait_for(lambda: not (self._writing or self._waiting_writers))
            self._readers += 1
        try:
            yield
        finally:
            with self._changed:
                self._readers -= 1
                self._changed.notify_all()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the lock exclusively."""
        with self._changed:
            self._waiting_writers += 1
            try:
                self._changed.wait_for(lambda: not (self._writing or self._readers))
                self._writing = True
            finally:
                self._waiting_writers -= 1
                self._changed.notify_all()  # also if the writer was interrupted: readers must not wait for it
        try:
            yield
        finally:
            with self._changed:
                self._writing = False
                self._changed.notify_all()
