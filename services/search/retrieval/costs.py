"""What each plan costs: thought at first, then measured from the searches that are answered."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from services.search.retrieval.planner import SearchPlan

_WEIGHT = 0.1
"""Of the newest search in the running mean: ten searches make most of it."""

_OUTLIER = 4.0
"""A search counts for at most so many times the mean: one that waited for the processor says little of its plan."""


@dataclass(frozen=True, slots=True)
class CostEstimate:
    """Milliseconds of a search: `base`, and `per_thousand` for each thousand photos that pass the filter.

    `per_million` is for each million photos in the index, whatever passes.
    """

    base: float
    per_thousand: float = 0.0
    per_million: float = 0.0

    def ms(self, *, size: int, matching: int) -> float:
        """Return the milliseconds among `size` photos of which `matching` pass."""
        return self.base + self.per_thousand * matching / 1e3 + self.per_million * size / 1e6


ESTIMATES = {
    "faiss exact": CostEstimate(0.1, per_thousand=0.08, per_million=1.5),
    "faiss ivf": CostEstimate(0.4, per_million=2.0),
    "qdrant exact": CostEstimate(0.5, per_thousand=0.12),
    "qdrant hnsw": CostEstimate(1.0, per_million=3.0),
    "qdrant acorn": CostEstimate(0.5, per_thousand=1.0),
}
"""For 256 dimensions, by `lookalike bench search --count 100000`. They only decide until a plan was measured."""


class MeasuredCosts:
    """Running means of what searches took, for each plan and power of two of photos that passed. Safe for threads."""

    def __init__(self) -> None:
        self._mean_ms: dict[tuple[str, int], float] = {}
        self._lock = threading.Lock()

    def record(self, plan: SearchPlan, *, size: int, matching: int, ms: float) -> None:
        """Take note of a search of one vector."""
        with self._lock:
            before = self.expected_ms(plan, size=size, matching=matching)
            after = before + _WEIGHT * (min(ms, _OUTLIER * before) - before)
            self._mean_ms[plan.name, matching.bit_length()] = after

    def expected_ms(self, plan: SearchPlan, *, size: int, matching: int) -> float:
        """See `planner.Costs`."""
        measured = self._mean_ms.get((plan.name, matching.bit_length()))
        return ESTIMATES[plan.name].ms(size=size, matching=matching) if measured is None else measured
