"""Counts the photos and listings that pass a filter by the values of the listings."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from db.rows import listings
from db.vectors.facets import PATH_FACET
from db.vectors.keys import PATH_SEPARATOR, spelling_keys
from services.indexing.live import as_index_unavailable
from services.settings import Engine

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlmodel import Session

    from db.session import Database
    from db.vectors.base import Filter
    from db.vectors.facets import Facet
    from services.indexing.live import IndexSet
    from services.search.stage_times import StageTimes


def count_facets(
    live: IndexSet, where: Filter, names: Sequence[str], *, database: Database, times: StageTimes
) -> dict[str, Facet]:
    """Return the facet of each name; see `VectorIndex.facet`. The time is booked under `facets`.

    Raises:
        IndexUnavailable: only Qdrant is open, and it cannot be reached.
        Overloaded: the deadline passed before the last facet began.
    """
    facets = {}
    for name in names:
        with times.stage("facets"):
            facets[name] = _count(live, name, where)
    if PATH_FACET in facets:
        with times.reading(database) as session:
            facets[PATH_FACET] = _spelled(facets[PATH_FACET], session)
    return facets


def _spelled(paths: Facet, session: Session) -> Facet:
    """Return the facet with category paths as listings write them, instead of their keys."""
    levels = {one.value: str(one.value).split(PATH_SEPARATOR) for one in paths.values}
    names = listings.category_spellings(session, {key for path in levels.values() for key in spelling_keys(path)})

    def spelled(path: Sequence[str]) -> str:
        keys = spelling_keys(path)
        return PATH_SEPARATOR.join(names.get(key, level) for key, level in zip(keys, path, strict=True))

    return replace(paths, values=tuple(replace(one, value=spelled(levels[one.value])) for one in paths.values))


def _count(live: IndexSet, name: str, where: Filter) -> Facet:
    engine = counting_engine(live)
    with as_index_unavailable(engine):
        return live.index(engine).facet(name, where)


def counting_engine(live: IndexSet) -> Engine:
    """Return the engine that counts. All count the same, but FAISS in memory: Qdrant takes 0.1 s for 100,000 photos."""
    return Engine.FAISS if Engine.FAISS in live.opened else Engine.QDRANT
