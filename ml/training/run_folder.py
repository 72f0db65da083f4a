"""What one training keeps on disk while it lasts, so that a killed one goes on where it stopped.

A run's folder is named after everything that decides its outcome, so that the same command finds it again:

    run-<12 hex digits>/   arrays that are whole (*.npy), a checkpoint, TensorBoard's curves, training.json
"""

from __future__ import annotations

import hashlib
import json
import weakref
from typing import TYPE_CHECKING, Any

import numpy as np
import portalocker

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import DTypeLike, NDArray

_LOCK = "lock"
_PREFIX = "run-"


class RunBusy(RuntimeError):
    """Another process is at the same training."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path}: another process is at this very training. Wait for it, or stop it.")


class RunFolder:
    """One run's folder. Arrays appear in it under their names only when they are whole."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def of(cls, home: Path, inputs: object) -> RunFolder:
        """Return the folder in `home` for `inputs`, JSON values: equal inputs have one folder."""
        digest = hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()
        return cls(home / f"{_PREFIX}{digest[:12]}")

    def claim(self) -> None:
        """Make the folder this object's own while it lives, and clear what abandoned runs beside it left.

        Raises:
            RunBusy: another process has it.
            OSError: it cannot be made.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        ours = _locked(self.path)
        if ours is None:
            raise RunBusy(self.path)
        weakref.finalize(self, ours.release)
        for other in self.path.parent.glob(f"{_PREFIX}*"):
            if other != self.path and other.is_dir() and (lock := _locked(other)) is not None:
                RunFolder(other).clear()
                lock.release()

    def array(
        self, name: str, shape: tuple[int, ...], dtype: DTypeLike, fill: Callable[[NDArray[Any]], None]
    ) -> NDArray[Any]:
        """Return the array `name`, memory-mapped, read-only; `fill` writes it unless an earlier run has done so.

        Raises:
            OSError: it cannot be written.
        """
        file = self.path / f"{name}.npy"
        if not file.exists():
            partial = file.with_suffix(".partial")
            writable = np.lib.format.open_memmap(partial, mode="w+", dtype=dtype, shape=shape)
            fill(writable)
            writable.flush()
            partial.rename(file)
        found: NDArray[Any] = np.load(file, mmap_mode="r")
        return found

    def clear(self) -> None:
        """Remove the arrays and the checkpoint, which are large; the curves and the record stay."""
        for pattern in ("*.npy", "*.partial", "*.pt", "*.xml", "*.bin"):
            for file in self.path.glob(pattern):
                file.unlink(missing_ok=True)


def _locked(folder: Path) -> portalocker.Lock | None:
    lock = portalocker.Lock(folder / _LOCK, timeout=0, flags=portalocker.LOCK_EX | portalocker.LOCK_NB)
    try:
        lock.acquire()
    except portalocker.LockException:
        return None
    return lock
