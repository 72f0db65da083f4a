"""Progress and timing of the stages of a long computation."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator

Progress: TypeAlias = Callable[[str, int, int], None]
"""Progress callback: (stage, steps done, steps in total)."""


@dataclass(frozen=True, slots=True)
class Stages:
    """Reports progress by stage and times each stage.

    Attributes:
        seconds: duration of each finished stage.
    """

    progress: Progress
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[Callable[[int, int], None]]:
        """Time the block as the stage `name`; yields the stage's progress callback, (done, total)."""
        start = time.perf_counter()
        yield partial(self.progress, name)
        self.seconds[name] = round(time.perf_counter() - start, 1)
