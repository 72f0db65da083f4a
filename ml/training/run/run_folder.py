"""The folder of a training run, from which a run that was stopped continues.

The name is a hash of everything that decides the outcome, so the same command finds its folder again:

    run-<12 hex digits>/   arrays (*.npy), checkpoints (*.pt), TensorBoard logs, training.json
"""

from __future__ import annotations

import hashlib
import json
import logging
import weakref
from typing import TYPE_CHECKING, Any

import numpy as np
import portalocker

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import DTypeLike, NDArray

log = logging.getLogger(__name__)

_LOCK = "lock"
_PREFIX = "run-"
_GIVEN_UP = (
    "this training starts anew instead of going on with %s: photos, categories, reviewed pairs, settings or weights "
    "have changed since"
)


class RunBusy(RuntimeError):
    """Another process runs the same training."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path}: another process is running this training. Wait for it, or stop it.")


class RunFolder:
    """The folder of one run. Arrays appear in it under their names once they are complete."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def of(cls, home: Path, inputs: object) -> RunFolder:
        """Return the folder in `home` for `inputs`, JSON values; equal inputs share a folder."""
        digest = hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()
        return cls(home / f"{_PREFIX}{digest[:12]}")

    def claim(self) -> None:
        """Lock the folder while this object lives, and clear the folders of abandoned runs next to it.

        Logs a warning for each that was not finished: what decides its outcome has changed.

        Raises:
            RunBusy: another process has locked the folder.
            OSError: the folder cannot be made.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        own_lock = _try_lock(self.path)
        if own_lock is None:
            raise RunBusy(self.path)
        weakref.finalize(self, own_lock.release)
        for other in self.path.parent.glob(f"{_PREFIX}*"):
            if other != self.path and other.is_dir() and (lock := _try_lock(other)) is not None:
                if RunFolder(other).clear():
                    log.warning(_GIVEN_UP, other.name)
                lock.release()

    def array(
        self, name: str, shape: tuple[int, ...], *, dtype: DTypeLike, fill: Callable[[NDArray[Any]], None]
    ) -> NDArray[Any]:
        """Return the array `name`, memory-mapped and read-only; `fill` writes it unless an earlier run did.

        Raises:
            OSError: the array cannot be written.
        """
        file = self.path / f"{name}.npy"
        if not file.exists():
            partial = file.with_suffix(".partial")
            writable = np.lib.format.open_memmap(partial, mode="w+", dtype=dtype, shape=shape)
            fill(writable)
            writable.flush()
            partial.rename(file)
        array: NDArray[Any] = np.load(file, mmap_mode="r")
        return array

    def clear(self) -> bool:
        """Remove arrays, checkpoints and graphs, which are large; keep the TensorBoard logs and training.json.

        Returns:
            Whether there were any.
        """
        patterns = ("*.npy", "*.partial", "*.pt", "*.xml", "*.bin")
        files = [file for pattern in patterns for file in self.path.glob(pattern)]
        for file in files:
            file.unlink(missing_ok=True)
        return bool(files)


def _try_lock(folder: Path) -> portalocker.Lock | None:
    lock = portalocker.Lock(folder / _LOCK, timeout=0, flags=portalocker.LOCK_EX | portalocker.LOCK_NB)
    try:
        lock.acquire()
    except portalocker.LockException:
        return None
    return lock
