"""What an index must be worth before it is promoted: it finds nearly all of the true neighbours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.indexing.agreement import SAME_SCORE, sample_points

if TYPE_CHECKING:
    from collections.abc import Sequence

    from db.session import Database
    from db.vectors.base import Hit, VectorIndex

LEAST_ANN_RECALL = 0.95
"""Of ann recall@10, below which an index is not promoted unasked."""

_QUERIES = 100


def ann_recall(
    database: Database, index: VectorIndex, *, model_version: str, queries: int = _QUERIES, k: int = 10
) -> float:
    """Return the share of the true `k` nearest photos that an index finds, in [0, 1]; 1 for an empty one.

    The queries are stored photos, evenly spread over the ids. True are those that comparing with every vector finds;
    a photo that is as near as the last of them counts as one.
    """
    wanted = found = 0
    for point in sample_points(database, queries, model_version=model_version):
        true = index.search(point.vector, k, exact=True)
        wanted += len(true)
        found += count_true_hits(true, index.search(point.vector, k))
    return found / wanted if wanted else 1.0


def count_true_hits(true: Sequence[Hit], hits: Sequence[Hit]) -> int:
    """Return how many of the true nearest photos are among the hits, both best first.

    A hit that is as near as the last of the true ones counts as one.
    """
    horizon = true[-1].score - SAME_SCORE if true else 0.0
    return sum(hit.score >= horizon for hit in hits[: len(true)])
