"""What an index must be worth before it is promoted: it finds nearly all of the true neighbours."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from db import embeddings

if TYPE_CHECKING:
    from db.session import Database
    from db.vectors.base import VectorIndex

LEAST_ANN_RECALL = 0.95
"""Of ann recall@10, below which an index is not promoted unasked."""

_QUERIES = 100
_TOLERANCE = 1e-4
"""Scores nearer than this are equal: an engine adds up a vector's products in different orders."""


def ann_recall(
    database: Database, index: VectorIndex, *, model_version: str, queries: int = _QUERIES, k: int = 10
) -> float:
    """Return the share of the true `k` nearest photos that an index finds, in [0, 1]; 1 for an empty one.

    The queries are stored photos, evenly spread over the ids. True are those that comparing with every vector finds;
    a photo that is as near as the last of them counts as one.
    """
    with database.read() as session:
        ids = embeddings.embedded_ids(session, model_version=model_version)
        chosen = [ids[at] for at in np.linspace(0, len(ids) - 1, min(queries, len(ids)), dtype=int)]
        points = embeddings.points(session, chosen, model_version=model_version)
    wanted = found = 0
    for point in points:
        true = index.search(point.vector, k, exact=True)
        horizon = true[-1].score - _TOLERANCE if true else 0.0
        wanted += len(true)
        found += sum(hit.score >= horizon for hit in index.search(point.vector, k)[: len(true)])
    return found / wanted if wanted else 1.0
