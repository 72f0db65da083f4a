"""What an answer says besides its results: plan, times, categories and tokens; batches and the newest listings."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from litestar.testing import TestClient

from services.search.app import create_app
from services.search.service import SearchService
from services.wire import SearchFields, StoredSearch
from tests.angles import add, angle, listing, world
from tests.integration.search.result_pages import listing_ids

if TYPE_CHECKING:
    from pathlib import Path

    from litestar import Litestar

    from services.resources import Resources


def test_gives_the_plan_and_its_reason(five_client: TestClient[Litestar]) -> None:
    answer = five_client.get("/v1/listings/query/similar", params={"location": "Lyon", "engine": "faiss"}).json()
    assert answer["plan"]["name"] == "faiss exact"
    assert "1 of 5 photos pass the filter" in answer["plan"]["reason"]
    assert "faiss is requested" in answer["plan"]["reason"]


def test_ends_a_search_past_its_deadline_with_a_retry_time(five_listings: Resources) -> None:
    service = SearchService(five_listings)
    five_listings.settings.request_timeout_s = 1e-9
    try:
        with TestClient(create_app(five_listings), raise_server_exceptions=False) as client:
            answer = client.get("/v1/listings/query/similar")
    finally:
        five_listings.settings.request_timeout_s = 10
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert "longer than" in answer.json()["detail"]
    assert service.by_listing("query", SearchFields()).results


def test_a_query_token_repeats_the_search(five_service: SearchService) -> None:
    first = five_service.by_listing("query", SearchFields(k=3))
    again = five_service.search(StoredSearch(query_token=first.query_token, k=3))
    assert listing_ids(again) == listing_ids(first)


def test_gives_the_categories_of_a_listing_but_not_of_a_recommendation(five_client: TestClient[Litestar]) -> None:
    by_listing = five_client.get("/v1/listings/query/similar", params={"k": 1}).json()
    recommended = five_client.post("/v1/recommend", json={"positive": ["near"]}).json()
    assert by_listing["categories"] == [{"category": "Home & Garden", "probability": 0.9}]
    assert "categories" not in recommended


def test_a_batch_answers_each_search_or_says_what_is_wrong_with_it(five_client: TestClient[Litestar]) -> None:
    queries = [{"listing_id": "query", "k": 1}, {"listing_id": "nobody"}, {"photo_id": 1, "k": 2}, {"k": 3}]
    answers = five_client.post("/v1/search/batch", json={"queries": queries}).json()["answers"]
    assert [one["listing_id"] for one in answers[0]["answer"]["results"]] == ["near"]
    assert answers[1]["problem"]["status"] == 404
    assert len(answers[2]["answer"]["results"]) == 2
    assert (answers[3]["problem"]["status"], answers[3]["problem"]["field"]) == (400, "listing_id")


@pytest.mark.parametrize("queries", [[], [{"photo_id": 1}] * 21], ids=["none", "too many"])
def test_rejects_a_batch_that_is_empty_or_has_more_than_twenty_searches(
    five_client: TestClient[Litestar], queries: list[object]
) -> None:
    answer = five_client.post("/v1/search/batch", json={"queries": queries})
    assert (answer.status_code, answer.json()["field"]) == (400, "queries")


def test_pages_through_the_newest_listings_each_with_its_first_photo(five_client: TestClient[Litestar]) -> None:
    pages, cursor = [], None
    while True:
        params = {"limit": 2} if cursor is None else {"limit": 2, "cursor": cursor}
        answer = five_client.get("/v1/listings", params=params).json()
        pages.append([one["listing_id"] for one in answer["listings"]])
        if (cursor := answer["cursor"]) is None:
            break
    assert pages == [["opposite", "far"], ["twin", "near"], ["query"]]


def test_lists_the_newest_of_the_sold_listings_and_of_those_for_sale(tmp_path: Path) -> None:
    with world(tmp_path) as opened:
        for number in range(3):
            add(opened, replace(listing(f"l-{number}"), sold=number == 1), [angle(number)])
        with TestClient(create_app(opened), raise_server_exceptions=False) as client:
            answers = [client.get("/v1/listings", params={"sold": sold}).json() for sold in (True, False)]
    assert [[one["listing_id"] for one in answer["listings"]] for answer in answers] == [["l-1"], ["l-2", "l-0"]]


@pytest.mark.parametrize("cursor", ["x", "-1", "9" * 30, "٣"])
def test_rejects_a_cursor_that_no_page_of_listings_gave(five_client: TestClient[Litestar], cursor: str) -> None:
    answer = five_client.get("/v1/listings", params={"cursor": cursor})
    assert (answer.status_code, answer.json()["field"]) == (400, "cursor")
