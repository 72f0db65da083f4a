"""Recommendations mean what they mean in Qdrant: the server's own strategies give the same photos in the same order."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

import numpy as np
import pytest
from qdrant_client import models

from services.search.query.recommendation import average_vector
from services.search.results.ranking import order_by_best_score
from services.search.retrieval.candidates import Candidate
from tests.contract.engines import NEEDS_SERVER, server_client

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from qdrant_client import QdrantClient

pytestmark = NEEDS_SERVER

COUNT, SIZE = 400, 16
LIKED, DISLIKED = [3, 17, 200], [5, 90]
TASTES = [(LIKED, DISLIKED), (LIKED, []), (LIKED[:1], DISLIKED[:1])]


@pytest.fixture(scope="module")
def vectors() -> NDArray[np.float32]:
    drawn = np.random.default_rng(5).normal(size=(COUNT, SIZE))
    return (drawn / np.linalg.norm(drawn, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="module")
def collection(vectors: NDArray[np.float32]) -> Iterator[tuple[QdrantClient, str]]:
    client, name = server_client(), f"test_{uuid4().hex}"
    client.create_collection(name, vectors_config=models.VectorParams(size=SIZE, distance=models.Distance.DOT))
    client.upsert(name, models.Batch(ids=list(range(COUNT)), vectors=vectors.tolist()), wait=True)
    yield client, name
    client.delete_collection(name)
    client.close()


def asked_of_qdrant(
    collection: tuple[QdrantClient, str], liked: list[int], disliked: list[int], strategy: models.RecommendStrategy
) -> list[int]:
    client, name = collection
    wanted = models.RecommendInput(positive=liked, negative=disliked, strategy=strategy)
    found = client.query_points(
        name,
        query=models.RecommendQuery(recommend=wanted),
        limit=COUNT,
        search_params=models.SearchParams(exact=True),
    )
    return [int(point.id) for point in found.points]


@pytest.mark.parametrize(("liked", "disliked"), TASTES)
def test_the_average_strategy_matches_qdrants(
    collection: tuple[QdrantClient, str], vectors: NDArray[np.float32], liked: list[int], disliked: list[int]
) -> None:
    query = average_vector(list(vectors[liked]), list(vectors[disliked]))
    known = {*liked, *disliked}
    ours = [int(row) for row in np.argsort(-(vectors @ query), kind="stable") if row not in known]
    assert ours == asked_of_qdrant(collection, liked, disliked, models.RecommendStrategy.AVERAGE_VECTOR)


@pytest.mark.parametrize(("liked", "disliked"), [taste for taste in TASTES if taste[1]])
def test_the_best_score_strategy_matches_qdrants(
    collection: tuple[QdrantClient, str], vectors: NDArray[np.float32], liked: list[int], disliked: list[int]
) -> None:
    rows = [row for row in range(COUNT) if row not in {*liked, *disliked}]
    nearest = (vectors[rows] @ vectors[liked].T).max(axis=1)
    order = np.argsort(-nearest, kind="stable")
    candidates = [Candidate(rows[at], float(nearest[at])) for at in order]  # type: ignore[arg-type]
    ranked = order_by_best_score(candidates, vectors[rows][order], vectors[disliked])
    ours = [one.photo for one in ranked]
    assert ours == asked_of_qdrant(collection, liked, disliked, models.RecommendStrategy.BEST_SCORE)
