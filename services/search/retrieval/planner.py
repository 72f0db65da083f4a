"""Chooses the engine and the plan that answer a search. Pure: costs and counts are passed in.

The cost of a plan depends on how many photos match the filter. An exact plan compares with each of them, so its cost is
proportional; lists (IVF) and a graph (HNSW) cost about the same for any filter, but lose recall as the filter narrows.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import ceil, log10
from typing import TYPE_CHECKING, Protocol

from db.vectors.base import NO_FILTER, Filter
from services.settings import Engine

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

_FEW_EXCLUSIONS = 100
"""Up to this many excluded listings a filter counts as open."""

_MOSTLY_OPEN = 0.5
"""Least share of matching photos for the plain graph: at 20 % in one look-alike category its recall was 0.83, that of
ACORN and of an exact search 1.0 (100,000 vectors, `lookalike bench search`)."""

_NARROWEST = -3
"""Filters that fewer than one photo in a thousand (10^-3) match share one shape."""

_ENGINES = tuple(engine for engine in Engine if engine is not Engine.AUTO)


@dataclass(frozen=True, slots=True)
class SearchPlan:
    """One way to search an index.

    Attributes:
        name: its name in answers, metrics and recall records.
        engine: the engine that runs it.
        exact: compares with every photo that matches the filter.
        acorn: walks the graph also through photos that do not match the filter (see `VectorIndex.search`).
    """

    name: str
    engine: Engine
    exact: bool = False
    acorn: bool = False


FAISS_EXACT = SearchPlan("faiss exact", Engine.FAISS, exact=True)
FAISS_IVF = SearchPlan("faiss ivf", Engine.FAISS)
QDRANT_EXACT = SearchPlan("qdrant exact", Engine.QDRANT, exact=True)
QDRANT_HNSW = SearchPlan("qdrant hnsw", Engine.QDRANT)
QDRANT_ACORN = SearchPlan("qdrant acorn", Engine.QDRANT, acorn=True)


class Costs(Protocol):
    """Expected costs of the plans."""

    def expected_ms(self, plan: SearchPlan, *, size: int, matching: int) -> float:
        """Return the expected milliseconds of a search among `size` photos, `matching` of which match the filter."""
        ...


@dataclass(frozen=True, slots=True)
class Situation:
    """The facts that decide which plan answers.

    Attributes:
        requested: the engine that the request names; `auto` leaves it to the setting.
        setting: the engine that the installation prefers; `auto` leaves it to the costs.
        kinds: how the index of each open engine searches: `exact`, `ivf` or `hnsw`.
        size: photos in the index.
        matching: photos that match the filter; None if they were not counted.
        where: the filter.
        low_recall_plans: names of the plans whose recall is too low under filters of this shape.
    """

    requested: Engine
    setting: Engine
    kinds: Mapping[Engine, str]
    size: int
    matching: int | None
    where: Filter = NO_FILTER
    low_recall_plans: Collection[str] = field(default_factory=frozenset)

    @property
    def matching_or_guess(self) -> int:
        """Photos that match the filter; a tenth of all if they were not counted."""
        return self.size // 10 if self.matching is None else self.matching


@dataclass(frozen=True, slots=True)
class PlanChoice:
    """A plan, and why it was chosen."""

    plan: SearchPlan
    reason: str


def rank_plans(situation: Situation, costs: Costs) -> list[PlanChoice]:
    """Return one plan for each open engine, best first; each is the fallback of the one before.

    The engine that is requested or set comes first; if both are `auto`, the one with the cheapest plan.
    """
    best = [_best_plan(engine, situation, costs) for engine in _ENGINES if engine in situation.kinds]
    preferred = situation.setting if situation.requested == Engine.AUTO else situation.requested
    if preferred == Engine.AUTO:
        return [choice for _, choice in sorted(best, key=lambda one: one[0])]
    return [choice for _, choice in sorted(best, key=lambda one: one[1].plan.engine != preferred)]


def _best_plan(engine: Engine, situation: Situation, costs: Costs) -> tuple[float, PlanChoice]:
    """Return the expected milliseconds and the choice of the engine's cheapest plan with enough recall."""
    possible = _possible_plans(engine, situation)
    accepted = [plan for plan in possible if plan.exact or plan.name not in situation.low_recall_plans]
    priced = [
        (costs.expected_ms(plan, size=situation.size, matching=situation.matching_or_guess), rank, plan)
        for rank, plan in enumerate(accepted)
    ]
    expected, _, best = min(priced)
    rejected = [plan.name for plan in possible if plan not in accepted]
    return expected, PlanChoice(best, _reason(best, expected, situation=situation, rejected=rejected))


def _possible_plans(engine: Engine, situation: Situation) -> list[SearchPlan]:
    """Return the engine's plans, the exact one first: it wins a tie in cost."""
    kind = situation.kinds[engine]
    if engine == Engine.FAISS:
        return [FAISS_EXACT] if kind == "exact" else [FAISS_EXACT, FAISS_IVF]
    if kind == "exact":
        return [QDRANT_EXACT]
    if is_open(situation.where) or situation.matching_or_guess > _MOSTLY_OPEN * situation.size:
        return [QDRANT_EXACT, QDRANT_HNSW]
    return [QDRANT_EXACT, QDRANT_ACORN]


def _reason(plan: SearchPlan, expected_ms: float, *, situation: Situation, rejected: list[str]) -> str:
    if situation.matching is None:
        photos = f"{situation.size:,} photos, matches not counted"
    else:
        photos = f"{situation.matching:,} of {situation.size:,} photos pass the filter"
    reason = f"{photos}; about {expected_ms:.1f} ms"
    if plan.engine in (situation.requested, situation.setting):
        reason += f"; {plan.engine} is {'requested' if plan.engine == situation.requested else 'set as the default'}"
    return reason + "".join(f"; {name} has too little recall here" for name in rejected)


def is_open(where: Filter) -> bool:
    """Whether a filter lets through everything but a few excluded listings."""
    return not _filtered_fields(where)


def filter_shape(where: Filter, *, size: int, matching: int | None) -> str:
    """Return the shape of a filter, by which recall is recorded: its fields, and its selectivity as a power of ten.

    It holds no value of the filter.
    """
    fields = _filtered_fields(where)
    if not fields:
        return "none"
    return f"{' and '.join(fields)}, {_selectivity(size, matching)}"


def _filtered_fields(where: Filter) -> list[str]:
    is_set = {
        "category": bool(where.categories or where.category_path is not None),
        "price": where.price_min is not None or where.price_max is not None,
        "currency": where.currency is not None,
        "place": where.location is not None or where.region is not None,
        "age": where.listed_since is not None,
        "seller": bool(where.sellers or where.excluded_sellers),
        "sold": where.sold is not None,
        "attributes": bool(where.attributes),
        "exclusions": len(where.excluded_listing_ids) > _FEW_EXCLUSIONS,
    }
    return [name for name, filters in is_set.items() if filters]


def _selectivity(size: int, matching: int | None) -> str:
    if matching is None:
        return "uncounted"
    if not matching or not size:
        return "nothing"
    return f"up to {100 * 10.0 ** max(_NARROWEST, ceil(log10(matching / size))):g} %"
