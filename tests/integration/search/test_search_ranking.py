"""Ranking by price, place, age and diversity, on vectors at known angles."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from ml.bundle.calibration import Calibration
from ml.bundle.score_map import ScoreMap
from services.errors import BadQuery
from services.search.service import SearchService
from services.wire import SORTED_LISTINGS, Recommendation, SearchFields
from tests.angles import add_all, angle, listing, world
from tests.integration.search.result_pages import listing_ids

if TYPE_CHECKING:
    from collections.abc import Iterator

    from litestar import Litestar
    from litestar.testing import TestClient

    from services.resources import Resources
    from services.search.results.paging import ResultPage
    from services.wire import Sort

MANY = SORTED_LISTINGS + 20
PRICES = {f"n{at:03}": None if at % 10 == 3 else Decimal(at * 37 % 50) for at in range(MANY)}
"""Prices of the listings in `many`, the nearest first. Several have the same price, and some have none."""
NEAREST = list(PRICES)[:SORTED_LISTINGS]


def test_multiplies_the_score_by_price_nearness_and_explains_it(five_client: TestClient[Litestar]) -> None:
    results = five_client.post("/v1/search", json={"listing_id": "query", "price_weight": 0.5}).json()["results"]
    assert [one["listing_id"] for one in results[:2]] == ["twin", "near"]
    assert results[1]["why"] == {"similarity": pytest.approx(0.9848, abs=1e-3), "price": pytest.approx(0.625)}
    assert results[1]["score"] == pytest.approx(0.9848 * 0.625, abs=1e-3)
    (far,) = [one for one in results if one["listing_id"] == "far"]
    assert far["why"]["price"] == 0.5, "a price in another currency counts like a missing one"


@pytest.mark.parametrize(("near", "expected"), [({"near_price": 400.0}, "near"), ({}, "twin")])
def test_prefers_near_price_to_the_price_of_the_source(
    five_service: SearchService, near: dict[str, float], expected: str
) -> None:
    page = five_service.by_listing("query", SearchFields(price_weight=1, k=1, **near))  # type: ignore[arg-type]
    assert listing_ids(page) == [expected]


def test_keeps_the_price_of_the_source_on_later_pages(five_service: SearchService) -> None:
    first = five_service.by_listing("query", SearchFields(price_weight=1, k=2))
    assert first.cursor
    second = five_service.next_page(first.cursor, SearchFields(k=2))
    whole = five_service.by_listing("query", SearchFields(price_weight=1, k=4))
    assert [one.score for one in (*first.results, *second.results)] == [one.score for one in whole.results]


def test_omits_the_explanation_without_weights(five_client: TestClient[Litestar]) -> None:
    results = five_client.post("/v1/search", json={"listing_id": "query"}).json()["results"]
    assert all("why" not in one for one in results)


def test_ranks_an_old_listing_lower_when_recency_has_a_weight(five_service: SearchService) -> None:
    page = five_service.by_listing("query", SearchFields(recency_weight=1))
    assert listing_ids(page).index("twin") > listing_ids(page).index("far")


def test_ranks_by_nearness_to_a_named_place(five_service: SearchService) -> None:
    page = five_service.by_listing("query", SearchFields(place_weight=1, near_place="Lyon", k=1))
    assert listing_ids(page) == ["far"]


@pytest.mark.parametrize("weight", ["price_weight", "place_weight"])
def test_rejects_a_weight_without_anything_to_compare_with(five_service: SearchService, weight: str) -> None:
    with pytest.raises(BadQuery, match=rf"{weight}: needs a (price|place) to compare with"):
        five_service.recommend(Recommendation(positive=["near"], **{weight: 0.5}))  # type: ignore[arg-type]


def test_diversity_ranks_a_different_listing_before_a_near_duplicate(five_service: SearchService) -> None:
    assert listing_ids(five_service.by_listing("query", SearchFields(k=2))) == ["near", "twin"]
    assert listing_ids(five_service.by_listing("query", SearchFields(k=2, diversity=0.7))) == ["near", "opposite"]


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SearchService]:
    """`PRICES` at 0.1, 0.2, ... degrees from the query; the farther ones were listed later."""
    day = datetime(2025, 1, 1, tzinfo=UTC)
    with world(tmp_path_factory.mktemp("many")) as opened:
        found = [
            (listing(name, price=price, listed_at=day + timedelta(days=at)), [angle(0.1 * (at + 1))])
            for at, (name, price) in enumerate(PRICES.items())
        ]
        add_all(opened, [(listing("query"), [angle(0)]), *found])
        opened.live.refresh()
        yield SearchService(opened)


def walk(service: SearchService, sort: Sort, k: int = 24) -> list[str]:
    """Return the listings of all pages."""
    page: ResultPage = service.by_listing("query", SearchFields(sort=sort, k=k))
    found = listing_ids(page)
    while page.cursor:
        page = service.next_page(page.cursor, SearchFields(k=k))
        found += listing_ids(page)
    return found


@pytest.mark.parametrize(("sort", "sign"), [("price", 1), ("price_descending", -1)])
def test_sorts_the_most_similar_listings_by_price_across_pages(many: SearchService, sort: Sort, sign: int) -> None:
    by_price = sorted(NEAREST, key=lambda name: (PRICES[name] is None, sign * (PRICES[name] or 0)))
    assert walk(many, sort) == by_price


def test_sorts_the_most_similar_listings_newest_first(many: SearchService) -> None:
    assert walk(many, "newest") == NEAREST[::-1]


def test_sorting_by_similarity_is_the_default_and_goes_further(many: SearchService) -> None:
    assert walk(many, "similarity") == list(PRICES)


def test_an_unknown_order_is_refused(five_client: TestClient[Litestar]) -> None:
    answer = five_client.post("/v1/search", json={"listing_id": "query", "sort": "cheapest"})
    assert answer.status_code == 400
    assert "price_descending" in answer.text


def test_says_whether_scores_are_probabilities_or_cosines(
    five_service: SearchService, five_listings: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    def kinds() -> list[str]:
        first = five_service.by_listing("query", SearchFields(k=1))
        assert first.cursor
        following = five_service.next_page(first.cursor, SearchFields(k=1))
        liked = [
            five_service.recommend(Recommendation(positive=["near"], strategy=strategy))
            for strategy in ("best_score", "average")
        ]
        return [page.score_kind for page in (first, following, *liked)]

    assert kinds() == ["cosine"] * 4, "there is no calibrated model"
    calibration = Calibration(1.0, 0.5, {}, ScoreMap((-1.0, 0.0, 1.0), (0.0, 0.1, 1.0)), 100)
    model = SimpleNamespace(bundle=SimpleNamespace(calibration=calibration, ood=None))
    monkeypatch.setattr(type(five_listings), "embedder_for", lambda *_: model)
    assert kinds() == ["probability"] * 3 + ["cosine"]
