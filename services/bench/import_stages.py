"""Records the duration and the memory of an import's stages from its progress calls."""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import groupby, pairwise
from operator import attrgetter
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

from services.errors import ServiceUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from services.ingest.pipeline.progress import Progress

_SAMPLE_EVERY_S = 0.1


@dataclass(frozen=True, slots=True)
class StageFigures:
    """One stage of the import.

    Attributes:
        rows_per_second: listings or photos; None if a single batch was all, so that the stage's start is unknown.
        first_tenth_mib, last_tenth_mib: mean resident memory during the first and last tenth of the rows, in MiB;
            None for a stage that does not count rows.
    """

    stage: str
    seconds: float
    rows_per_second: float | None
    first_tenth_mib: float | None
    last_tenth_mib: float | None


@dataclass(frozen=True, slots=True)
class _Call:
    """A progress call, at a time of the monotonic clock, with the resident memory if it was sampled."""

    stage: str
    done: int
    at: float
    mib: float | None


class StageRecorder:
    """A `Progress` that records its calls, samples the resident memory ten times a second, and passes them on."""

    def __init__(self, rows: int, progress: Progress) -> None:
        """Record the import of `rows` listings with a photo each."""
        self.rows, self._progress = rows, progress
        self._calls: list[_Call] = []
        self._sampled_at = float("-inf")

    def __call__(self, stage: str, done: int, total: int | None) -> None:
        now, is_new = time.monotonic(), not self._calls or self._calls[-1].stage != stage
        is_due = is_new or done == self.rows or now - self._sampled_at >= _SAMPLE_EVERY_S
        self._sampled_at = now if is_due else self._sampled_at
        self._calls.append(_Call(stage, done, now, memory_mib("VmRSS") if is_due else None))
        self._progress(stage, done, total)

    def figures(self, ended: float) -> tuple[StageFigures, ...]:
        """Return the figures of each stage. `ended` is the end of the last one, by the monotonic clock."""
        stages = [list(calls) for _, calls in groupby(self._calls, attrgetter("stage"))]
        starts = [stages[0][0].at, *(_start(before, calls) for before, calls in pairwise(stages))]
        spans = zip(starts, [*starts[1:], ended], strict=True)
        return tuple(self._figures(calls, until - since) for calls, (since, until) in zip(stages, spans, strict=True))

    def _figures(self, calls: Sequence[_Call], seconds: float) -> StageFigures:
        counts_rows = calls[-1].done > 0
        first = (call for call in calls if call.done <= self.rows / 10)
        last = (call for call in calls if call.done > self.rows * 9 / 10)
        return StageFigures(
            stage=calls[0].stage,
            seconds=seconds,
            rows_per_second=self.rows / seconds if seconds else None,
            first_tenth_mib=_mean_mib([calls[0], *first]) if counts_rows else None,
            last_tenth_mib=_mean_mib([calls[-1], *last]) if counts_rows else None,
        )


def _start(before: Sequence[_Call], calls: Sequence[_Call]) -> float:
    """Return when a stage started; its first progress call may come only after its first batch.

    It started when the stage before had done its last row. If that stage does not count rows, the first batch is
    assumed to be as fast as the others. If there is only one batch, all the time counts for the stage before.
    """
    first, last = calls[0], calls[-1]
    if not first.done or (last.done == first.done and not before[-1].done):
        return first.at
    if before[-1].done:
        return before[-1].at
    seconds_per_row = (last.at - first.at) / (last.done - first.done)
    return max(before[-1].at, first.at - first.done * seconds_per_row)


def _mean_mib(calls: Iterable[_Call]) -> float:
    return fmean(call.mib for call in dict.fromkeys(calls) if call.mib is not None)


def memory_mib(field: str) -> float:
    """Return this process's resident memory in MiB, now (`VmRSS`) or at its peak (`VmHWM`).

    Raises:
        ServiceUnavailable: the system has no /proc.
    """
    try:
        status = Path("/proc/self/status").read_text()
    except FileNotFoundError as error:
        raise ServiceUnavailable(
            "This benchmark reads the resident memory from /proc/self/status, which this system lacks. Run it on Linux."
        ) from error
    return int(status.split(f"{field}:")[1].split()[0]) / 1024
