"""What results must satisfy and how they are ranked, beyond the filter's own tests: on vectors that are known."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np
import pytest
from litestar.testing import TestClient

from db.rows.payloads import to_bytes
from services.errors import BadQuery
from services.search.app import create_app
from services.search.query.subjects import average_vector
from services.search.query.tokens import PhotoSubject, QuerySourceKey, TasteSubject, encode
from services.search.service import SearchService
from services.settings import Engine
from services.wire import Recommendation, SearchFields, StoredSearch
from tests.angles import add, angle, listing, world
from tests.truth import MODEL

if TYPE_CHECKING:
    from collections.abc import Iterator

    from services.resources import Resources
    from services.search.results.paging import Answer

ENGINES = (Engine.FAISS, Engine.QDRANT)
LAST_YEAR = datetime.now(UTC) - timedelta(days=300)


@pytest.fixture(scope="module")
def resources(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Resources]:
    """Listings of three sellers; 'near' is 10 degrees off, 'twin' 11, 'far' 40, 'opposite' 170."""
    with world(tmp_path_factory.mktemp("wishes")) as opened:
        asked = listing("asked", seller="ann", price=Decimal(100))
        add(opened, asked, [angle(0)])
        add(opened, replace(asked, listing_id="near", seller="bob", price=Decimal(400)), [angle(10)])
        add(opened, replace(asked, listing_id="twin", seller="ann", listed_at=LAST_YEAR), [angle(11)])
        far = replace(asked, listing_id="far", seller="", currency="EUR", location="Lyon", region="Lyon")
        add(opened, far, [angle(40, axis=2)])
        add(opened, replace(asked, listing_id="opposite", seller="cid"), [angle(170)])
        opened.live.refresh()
        yield opened


@pytest.fixture(scope="module")
def service(resources: Resources) -> SearchService:
    return SearchService(resources)


@pytest.fixture(scope="module")
def client(resources: Resources) -> Iterator[TestClient]:  # type: ignore[type-arg]
    with TestClient(create_app(resources), raise_server_exceptions=False) as opened:
        yield opened


def found(answer: Answer) -> list[str]:
    return [result.photo.listing.id for result in answer.results]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"same_seller": True}, ["twin"]),
        ({"same_seller": False}, ["near", "far", "opposite"]),
        ({"seller": ["bob", "cid"]}, ["near", "opposite"]),
        ({"exclude_seller": ["ann", "bob"]}, ["far", "opposite"]),
        ({"max_age_days": 30.0}, ["near", "far", "opposite"]),
        ({"currency": "eur"}, ["far"]),
        ({"currency": "GBP", "price_max": 200.0}, ["twin", "opposite"]),
        ({"region": "lyon"}, ["far"]),
        ({"category_path": "home & garden /  LAMPS"}, ["near", "twin", "far", "opposite"]),
        ({"category_path": "Lamps"}, []),
        ({"exclude_listing": ["near", "nobody"]}, ["twin", "far", "opposite"]),
    ],
    ids=str,
)
def test_every_field_of_the_filter_holds(
    service: SearchService, fields: dict[str, object], expected: list[str], engine: Engine
) -> None:
    answer = service.by_listing("asked", SearchFields(engine=engine, **fields))  # type: ignore[arg-type]
    assert found(answer) == expected
    assert answer.found.engine == engine


def test_what_is_less_alike_than_asked_for_is_left_out(service: SearchService) -> None:
    assert found(service.by_listing("asked", SearchFields(min_score=0.7))) == ["near", "twin", "far"]


def test_an_empty_answer_tells_a_filter_that_lets_nothing_through(service: SearchService) -> None:
    empty = service.by_listing("asked", SearchFields(location="Nowhere")).empty
    assert empty
    assert (empty.reason, empty.matching_photos) == ("filter_matches_nothing", 0)


def test_an_empty_answer_tells_a_score_that_nothing_reaches_and_the_best_there_is(service: SearchService) -> None:
    empty = service.by_listing("asked", SearchFields(min_score=0.999)).empty
    assert empty
    assert empty.reason == "all_below_min_score"
    assert empty.best_score == pytest.approx(0.9848, abs=1e-3)


def test_an_answer_with_results_is_not_empty(service: SearchService) -> None:
    assert service.by_listing("asked", SearchFields()).empty is None


def test_price_counts_where_it_is_weighed_and_the_answer_says_how_much(client: TestClient) -> None:  # type: ignore[type-arg]
    results = client.post("/v1/search", json={"listing_id": "asked", "price_weight": 0.5}).json()["results"]
    assert [one["listing_id"] for one in results[:2]] == ["twin", "near"]
    assert results[1]["why"] == {"similarity": pytest.approx(0.9848, abs=1e-3), "price": pytest.approx(0.625)}
    assert results[1]["score"] == pytest.approx(0.9848 * 0.625, abs=1e-3)
    (far,) = [one for one in results if one["listing_id"] == "far"]
    assert far["why"]["price"] == 0.5, "a price in another currency is no nearer than none"


def test_without_weights_there_is_nothing_to_explain(client: TestClient) -> None:  # type: ignore[type-arg]
    results = client.post("/v1/search", json={"listing_id": "asked"}).json()["results"]
    assert all("why" not in one for one in results)


def test_age_counts_where_it_is_weighed(service: SearchService) -> None:
    answer = service.by_listing("asked", SearchFields(recency_weight=1))
    assert found(answer).index("twin") > found(answer).index("far")


def test_a_place_can_be_named_to_be_near_to(service: SearchService) -> None:
    answer = service.by_listing("asked", SearchFields(place_weight=1, near_place="Lyon", k=1))
    assert found(answer) == ["far"]


def test_diversity_puts_what_differs_before_a_twin(service: SearchService) -> None:
    assert found(service.by_listing("asked", SearchFields(k=2))) == ["near", "twin"]
    assert found(service.by_listing("asked", SearchFields(k=2, diversity=0.7))) == ["near", "opposite"]


@pytest.mark.parametrize(
    ("listing_id", "fields", "field"),
    [
        ("far", {"same_seller": True}, "same_seller"),
        ("asked", {"price_weight": 2.0}, "price_weight"),
        ("asked", {"category": ["Boats"]}, "category"),
        ("asked", {"exclude_listing": ["x"] * 1001}, "exclude_listing"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_its_field(
    service: SearchService, listing_id: str, fields: dict[str, object], field: str
) -> None:
    with pytest.raises(BadQuery) as refused:
        service.by_listing(listing_id, SearchFields(**fields))  # type: ignore[arg-type]
    assert refused.value.field == field


def test_the_plan_is_in_the_answer_with_its_reason(client: TestClient) -> None:  # type: ignore[type-arg]
    answer = client.get("/v1/listings/asked/similar", params={"location": "Lyon", "engine": "faiss"}).json()
    assert answer["plan"]["name"] == "faiss exact"
    assert "1 of 5 photos pass the filter" in answer["plan"]["reason"]
    assert "faiss is asked for" in answer["plan"]["reason"]


def test_the_time_is_told_by_stage(client: TestClient) -> None:  # type: ignore[type-arg]
    took = client.get("/v1/listings/asked/similar").json()["took_ms"]
    assert set(took) == {"embed", "search", "rows", "rank", "total"}
    assert sum(ms for stage, ms in took.items() if stage != "total") <= took["total"] + 0.05


def test_a_search_past_its_deadline_is_given_up_with_a_time_to_come_back(resources: Resources) -> None:
    hasty = SearchService(resources)
    resources.settings.request_timeout_s = 1e-9
    try:
        with TestClient(create_app(resources), raise_server_exceptions=False) as client:
            answer = client.get("/v1/listings/asked/similar")
    finally:
        resources.settings.request_timeout_s = 10
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert "longer than" in answer.json()["detail"]
    assert hasty.by_listing("asked", SearchFields()).results


def test_a_query_token_asks_the_same_again(service: SearchService) -> None:
    first = service.by_listing("asked", SearchFields(k=3))
    again = service.stored(StoredSearch(query_token=first.query_token, k=3))
    assert found(again) == found(first)


def test_a_batch_answers_each_search_and_says_what_is_wrong_with_one(client: TestClient) -> None:  # type: ignore[type-arg]
    queries = [{"listing_id": "asked", "k": 1}, {"listing_id": "nobody"}, {"photo_id": 1, "k": 2}, {"k": 3}]
    answers = client.post("/v1/search/batch", json={"queries": queries}).json()["answers"]
    assert [one["listing_id"] for one in answers[0]["answer"]["results"]] == ["near"]
    assert answers[1]["problem"]["status"] == 404
    assert len(answers[2]["answer"]["results"]) == 2
    assert (answers[3]["problem"]["status"], answers[3]["problem"]["field"]) == (400, "listing_id")


@pytest.mark.parametrize("queries", [[], [{"photo_id": 1}] * 21], ids=["none", "too many"])
def test_a_batch_has_one_to_twenty_searches(client: TestClient, queries: list[object]) -> None:  # type: ignore[type-arg]
    answer = client.post("/v1/search/batch", json={"queries": queries})
    assert (answer.status_code, answer.json()["field"]) == (400, "queries")


def recommend(service: SearchService, **asked: object) -> list[str]:
    return found(service.recommend(Recommendation(**asked)))  # type: ignore[arg-type]


@pytest.mark.parametrize("engine", ENGINES)
def test_what_is_liked_is_searched_by_and_left_out(service: SearchService, engine: Engine) -> None:
    assert recommend(service, positive=["near", "twin"], engine=engine) == ["asked", "far", "opposite"]


def test_an_average_is_what_is_liked_moved_away_from_what_is_not() -> None:
    liked, disliked = angle(0), angle(60)
    assert average_vector([liked], [disliked]) == pytest.approx(angle(-30), abs=1e-6)
    assert average_vector([liked, disliked], []) == pytest.approx(angle(30), abs=1e-6)
    assert average_vector([liked, disliked], [], [1.0, 0.0]) == pytest.approx(liked, abs=1e-6)


def test_likes_and_dislikes_that_cancel_out_are_refused() -> None:
    with pytest.raises(BadQuery, match="nothing is left"):
        average_vector([angle(0), angle(180)], [])


@pytest.mark.parametrize("engine", ENGINES)
def test_what_is_nearer_to_something_disliked_comes_behind(service: SearchService, engine: Engine) -> None:
    plain = recommend(service, positive=["asked"], strategy="best_score", engine=engine)
    away = recommend(service, positive=["asked"], negative=["near"], strategy="best_score", engine=engine)
    assert plain.index("twin") < plain.index("far")
    assert away.index("twin") > away.index("far")


def test_a_heavier_weight_draws_nearer(service: SearchService) -> None:
    liked = {"positive": ["near", "far"], "k": 1, "exclude_listing": ["asked"]}
    assert recommend(service, **liked, positive_weights=[10.0, 1.0]) == ["twin"]


def test_an_earlier_query_is_liked_as_well_and_a_listing_it_was_by_left_out(service: SearchService) -> None:
    token = service.by_listing("asked", SearchFields()).query_token
    assert recommend(service, query_token=token, negative=["near"], k=1) == ["twin"]
    assert recommend(service, query_token=token, negative=["twin"], positive=["far"], k=1) == ["near"]
    both = service.recommend(Recommendation(query_token=token, positive=["far"], positive_weights=[1e6], k=5))
    assert "asked" not in found(both)
    assert both.results[0].cosine == pytest.approx(float(angle(10) @ angle(40, axis=2)), abs=1e-3)


def test_the_token_of_a_recommendation_is_nothing_to_like(service: SearchService) -> None:
    token = service.recommend(Recommendation(positive=["near"])).query_token
    with pytest.raises(BadQuery, match="name again what was liked"):
        service.recommend(Recommendation(query_token=token))


def test_an_answer_tells_what_the_model_sees_in_what_was_asked_by(client: TestClient) -> None:  # type: ignore[type-arg]
    by_listing = client.get("/v1/listings/asked/similar", params={"k": 1}).json()
    by_taste = client.post("/v1/recommend", json={"positive": ["near"]}).json()
    assert by_listing["categories"] == [{"category": "Home & Garden", "probability": 0.9}]
    assert "categories" not in by_taste


def test_recommendations_are_walked_through_by_cursors(service: SearchService) -> None:
    first = service.recommend(Recommendation(positive=["near"], k=2))
    assert first.cursor
    second = service.next_page(first.cursor, SearchFields(k=5))
    assert [*found(first), *found(second)] == ["twin", "asked", "far", "opposite"]


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"positive": []}, "positive"),
        ({"positive": ["nobody"]}, "positive"),
        ({"positive": ["near"], "negative": ["nobody"]}, "negative"),
        ({"positive": ["near"], "positive_weights": [1, 2]}, "positive_weights"),
        ({"positive": ["near"], "positive_weights": [-1]}, "positive_weights"),
        ({"positive": ["near"], "positive_weights": [1], "strategy": "best_score"}, "positive_weights"),
        ({"positive": ["near"] * 101}, "positive"),
        ({"positive": ["near"], "crop": "0,0,0.5,0.5"}, "crop"),
        ({"positive": ["no\0body"]}, "positive"),
    ],
    ids=str,
)
def test_a_taste_that_makes_no_sense_names_its_field(
    client: TestClient,
    asked: dict[str, object],
    field: str,  # type: ignore[type-arg]
) -> None:
    answer = client.post("/v1/recommend", json=asked)
    assert (answer.status_code, answer.json()["field"]) == (400, field)


def test_the_newest_listings_come_page_by_page_each_by_its_first_photo(resources: Resources) -> None:
    with TestClient(create_app(resources), raise_server_exceptions=False) as client:
        pages, cursor = [], None
        while True:
            params = {"limit": 2} if cursor is None else {"limit": 2, "cursor": cursor}
            answer = client.get("/v1/listings", params=params).json()
            pages.append([one["listing_id"] for one in answer["listings"]])
            if (cursor := answer["cursor"]) is None:
                break
    assert pages == [["opposite", "far"], ["twin", "near"], ["asked"]]


@pytest.mark.parametrize("cursor", ["x", "-1", "9" * 30, "٣"])
def test_a_cursor_that_no_page_of_listings_gave_is_refused(client: TestClient, cursor: str) -> None:  # type: ignore[type-arg]
    answer = client.get("/v1/listings", params={"cursor": cursor})
    assert (answer.status_code, answer.json()["field"]) == (400, "cursor")


@pytest.mark.parametrize(
    "made_up",
    [
        PhotoSubject(MODEL, to_bytes(np.full(4, 0.5, dtype=np.float32)), "key"),
        TasteSubject(("near",), query=PhotoSubject(MODEL, to_bytes(np.full(4, 0.5, dtype=np.float32)), "key")),
    ],
    ids=["a photo", "a taste with a photo"],
)
def test_a_made_up_token_with_a_vector_of_another_size_is_refused(client: TestClient, made_up: QuerySourceKey) -> None:  # type: ignore[type-arg]
    answer = client.post("/v1/search", json={"query_token": encode(made_up)})
    assert (answer.status_code, answer.json()["field"]) == (400, "query_token")


@pytest.mark.parametrize(
    "fields",
    [
        [["r", [], []]],
        [["r", [], ["near"]]],
        [["r", [], [], [], [], "best_score"]],
        [["r", ["near"], [], [1.0, 2.0]]],
        [["r", ["near"], [], [0.0]]],
        [["r", ["near"], [], [float("nan")]]],
        [["r", [f"n{number}" for number in range(101)], []]],
    ],
    ids=str,
)
def test_a_made_up_token_of_a_taste_that_makes_no_sense_is_refused(client: TestClient, fields: list[object]) -> None:  # type: ignore[type-arg]
    answer = client.post("/v1/search", json={"query_token": encode(fields[0])})  # type: ignore[arg-type]
    assert (answer.status_code, answer.json()["field"]) == (400, "query_token")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        (SearchFields(location="Paris"), "4 without `location` would"),
        (SearchFields(location="Paris", currency="EUR"), "1 without `location` would"),
        (SearchFields(location="Paris", region="Nowhere"), "Nor does one without any one of its parts"),
    ],
    ids=["one part", "two parts", "both"],
)
def test_an_empty_answer_says_which_part_of_the_filter_to_leave_out(
    service: SearchService, fields: SearchFields, said: str
) -> None:
    empty = service.by_stored_photo(1, fields).empty
    assert empty is not None
    assert said in empty.detail


def test_of_a_listing_without_a_seller_all_others_are_of_another(service: SearchService) -> None:
    assert len(service.by_listing("far", SearchFields(same_seller=False)).results) == 4
