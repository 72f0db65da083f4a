"""How long an index takes to count facets of attributes with few and with many values."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from db.vectors.base import NO_FILTER, Filter
from services.bench.report import ResultTable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from db.vectors.base import VectorIndex

_NAMES = ("category", "boxed", "brand", "weight_kg", "model")
"""From few values to many, as `drawn_catalogue` draws them."""

_FILTERS = {"none": NO_FILTER, "category, 5 %": Filter(categories=frozenset({"5 %"}))}


@dataclass(frozen=True, slots=True)
class FacetTime:
    """Milliseconds of one facet. `distinct` counts its values, under the filter named."""

    index: str
    facet: str
    filtered_by: str
    distinct: int
    ms: float


def measure_facets(name: str, index: VectorIndex) -> Iterator[FacetTime]:
    """Count each facet with and without a filter. The first count of a filter also builds FAISS's mask."""
    for filtered_by, where in _FILTERS.items():
        for facet_name in _NAMES:
            start = time.perf_counter()
            facet = index.facet(facet_name, where)
            ms = 1000 * (time.perf_counter() - start)
            yield FacetTime(name, facet_name, filtered_by, len(facet.values) + facet.more, ms)


def facet_table(times: Sequence[FacetTime]) -> ResultTable:
    """Return a row for each facet."""
    return ResultTable(
        "Facets, counted once each",
        ["index", "facet", "filter", "values", "ms"],
        [(one.index, one.facet, one.filtered_by, one.distinct, f"{one.ms:.1f}") for one in times],
    )
