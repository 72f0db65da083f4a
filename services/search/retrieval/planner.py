"""Which index answers a search, and how it searches. Pure: what it decides by is measured and handed in.

A plan is cheap or dear by how many photos pass the filter. Comparing with each of them (exact) costs in proportion;
lists (IVF) and a graph (HNSW) cost about the same whatever passes, and find fewer of the true neighbours the fewer do.
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
"""Excluded listings up to which a filter is as good as without them."""

_MOSTLY_OPEN = 0.5
"""Share that must pass a filter for the plain graph: with 20 % in one look-alike category it found 0.83 of the true
neighbours, ACORN and comparing with each all of them (100,000 vectors, `lookalike bench search`)."""

_NARROWEST = -3
"""Filters that let through less than one photo in a thousand (10^-3) are of one shape."""

_ENGINES = (Engine.FAISS, Engine.QDRANT)


@dataclass(frozen=True, slots=True)
class SearchPlan:
    """One way to search.

    Attributes:
        name: how it is called in answers, metrics and the record of recall.
        engine: whose index.
        exact: compares with every photo that passes the filter.
        acorn: walks the graph through photos that the filter leaves out (see `VectorIndex.search`).
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

PLANS = {plan.name: plan for plan in (FAISS_EXACT, FAISS_IVF, QDRANT_EXACT, QDRANT_HNSW, QDRANT_ACORN)}


class Costs(Protocol):
    """What plans are known, or thought, to cost."""

    def expected_ms(self, plan: SearchPlan, *, size: int, matching: int) -> float:
        """Return the milliseconds that a search takes among `size` photos of which `matching` pass the filter."""
        ...


@dataclass(frozen=True, slots=True)
class Situation:
    """What a plan is chosen by.

    Attributes:
        asked: what the request asks for; `auto` leaves it to the setting.
        setting: what the installation prefers; `auto` leaves it to us.
        kinds: of each engine that is open in this process, how its index searches: `exact`, `ivf` or `hnsw`.
        size: photos in the index.
        matching: of them, those that pass the filter; None where nobody has counted.
        where: the filter.
        below_mark: names of the plans that find too few of the true neighbours under filters of this shape.
    """

    asked: Engine
    setting: Engine
    kinds: Mapping[Engine, str]
    size: int
    matching: int | None
    where: Filter = NO_FILTER
    below_mark: Collection[str] = field(default_factory=frozenset)

    @property
    def passing(self) -> int:
        """Photos that pass the filter; a tenth where nobody has counted."""
        return self.size // 10 if self.matching is None else self.matching


@dataclass(frozen=True, slots=True)
class Choice:
    """A plan, and why it was chosen."""

    plan: SearchPlan
    reason: str


def choices(situation: Situation, costs: Costs) -> list[Choice]:
    """Return the plans that can answer, the best first; the next engine's serves where that one's fails.

    One plan for each open engine. The engine is the one that is asked for, or set; else the one whose plan is cheapest.
    """
    found = [_best_of(engine, situation, costs) for engine in _ENGINES if engine in situation.kinds]
    wanted = situation.setting if situation.asked == Engine.AUTO else situation.asked
    if wanted == Engine.AUTO:
        return [choice for _, choice in sorted(found, key=lambda one: one[0])]
    return [choice for _, choice in sorted(found, key=lambda one: one[1].plan.engine != wanted)]


def _best_of(engine: Engine, situation: Situation, costs: Costs) -> tuple[float, Choice]:
    """Return the engine's cheapest plan among those that find enough, with its expected milliseconds."""
    possible = _possible(engine, situation)
    kept = [plan for plan in possible if plan.exact or plan.name not in situation.below_mark]
    priced = [
        (costs.expected_ms(plan, size=situation.size, matching=situation.passing), rank, plan)
        for rank, plan in enumerate(kept)
    ]
    expected, _, best = min(priced)
    left = [plan.name for plan in possible if plan not in kept]
    return expected, Choice(best, _reason(best, expected, situation, left))


def _possible(engine: Engine, situation: Situation) -> list[SearchPlan]:
    """Return the engine's plans, the exact one first: of two that cost the same, it is the better."""
    kind = situation.kinds[engine]
    if engine == Engine.FAISS:
        return [FAISS_EXACT] if kind == "exact" else [FAISS_EXACT, FAISS_IVF]
    if kind == "exact":
        return [QDRANT_EXACT]
    if is_open(situation.where) or situation.passing > _MOSTLY_OPEN * situation.size:
        return [QDRANT_EXACT, QDRANT_HNSW]
    return [QDRANT_EXACT, QDRANT_ACORN]


def _reason(plan: SearchPlan, expected_ms: float, situation: Situation, left: list[str]) -> str:
    of = f"{situation.matching:,} of {situation.size:,}" if situation.matching is not None else f"of {situation.size:,}"
    reason = f"{of} photos pass the filter; about {expected_ms:.1f} ms"
    if plan.engine in (situation.asked, situation.setting):
        reason += f"; {plan.engine} is {'asked for' if plan.engine == situation.asked else 'set'}"
    return reason + "".join(f"; {name} finds too little here" for name in left)


def is_open(where: Filter) -> bool:
    """Say whether a filter keeps all but a few excluded listings."""
    return not _fields(where)


def shape_of(where: Filter, *, size: int, matching: int | None) -> str:
    """Return the filter's shape, by which recall is kept: its fields, and to a power of ten how much passes.

    No value of the filter is in it.
    """
    fields = _fields(where)
    if not fields:
        return "none"
    return f"{' and '.join(fields)}, {_share(size, matching)}"


def _fields(where: Filter) -> list[str]:
    is_set = {
        "category": bool(where.categories or where.category_path is not None),
        "price": where.price_min is not None or where.price_max is not None,
        "currency": where.currency is not None,
        "place": where.location is not None or where.region is not None,
        "age": where.listed_since is not None,
        "seller": bool(where.sellers or where.excluded_sellers),
        "exclusions": len(where.excluded_listing_ids) > _FEW_EXCLUSIONS,
    }
    return [name for name, given in is_set.items() if given]


def _share(size: int, matching: int | None) -> str:
    if matching is None:
        return "uncounted"
    if not matching or not size:
        return "nothing"
    return f"up to {100 * 10.0 ** max(_NARROWEST, ceil(log10(matching / size))):g} %"
