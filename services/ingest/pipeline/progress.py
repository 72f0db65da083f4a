"""Progress callbacks for long-running work."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

Progress: TypeAlias = Callable[[str, int, int | None], None]
"""Called with the stage, the amount done, and the total if known. What it raises ends the work."""


def silent(_stage: str, _done: int, _total: int | None) -> None:
    """Ignore progress."""


class StageCounter:
    """Adds up the steps of one stage and reports the sum to a `Progress`."""

    def __init__(self, progress: Progress, stage: str, total: int | None) -> None:
        self._progress, self._stage, self._total, self._done = progress, stage, total, 0

    def __call__(self, count: int) -> None:
        """Add `count` steps."""
        self._done += count
        self._progress(self._stage, self._done, self._total)
