"""The stages of long work: named to whoever watches, and timed."""

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
"""Told the stage, and how many of how many of its steps are done."""


@dataclass(frozen=True, slots=True)
class Stages:
    """Passes the progress of each stage on under its name.

    Attributes:
        seconds: how long each finished stage took.
    """

    progress: Progress
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[Callable[[int, int], None]]:
        """Time the block as the stage `name`; it is given what to tell (done, total)."""
        start = time.perf_counter()
        yield partial(self.progress, name)
        self.seconds[name] = round(time.perf_counter() - start, 1)
