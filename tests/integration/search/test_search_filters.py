"""Every filter of a search on both engines, and the explanation when nothing passes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from services.errors import BadQuery
from services.search.service import SearchService
from services.settings import Engine
from services.wire import SearchFields
from tests.angles import add, angle, listing, world
from tests.integration.search.result_pages import listing_ids

if TYPE_CHECKING:
    from pathlib import Path

    from services.resources import Resources
    from tests.conftest import MakeJpeg

ENGINES = (Engine.FAISS, Engine.QDRANT)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"same_seller": True}, ["twin"]),
        ({"same_seller": False}, ["near", "far", "opposite"]),
        ({"same_seller": True, "seller": ["bob"]}, ["near", "twin"]),
        ({"seller": ["bob", "cid"]}, ["near", "opposite"]),
        ({"exclude_seller": ["ann", "bob"]}, ["far", "opposite"]),
        ({"same_seller": False, "exclude_seller": ["bob"]}, ["far", "opposite"]),
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
def test_returns_only_listings_that_pass_the_filter(
    five_service: SearchService, fields: dict[str, object], expected: list[str], engine: Engine
) -> None:
    page = five_service.by_listing("query", SearchFields(engine=engine, **fields))  # type: ignore[arg-type]
    assert listing_ids(page) == expected
    assert page.origin.engine == engine


def test_treats_every_listing_as_another_sellers_when_the_source_has_no_seller(five_service: SearchService) -> None:
    assert len(five_service.by_listing("far", SearchFields(same_seller=False)).results) == 4


def test_drops_results_below_min_score(five_service: SearchService) -> None:
    assert listing_ids(five_service.by_listing("query", SearchFields(min_score=0.7))) == ["near", "twin", "far"]


@pytest.mark.parametrize(
    ("listing_id", "fields", "field", "problem"),
    [
        ("far", {"same_seller": True}, "same_seller", "needs a source with a seller"),
        ("query", {"price_weight": 2.0}, "price_weight", "2.0 is out of range"),
        ("query", {"category": ["Boats"]}, "category", "'Boats'"),
        ("query", {"exclude_listing": ["x"] * 1001}, "exclude_listing", "1001 values; the limit is 1000"),
    ],
)
def test_names_the_field_of_a_request_that_cannot_be_met(
    five_service: SearchService, listing_id: str, fields: dict[str, object], field: str, problem: str
) -> None:
    with pytest.raises(BadQuery, match=problem) as error:
        five_service.by_listing(listing_id, SearchFields(**fields))  # type: ignore[arg-type]
    assert error.value.field == field


def test_explains_that_no_photo_passes_the_filter(five_service: SearchService) -> None:
    empty = five_service.by_listing("query", SearchFields(location="Nowhere")).empty
    assert empty
    assert (empty.reason, empty.matching_photos) == ("filter_matches_nothing", 0)


def test_says_that_the_catalogue_is_empty_and_what_to_do(resources: Resources, jpeg: MakeJpeg) -> None:
    empty = SearchService(resources).by_photo(jpeg(seed=3), SearchFields()).empty
    assert empty
    assert empty.reason == "no_photos"
    assert "Add listings with `lookalike ingest`" in empty.detail
    assert "filter" not in empty.detail


def test_says_that_the_only_listing_is_the_one_searched_by(tmp_path: Path) -> None:
    with world(tmp_path) as resources:
        add(resources, listing("alone"), [angle(0)])
        resources.live.refresh()
        empty = SearchService(resources).by_listing("alone", SearchFields()).empty
    assert empty
    assert empty.reason == "no_other_photos"


def test_explains_that_no_result_reaches_min_score_and_names_the_best_score(five_service: SearchService) -> None:
    empty = five_service.by_listing("query", SearchFields(min_score=0.999)).empty
    assert empty
    assert empty.reason == "all_below_min_score"
    assert empty.best_score == pytest.approx(0.9848, abs=1e-3)


def test_explains_nothing_when_there_are_results(five_service: SearchService) -> None:
    assert five_service.by_listing("query", SearchFields()).empty is None


@pytest.mark.parametrize(
    ("fields", "suggestion"),
    [
        (SearchFields(location="Paris"), "Without `location`, 4 would pass."),
        (SearchFields(location="Paris", currency="EUR"), "Without `location`, 1 would pass."),
        (SearchFields(location="Paris", region="Nowhere"), "Dropping any single filter still matches nothing"),
    ],
    ids=["one filter", "two filters", "two that match nothing"],
)
def test_suggests_which_filter_to_drop(five_service: SearchService, fields: SearchFields, suggestion: str) -> None:
    empty = five_service.by_stored_photo(1, fields).empty
    assert empty is not None
    assert suggestion in empty.detail
