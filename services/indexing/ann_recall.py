"""The recall of an approximate index, which decides whether it is promoted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.indexing.agreement import SAME_SCORE, sample_points

if TYPE_CHECKING:
    from collections.abc import Sequence

    from db.session import Database
    from db.vectors.base import Hit, VectorIndex

LEAST_ANN_RECALL = 0.95
"""ann recall@10 below which an index is promoted only with --force."""

_QUERIES, _K = 100, 10


def ann_recall(database: Database, index: VectorIndex, *, model_version: str) -> float:
    """Return the share of the true ten nearest photos that an index finds, in [0, 1]; 1 for an empty index.

    The queries are stored photos, spread evenly over the ids. The true neighbours are the hits of an exact search; a
    photo that is as near as the last of them counts as a true neighbour.
    """
    expected = found = 0
    for point in sample_points(database, _QUERIES, model_version=model_version):
        true = index.search(point.vector, _K, exact=True)
        expected += len(true)
        found += count_true_hits(true, index.search(point.vector, _K))
    return found / expected if expected else 1.0


def count_true_hits(true: Sequence[Hit], hits: Sequence[Hit]) -> int:
    """Count the hits that are true nearest photos; both lists are best first.

    A hit that is as near as the last true neighbour counts.
    """
    horizon = true[-1].score - SAME_SCORE if true else 0.0
    return sum(hit.score >= horizon for hit in hits[: len(true)])
