"""Searches the demo's catalogue, so that the recall of searches is known before its first visitor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from db.rows import recall
from services.indexing.agreement import sample_points
from services.indexing.recall_audit import RecallAuditor
from services.search.service import SearchService
from services.settings import Engine
from services.wire import SearchFields

if TYPE_CHECKING:
    from services.resources import Resources

SEARCHES = 40
"""For each engine: enough for a verdict on its plan."""


def audit_sample_searches(resources: Resources) -> int:
    """Search by stored photos on each open engine, and compare the answers with exact searches.

    Does nothing if the live generation has audited searches of the last day.

    Returns:
        The number of searches.

    Raises:
        ModelMissing: no generation is live.
    """
    live = resources.live.current()
    with resources.database.read() as session:
        if recall.latest(session, live.generation.id):
            return 0
    auditor = RecallAuditor(resources.database, resources.live)
    service = SearchService(resources, auditor)
    points = sample_points(resources.database, SEARCHES, model_version=live.generation.model_version)
    for engine in live.opened:
        for point in points:
            service.by_stored_photo(point.photo_id, SearchFields(engine=Engine(engine)))
    while auditor.audit_one():
        pass
    auditor.save()
    return len(points) * len(live.opened)
