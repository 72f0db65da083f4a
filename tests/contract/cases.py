"""The searches to compare with brute force: combinations of filter, query, k and mode."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tests.contract.shapes import SELECTIVITIES, SHAPES, filters_at

if TYPE_CHECKING:
    from db.vectors.base import Filter
    from tests.contract.oracle import Oracle

QUERIES = range(5)
KS = (1, 10, 100)
MODES: dict[str, dict[str, bool]] = {"default": {}, "without acorn": {"acorn": False}, "exact": {"exact": True}}
IMPOSSIBLE = 0.0
"""The selectivity of every filter of the shape `impossible`."""


class Case(NamedTuple):
    """One search by its choices; `query` is a number into the catalogue's queries."""

    shape: str
    selectivity: float
    query: int
    k: int
    mode: str


def sampled_cases(shape: str, oracle: Oracle) -> list[tuple[Case, Filter]]:
    """Return one search for each filter of the shape, so that all shapes together cover every pair of choices.

    Sums modulo 3 and 5 run through all pairs of remainders, as in a Latin square. A test checks the coverage.
    """
    row, names = list(SHAPES).index(shape), list(MODES)
    return [
        (
            Case(
                shape,
                IMPOSSIBLE if shape == "impossible" else SELECTIVITIES[column],
                QUERIES[(row + column) % len(QUERIES)],
                KS[(row + column) % len(KS)],
                names[(row + 2 * column) % len(names)],
            ),
            where,
        )
        for column, where in enumerate(filters_at(shape, oracle))
    ]
