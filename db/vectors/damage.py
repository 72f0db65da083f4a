"""Damaged index files: telling them from a disk that cannot be used, and moving them out of the way."""

from __future__ import annotations

import os
import shutil
from errno import EDQUOT, EMFILE, ENFILE, ENOMEM, ENOSPC, EROFS
from typing import TYPE_CHECKING
from uuid import uuid4

from db.vectors.folder_lock import IndexLocked, hold_folder

if TYPE_CHECKING:
    from pathlib import Path

_ASIDE = ".damaged-"

_NO_DAMAGE = (ENOSPC, EDQUOT, EROFS, EMFILE, ENFILE, ENOMEM)
"""Errors of a full or read-only disk, or of a process that has no descriptors or memory left."""


class IndexDamaged(OSError):
    """An index does not hold what the database holds."""


def is_damage(error: OSError) -> bool:
    """Say whether an index that fails with this error is damaged, so that it must be rebuilt.

    The engines pass on the system's errors as text.
    """
    if isinstance(error, IndexLocked | ConnectionError) or error.errno in _NO_DAMAGE:
        return False
    return not any(os.strerror(number) in str(error) for number in _NO_DAMAGE)


def set_aside(folder: Path) -> None:
    """Move a damaged index out of the way, and delete what can be deleted of it.

    Raises:
        IndexLocked: it is open, in this or another process.
        OSError: it cannot be moved.
    """
    lock = None
    try:
        lock = hold_folder(folder)
    except IndexLocked:
        raise
    except OSError:  # the lock itself is damaged
        pass
    try:
        aside = folder.with_name(f"{folder.name}{_ASIDE}{uuid4().hex}")
        folder.rename(aside)
    finally:
        if lock is not None:
            lock.release()
    _delete(aside)


def remove_index(folder: Path) -> None:
    """Delete an index, and what is left of damaged ones of its name."""
    for path in (folder, *folder.parent.glob(f"{folder.name}{_ASIDE}*")):
        _delete(path)


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
