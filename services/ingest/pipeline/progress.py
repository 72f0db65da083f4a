"""How long work tells of itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

Progress: TypeAlias = Callable[[str, int, int | None], None]
"""Is told the stage, how much of it is done, and the total where it is known."""


def silent(_stage: str, _done: int, _total: int | None) -> None:
    """Tell nobody."""


class StageCounter:
    """Adds up the steps of one stage and passes them on."""

    def __init__(self, progress: Progress, stage: str, total: int | None) -> None:
        self._progress, self._stage, self._total, self._done = progress, stage, total, 0

    def __call__(self, count: int) -> None:
        """Add `count` to what is done."""
        self._done += count
        self._progress(self._stage, self._done, self._total)
