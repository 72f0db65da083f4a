"""Why a search found nothing, and what to leave out so that it finds something."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from db.vectors.base import NO_FILTER, Filter
from services.settings import Engine
from services.wire import Empty

if TYPE_CHECKING:
    from services.indexing.live import IndexSet
    from services.search.query.parsing import Query
    from services.search.results.ranking_pool import RankedPool

_PARTS: dict[str, tuple[str, ...]] = {
    "category": ("categories",),
    "category_path": ("category_path",),
    "price": ("price_min", "price_max"),
    "currency": ("currency",),
    "location": ("location",),
    "region": ("region",),
    "max_age_days": ("listed_since",),
    "seller": ("sellers",),
    "exclude_seller": ("excluded_sellers",),
}
"""Of a filter, by the names that requests have for them: the fields that hold them."""

_SHOWN = 3


def why_empty(pool: RankedPool, query: Query, live: IndexSet) -> Empty:
    """Return why nothing was found, and which part of the filter lets the most through when it is left out."""
    matching = pool.searched.matching
    if pool.best_similarity is not None:
        detail = f"The best match has a score of {pool.best_similarity}, below min_score, {query.wishes.min_score}."
        return Empty("all_below_min_score", detail, matching, pool.best_similarity)
    return Empty("filter_matches_nothing", f"No photo passes the filter. {_remedy(query.where, live)}", matching)


def _remedy(where: Filter, live: IndexSet) -> str:
    given = [name for name, fields in _PARTS.items() if _without(where, fields) != where]
    if not given or Engine.FAISS not in live.opened:  # counting would cost a Qdrant server as much as searching
        return f"Leave out a part of it: {', '.join(given)}." if given else "Exclude fewer listings."
    index = live.index(Engine.FAISS)
    passing = {name: index.count(_without(where, _PARTS[name])) for name in given}
    helpful = sorted((name for name in given if passing[name]), key=lambda name: -passing[name])[:_SHOWN]
    if not helpful:
        return f"Nor does one without any one of its parts: {', '.join(given)}. Leave out several."
    told = ", ".join(f"{passing[name]:,} without `{name}`" for name in helpful)
    return f"Leave out a part of it: {told} would."


def _without(where: Filter, fields: tuple[str, ...]) -> Filter:
    return replace(where, **{name: getattr(NO_FILTER, name) for name in fields})
