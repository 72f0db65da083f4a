"""A lock on an index's folder that works across processes and is released when its holder dies."""

from __future__ import annotations

from typing import TYPE_CHECKING

import portalocker

if TYPE_CHECKING:
    from pathlib import Path

_NAME = "lock"


class IndexLocked(BlockingIOError):
    """The index is open elsewhere."""

    def __init__(self, folder: Path) -> None:
        super().__init__(f"{folder} is open in another process, which keeps it up to date, or elsewhere in this one")


def hold_folder(folder: Path) -> portalocker.Lock:
    """Create the folder if necessary, and lock it at once. Call `release()` on the result to unlock it.

    Raises:
        IndexLocked: it is already locked by this or another process.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = portalocker.Lock(folder / _NAME, timeout=0, fail_when_locked=True)
    try:
        lock.acquire()
    except portalocker.AlreadyLocked as error:
        raise IndexLocked(folder) from error
    return lock


def wait_for_folder(folder: Path) -> portalocker.Lock:
    """Return a context manager that waits for the folder's lock and holds it."""
    return portalocker.Lock(folder / _NAME, flags=portalocker.LockFlags.EXCLUSIVE)
