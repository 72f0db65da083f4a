"""The choice of the engine and plan for a search."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from db.vectors.attributes import AttributeCondition
from db.vectors.base import NO_FILTER, Filter
from services.search.retrieval.costs import MeasuredCosts
from services.search.retrieval.planner import (
    FAISS_EXACT,
    FAISS_IVF,
    QDRANT_ACORN,
    QDRANT_EXACT,
    QDRANT_HNSW,
    SearchPlan,
    Situation,
    filter_shape,
    is_open,
    rank_plans,
)
from services.settings import Engine

AUTO, FAISS, QDRANT = Engine.AUTO, Engine.FAISS, Engine.QDRANT
SMALL = {FAISS: "exact", QDRANT: "exact"}
LARGE = {FAISS: "ivf", QDRANT: "hnsw"}
CATEGORY = Filter(categories=frozenset({"Phones"}))


class FixedCosts:
    """Costs that the test sets."""

    def __init__(self, **ms: float) -> None:
        self._ms = {name.replace("_", " "): cost for name, cost in ms.items()}

    def expected_ms(self, plan: SearchPlan, *, size: int, matching: int) -> float:
        return self._ms.get(plan.name, 10.0)


def situation(**changes: object) -> Situation:
    plain = Situation(AUTO, AUTO, LARGE, 1_000_000, 1_000_000)
    return replace(plain, **changes)  # type: ignore[arg-type]


def plans(situation: Situation, costs: FixedCosts | MeasuredCosts | None = None) -> list[SearchPlan]:
    return [choice.plan for choice in rank_plans(situation, costs or FixedCosts())]


@pytest.mark.parametrize(
    ("requested", "setting", "expected"),
    [(AUTO, QDRANT, [QDRANT, FAISS]), (QDRANT, AUTO, [QDRANT, FAISS]), (FAISS, QDRANT, [FAISS, QDRANT])],
)
def test_the_request_overrides_the_setting(requested: Engine, setting: Engine, expected: list[Engine]) -> None:
    found = plans(situation(requested=requested, setting=setting, kinds=SMALL))
    assert [plan.engine for plan in found] == expected


def test_auto_chooses_the_cheapest_plan_and_falls_back_to_the_other_engine() -> None:
    assert plans(situation(), FixedCosts(qdrant_hnsw=1, faiss_ivf=2)) == [QDRANT_HNSW, FAISS_IVF]
    assert plans(situation(), FixedCosts(qdrant_hnsw=3, faiss_ivf=2)) == [FAISS_IVF, QDRANT_HNSW]


def test_ignores_a_requested_engine_that_is_not_open() -> None:
    assert plans(situation(requested=QDRANT, kinds={FAISS: "exact"})) == [FAISS_EXACT]


def test_returns_no_plan_without_an_open_engine() -> None:
    assert plans(situation(kinds={})) == []


def test_searches_an_index_without_lists_or_graph_exactly() -> None:
    assert set(plans(situation(kinds=SMALL))) == {FAISS_EXACT, QDRANT_EXACT}


def test_uses_acorn_only_with_a_filter() -> None:
    assert QDRANT_HNSW in plans(situation(), FixedCosts(qdrant_acorn=0.1, qdrant_hnsw=1))
    filtered = situation(where=CATEGORY, matching=1000)
    assert QDRANT_ACORN in plans(filtered, FixedCosts(qdrant_acorn=0.1))


def test_uses_the_plain_graph_under_a_wide_filter_only() -> None:
    cheap = FixedCosts(qdrant_hnsw=0.1)
    assert QDRANT_HNSW not in plans(situation(where=CATEGORY, matching=400_000), cheap)
    assert QDRANT_HNSW in plans(situation(where=CATEGORY, matching=600_000), cheap)


def test_prefers_the_exact_plan_at_equal_cost() -> None:
    assert plans(situation(requested=FAISS))[0] == FAISS_EXACT


def test_searches_exactly_when_few_photos_match() -> None:
    costs = MeasuredCosts()
    few = situation(where=CATEGORY, matching=1000)
    for requested in (FAISS, QDRANT):
        assert plans(replace(few, requested=requested), costs)[0].exact
        assert not plans(situation(requested=requested), costs)[0].exact


def test_avoids_a_plan_with_low_recall_and_says_so() -> None:
    cheap = FixedCosts(faiss_ivf=1, faiss_exact=9)
    assert rank_plans(situation(requested=FAISS), cheap)[0].plan == FAISS_IVF
    (left, *_) = rank_plans(situation(requested=FAISS, low_recall_plans={"faiss ivf"}), cheap)
    assert left.plan == FAISS_EXACT
    assert "faiss ivf has too little recall here" in left.reason


def test_never_avoids_an_exact_plan() -> None:
    marked = situation(kinds=SMALL, low_recall_plans={"faiss exact", "qdrant exact"})
    assert set(plans(marked)) == {FAISS_EXACT, QDRANT_EXACT}


def test_the_reason_gives_the_matches_and_the_requested_engine() -> None:
    reason = rank_plans(situation(requested=FAISS, where=CATEGORY, matching=1234), FixedCosts())[0].reason
    assert "1,234 of 1,000,000" in reason
    assert "requested" in reason


def test_measured_costs_replace_the_estimates_gradually() -> None:
    costs = MeasuredCosts()
    before = costs.expected_ms(FAISS_IVF, size=1000, matching=1000)
    for _ in range(200):
        costs.record(FAISS_IVF, size=1000, matching=1000, ms=before / 2)
    assert costs.expected_ms(FAISS_IVF, size=1000, matching=1000) == pytest.approx(before / 2, rel=0.01)


def test_one_slow_search_barely_changes_the_measured_cost() -> None:
    costs = MeasuredCosts()
    before = costs.expected_ms(FAISS_IVF, size=1000, matching=1000)
    costs.record(FAISS_IVF, size=1000, matching=1000, ms=10_000)
    assert costs.expected_ms(FAISS_IVF, size=1000, matching=1000) < 1.5 * before


@pytest.mark.parametrize(
    ("where", "matching", "shape"),
    [
        (NO_FILTER, 1000, "none"),
        (Filter(excluded_listing_ids=frozenset({"a"})), 999, "none"),
        (Filter(excluded_listing_ids=frozenset(map(str, range(200)))), 800, "exclusions, up to 100 %"),
        (CATEGORY, 1000, "category, up to 100 %"),
        (CATEGORY, 100, "category, up to 10 %"),
        (CATEGORY, 99, "category, up to 10 %"),
        (CATEGORY, 1, "category, up to 0.1 %"),
        (CATEGORY, 0, "category, nothing"),
        (CATEGORY, None, "category, uncounted"),
        (Filter(category_path="a / b", price_max=1.0, region="c"), 5, "category and price and place, up to 1 %"),
        (
            Filter(sellers=frozenset({"x"}), currency="GBP", listed_since=1),
            500,
            "currency and age and seller, up to 100 %",
        ),
    ],
)
def test_a_filter_shape_names_fields_and_selectivity_but_no_value(
    where: Filter, matching: int | None, shape: str
) -> None:
    assert filter_shape(where, size=1000, matching=matching) == shape


RESTRICTIVE = Filter(
    categories=frozenset({"Phones"}),
    price_min=5.0,
    price_max=50.0,
    location="delph",
    excluded_listing_ids=frozenset(f"listing-{number}" for number in range(1000)),
    category_path="phones / handsets",
    currency="GBP",
    region="manchester",
    listed_since=1_700_000_000,
    sellers=frozenset({"ann"}),
    excluded_sellers=frozenset({"bob"}),
    sold=False,
    attributes=frozenset({AttributeCondition("brand", frozenset({"acme"}))}),
)


@pytest.mark.parametrize("field", [field.name for field in fields(Filter)])
def test_a_filter_with_any_field_set_is_not_open(field: str) -> None:
    assert not is_open(replace(NO_FILTER, **{field: getattr(RESTRICTIVE, field)}))
