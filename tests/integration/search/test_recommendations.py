"""Recommendations from liked and disliked listings, on both engines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from db.rows.payloads import to_bytes
from services.errors import BadQuery
from services.search.query.keys import PhotoKey, RecommendationKey
from services.search.query.tokens import Tokens
from services.settings import Engine
from services.wire import Recommendation, SearchFields
from tests.angles import angle
from tests.integration.search.result_pages import listing_ids
from tests.truth import MODEL

if TYPE_CHECKING:
    from litestar import Litestar
    from litestar.testing import TestClient

    from services.resources import Resources
    from services.search.service import SearchService

ENGINES = (Engine.FAISS, Engine.QDRANT)


def recommended(service: SearchService, **fields: object) -> list[str]:
    return listing_ids(service.recommend(Recommendation(**fields)))  # type: ignore[arg-type]


@pytest.mark.parametrize("engine", ENGINES)
def test_recommends_what_looks_like_the_liked_listings_without_them(
    five_service: SearchService, engine: Engine
) -> None:
    assert recommended(five_service, positive=["near", "twin"], engine=engine) == ["query", "far", "opposite"]


@pytest.mark.parametrize("engine", ENGINES)
def test_best_score_ranks_listings_nearer_to_a_disliked_one_last(five_service: SearchService, engine: Engine) -> None:
    plain = recommended(five_service, positive=["query"], strategy="best_score", engine=engine)
    away = recommended(five_service, positive=["query"], negative=["near"], strategy="best_score", engine=engine)
    assert plain.index("twin") < plain.index("far")
    assert away.index("twin") > away.index("far")


def test_a_higher_weight_pulls_results_nearer_to_its_listing(five_service: SearchService) -> None:
    liked = {"positive": ["near", "far"], "k": 1, "exclude_listing": ["query"]}
    assert recommended(five_service, **liked, positive_weights=[10.0, 1.0]) == ["twin"]


def test_counts_an_earlier_query_as_liked_and_leaves_out_its_listing(five_service: SearchService) -> None:
    token = five_service.by_listing("query", SearchFields()).query_token
    assert recommended(five_service, query_token=token, negative=["near"], k=1) == ["twin"]
    assert recommended(five_service, query_token=token, negative=["twin"], positive=["far"], k=1) == ["near"]
    both = five_service.recommend(Recommendation(query_token=token, positive=["far"], positive_weights=[1e6], k=5))
    assert "query" not in listing_ids(both)
    assert both.results[0].cosine == pytest.approx(float(angle(10) @ angle(40, axis=2)), abs=1e-3)


def test_rejects_the_token_of_a_recommendation_as_liked(five_service: SearchService) -> None:
    token = five_service.recommend(Recommendation(positive=["near"])).query_token
    with pytest.raises(BadQuery, match="belongs to a recommendation"):
        five_service.recommend(Recommendation(query_token=token))


def test_cursors_lead_through_all_recommendations(five_service: SearchService) -> None:
    first = five_service.recommend(Recommendation(positive=["near"], k=2))
    assert first.cursor
    second = five_service.next_page(first.cursor, SearchFields(k=5))
    assert [*listing_ids(first), *listing_ids(second)] == ["twin", "query", "far", "opposite"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"positive": []}, "positive"),
        ({"positive": ["nobody"]}, "positive"),
        ({"positive": ["near"], "negative": ["nobody"]}, "negative"),
        ({"positive": ["near"], "negative": ["near"]}, "negative"),
        ({"positive": ["near"], "positive_weights": [1, 2]}, "positive_weights"),
        ({"positive": ["near"], "positive_weights": [-1]}, "positive_weights"),
        ({"positive": ["near"], "positive_weights": [1], "strategy": "best_score"}, "positive_weights"),
        ({"positive": ["near"] * 101}, "positive"),
        ({"positive": ["near"], "crop": "0,0,0.5,0.5"}, "crop"),
        ({"positive": ["no\0body"]}, "positive"),
    ],
    ids=str,
)
def test_names_the_field_of_an_invalid_recommendation(
    five_client: TestClient[Litestar], body: dict[str, object], field: str
) -> None:
    answer = five_client.post("/v1/recommend", json=body)
    assert (answer.status_code, answer.json()["field"]) == (400, field)


SHORT_VECTOR = to_bytes(np.full(4, 0.5, dtype=np.float32))


@pytest.mark.parametrize(
    "forged",
    [
        pytest.param(PhotoKey(MODEL, SHORT_VECTOR, "key"), id="a photo with a short vector"),
        pytest.param(
            RecommendationKey(("near",), query=PhotoKey(MODEL, SHORT_VECTOR, "key")), id="a query with a short vector"
        ),
        ["r", [], []],
        ["r", [], ["near"]],
        ["r", [], [], [], [], "best_score"],
        ["r", ["near"], [], [1.0, 2.0]],
        ["r", ["near"], [], [0.0]],
        ["r", ["near"], [], [float("nan")]],
        ["r", [f"n{number}" for number in range(101)], []],
    ],
    ids=str,
)
def test_rejects_a_token_whose_content_makes_no_sense(
    five_client: TestClient[Litestar], five_listings: Resources, forged: Any
) -> None:
    token = Tokens(five_listings.signer).query_token(forged)
    answer = five_client.post("/v1/search", json={"query_token": token})
    assert (answer.status_code, answer.json()["field"]) == (400, "query_token")
