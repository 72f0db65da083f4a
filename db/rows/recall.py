"""How many of the true neighbours searches found, by generation, plan, shape of filter and hour."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, TypeAlias

from sqlmodel import Session, col, select

from db.models import RecallHour, utc_now

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Key: TypeAlias = tuple[int, str, str]
"""Generation, plan, shape of the filter."""

_LATEST = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Tally:
    """Searches that were compared, the true neighbours that they had in all, and how many of those they found."""

    queries: int = 0
    wanted: int = 0
    found: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(self.queries + other.queries, self.wanted + other.wanted, self.found + other.found)

    @property
    def recall(self) -> float:
        """The share found, in [0, 1]; 1 where there was nothing to find."""
        return self.found / self.wanted if self.wanted else 1.0


@dataclass(frozen=True, slots=True)
class HourTally:
    """What was counted in one hour, which began at `hour`."""

    generation: int
    plan: str
    shape: str
    hour: datetime
    tally: Tally


def add(session: Session, counted: Mapping[Key, Tally]) -> None:
    """Add to the counts of this hour."""
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
    """Return what was counted of a generation in the last day."""
    totals: dict[Key, Tally] = {}
    since = utc_now() - _LATEST
    query = select(RecallHour).where(RecallHour.generation_id == generation, col(RecallHour.hour) >= since)
    for row in session.exec(query):
        key = (row.generation_id, row.plan, row.shape)
        totals[key] = totals.get(key, Tally()) + _tally(row)
    return totals


def by_hour(session: Session, *, since: datetime) -> Sequence[HourTally]:
    """Return what was counted since a time, the latest hour first."""
    query = select(RecallHour).where(col(RecallHour.hour) >= since)
    rows = session.exec(query.order_by(col(RecallHour.hour).desc(), RecallHour.plan, RecallHour.shape))
    return [HourTally(row.generation_id, row.plan, row.shape, row.hour, _tally(row)) for row in rows]


def _tally(row: RecallHour) -> Tally:
    return Tally(row.queries, row.wanted, row.found)
