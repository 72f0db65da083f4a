"""A lock on an index's folder that holds between processes, and is let go of when its holder dies."""

from __future__ import annotations

from typing import TYPE_CHECKING

import portalocker

if TYPE_CHECKING:
    from pathlib import Path

_NAME = "lock"


class IndexLocked(BlockingIOError):
    """Somebody else has the index open."""

    def __init__(self, folder: Path) -> None:
        super().__init__(f"{folder} is open in another process, which keeps it in line, or elsewhere in this one")


def hold_folder(folder: Path) -> portalocker.Lock:
    """Lock the folder (made where it is missing) at once; let go with `release()`.

    Raises:
        IndexLocked: it is held already, by this process or another.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = portalocker.Lock(folder / _NAME, timeout=0, fail_when_locked=True)
    try:
        lock.acquire()
    except portalocker.AlreadyLocked as error:
        raise IndexLocked(folder) from error
    return lock


def wait_for_folder(folder: Path) -> portalocker.Lock:
    """Return a context manager that waits until the folder is free, and holds it."""
    return portalocker.Lock(folder / _NAME, flags=portalocker.LockFlags.EXCLUSIVE)
