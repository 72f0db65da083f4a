"""Checkpoints of an optimisation, replaced atomically. Importing this imports torch."""

from __future__ import annotations

import os
import pickle
import time
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_MIN_INTERVAL_S = 5.0
_MAX_TIME_SHARE = 0.02
"""Share of the time spent on saving: half a second every 25 for the 300 MB of a whole network."""


class Checkpoint:
    """One file with the state of one optimisation."""

    def __init__(self, file: Path, *, writes: bool = True, clock: Callable[[], float] = time.monotonic) -> None:
        """`writes` is False in processes other than the first, which saves for all."""
        self._file, self._writes, self._clock = file, writes, clock
        self._due = clock() + _MIN_INTERVAL_S

    def load(self) -> dict[str, Any] | None:
        """Return the state that was saved last; None if the file is missing or cannot be read."""
        try:
            state: dict[str, Any] = torch.load(self._file, map_location="cpu", weights_only=True)
        except (OSError, RuntimeError, EOFError, pickle.UnpicklingError):
            return None
        return state

    def save_if_due(self, state: Callable[[], dict[str, Any]]) -> None:
        """Save what `state` returns, unless the last save is too recent."""
        if self._clock() >= self._due:
            self.save(state())

    def save(self, state: dict[str, Any]) -> None:
        """Replace the file durably.

        Raises:
            OSError: the file cannot be written.
        """
        if not self._writes:
            return
        started = self._clock()
        partial = self._file.with_suffix(".partial")
        with partial.open("wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(self._file)
        now = self._clock()
        self._due = now + max(_MIN_INTERVAL_S, (now - started) / _MAX_TIME_SHARE)
