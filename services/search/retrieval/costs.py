"""Expected cost of each plan: estimated at first, then measured on the searches that are answered."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from services.search.retrieval.planner import SearchPlan

_NEWEST_WEIGHT = 0.1
"""Weight of the newest search in the running mean: ten searches make up most of it."""

_MAX_RATIO = 4.0
"""A search counts as at most this many times the mean: one that waited for the processor says little about its plan."""


@dataclass(frozen=True, slots=True)
class CostEstimate:
    """Milliseconds of a search.

    Attributes:
        base: for any search.
        per_thousand: for each thousand photos that match the filter.
        per_million: for each million photos in the index, whether they match or not.
    """

    base: float
    per_thousand: float = 0.0
    per_million: float = 0.0

    def ms(self, *, size: int, matching: int) -> float:
        """Return the milliseconds of a search among `size` photos, `matching` of which match the filter."""
        return self.base + self.per_thousand * matching / 1e3 + self.per_million * size / 1e6


ESTIMATES = {
    "faiss exact": CostEstimate(0.1, per_thousand=0.08, per_million=1.5),
    "faiss ivf": CostEstimate(0.4, per_million=2.0),
    "qdrant exact": CostEstimate(0.5, per_thousand=0.12),
    "qdrant hnsw": CostEstimate(1.0, per_million=3.0),
    "qdrant acorn": CostEstimate(0.5, per_thousand=1.0),
}
"""For 256 dimensions, by `lookalike bench search --count 100000`. Used until a plan is measured."""


class MeasuredCosts:
    """Running mean of search times for each plan and each power of two of matching photos. Thread-safe."""

    def __init__(self) -> None:
        self._mean_ms: dict[tuple[str, int], float] = {}
        self._lock = threading.Lock()

    def record(self, plan: SearchPlan, *, size: int, matching: int, ms: float) -> None:
        """Add the time of a search by one vector."""
        with self._lock:
            before = self.expected_ms(plan, size=size, matching=matching)
            after = before + _NEWEST_WEIGHT * (min(ms, _MAX_RATIO * before) - before)
            self._mean_ms[plan.name, matching.bit_length()] = after

    def expected_ms(self, plan: SearchPlan, *, size: int, matching: int) -> float:
        """See `planner.Costs`."""
        measured = self._mean_ms.get((plan.name, matching.bit_length()))
        return ESTIMATES[plan.name].ms(size=size, matching=matching) if measured is None else measured
