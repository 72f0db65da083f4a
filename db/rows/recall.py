"""Measured recall of searches by generation, plan, filter shape and hour."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, TypeAlias

from sqlmodel import Session, col, select

from db.models import RecallHour, utc_now

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Key: TypeAlias = tuple[int, str, str]
"""Generation, plan, filter shape."""

_LATEST = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Tally:
    """Number of compared searches, of their true neighbours (`wanted`), and of true neighbours found."""

    queries: int = 0
    wanted: int = 0
    found: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(self.queries + other.queries, self.wanted + other.wanted, self.found + other.found)

    @property
    def recall(self) -> float:
        """Share of the true neighbours found, in [0, 1]; 1 if there were none."""
        return self.found / self.wanted if self.wanted else 1.0


@dataclass(frozen=True, slots=True)
class HourTally:
    """The tally of the hour that began at `hour`."""

    generation: int
    plan: str
    shape: str
    hour: datetime
    tally: Tally


def add(session: Session, counted: Mapping[Key, Tally]) -> None:
    """Add to the tallies of the present hour."""
    hour = utc_now().replace(minute=0, second=0, microsecond=0)
    for (generation, plan, shape), tally in counted.items():
        row = session.get(RecallHour, (generation, plan, shape, hour), with_for_update=True)
        if row is None:
            row = RecallHour(generation_id=generation, plan=plan, shape=shape, hour=hour)
        row.queries, row.wanted, row.found = (
            row.queries + tally.queries,
            row.wanted + tally.wanted,
            row.found + tally.found,
        )
        session.add(row)


def latest(session: Session, generation: int) -> dict[Key, Tally]:
    """Return a generation's tallies of the last day."""
    totals: dict[Key, Tally] = {}
    since = utc_now() - _LATEST
    query = select(RecallHour).where(RecallHour.generation_id == generation, col(RecallHour.hour) >= since)
    for row in session.exec(query):
        key = (row.generation_id, row.plan, row.shape)
        totals[key] = totals.get(key, Tally()) + _tally(row)
    return totals


def by_hour(session: Session, *, since: datetime) -> Sequence[HourTally]:
    """Return the tallies since a time, latest hour first."""
    query = select(RecallHour).where(col(RecallHour.hour) >= since)
    rows = session.exec(query.order_by(col(RecallHour.hour).desc(), RecallHour.plan, RecallHour.shape))
    return [HourTally(row.generation_id, row.plan, row.shape, row.hour, _tally(row)) for row in rows]


def _tally(row: RecallHour) -> Tally:
    return Tally(row.queries, row.wanted, row.found)
