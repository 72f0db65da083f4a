"""Explains why a search found nothing, and which filters to drop."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from db.vectors.base import NO_FILTER, Filter
from services.settings import Engine
from services.wire import NoResults

if TYPE_CHECKING:
    from collections.abc import Mapping

    from services.indexing.live import IndexSet
    from services.search.query.parsing import Query
    from services.search.results.ranking_pool import RankedPool

FILTER_FIELDS: dict[str, tuple[str, ...]] = {
    "category": ("categories",),
    "category_path": ("category_path",),
    "price": ("price_min", "price_max"),
    "currency": ("currency",),
    "location": ("location",),
    "region": ("region",),
    "max_age_days": ("listed_since",),
    "seller": ("sellers",),
    "exclude_seller": ("excluded_sellers",),
    "sold": ("sold",),
}
"""Fields of `Filter` behind each filter of a request but `attributes`, whose conditions count one by one."""

_MAX_SUGGESTIONS = 3

_NO_PHOTOS = (
    "The catalogue has no photos that can be searched yet. Add listings with `lookalike ingest`, with "
    "POST /v1/listings, or on the page under Admin."
)
_NO_OTHER_PHOTOS = (
    "All photos of the catalogue belong to listings that are left out: the listing that the search is by, and those "
    "of exclude_listing."
)


def explain_no_results(pool: RankedPool, query: Query, live: IndexSet) -> NoResults:
    """Return why nothing was found, and the filters whose removal lets the most photos through."""
    matching = pool.engine_result.matching
    if pool.best_similarity is not None:
        detail = f"The best match has a score of {pool.best_similarity}, below min_score, {query.ranking.min_score}."
        return NoResults("all_below_min_score", detail, matching, pool.best_similarity)
    if not any(opened.index.count() for opened in live.opened.values()):
        return NoResults("no_photos", _NO_PHOTOS, 0)
    relaxed = filters_without_one(query.where)
    if not relaxed:
        return NoResults("no_other_photos", _NO_OTHER_PHOTOS, matching)
    return NoResults("filter_matches_nothing", f"No photo passes the filters. {_suggestion(relaxed, live)}", matching)


def _suggestion(relaxed: Mapping[str, Filter], live: IndexSet) -> str:
    """Name the filters to drop; `relaxed` is of `filters_without_one`, and not empty."""
    used = list(relaxed)
    if Engine.FAISS not in live.opened:  # counting takes a Qdrant server as long as searching
        return f"Drop one of: {', '.join(used)}."
    index = live.index(Engine.FAISS)
    passing = {name: index.count(wider) for name, wider in relaxed.items()}
    helpful = sorted((name for name in used if passing[name]), key=lambda name: -passing[name])[:_MAX_SUGGESTIONS]
    if not helpful:
        return f"Dropping any single filter still matches nothing. Drop several of: {', '.join(used)}."
    return " ".join(f"Without `{name}`, {passing[name]:,} would pass." for name in helpful)


def filters_without_one(where: Filter) -> dict[str, Filter]:
    """Return, by its name in the request, what is left of the filter without each one of its conditions."""
    wider = {name: _without(where, fields) for name, fields in FILTER_FIELDS.items()}
    conditions = sorted(where.attributes, key=lambda condition: condition.name)
    return {name: one for name, one in wider.items() if one != where} | {
        f"attributes.{condition.name}": replace(where, attributes=where.attributes - {condition})
        for condition in conditions
    }


def _without(where: Filter, fields: tuple[str, ...]) -> Filter:
    return replace(where, **{name: getattr(NO_FILTER, name) for name in fields})
