"""The freshness benchmark against a real server on loopback."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from db.models import Role
from db.rows import listings
from db.rows.access import keys
from services.bench.freshness import measure_freshness
from services.cli.serve import ServedApp
from services.errors import ServiceUnavailable
from tests.servers import serving
from tests.worlds import resources_in

if TYPE_CHECKING:
    from pathlib import Path

    from services.resources import Resources


def test_times_the_changes_and_leaves_no_listing_behind(resources: Resources) -> None:
    with resources.database.write() as session:
        key = keys.create_key(session, "bench", Role.WRITE)
    told: list[int] = []
    with serving(resources) as url:
        found = measure_freshness(url, key=key, changes=3, progress=told.append)
    assert (found.changes, found.engine, told) == (3, "faiss", [1, 1, 1])
    assert 0 < found.added_p50 <= found.added_p99
    assert 0 < found.deleted_p50 <= found.deleted_p99
    with resources.database.read() as session:
        assert listings.listing_count(session) == 0


def test_searches_a_separate_search_service(resources: Resources, tmp_path: Path) -> None:
    with (
        resources_in(tmp_path / "data") as others,  # FAISS of its own; the embedded Qdrant is held by the first
        serving(resources, ServedApp.INGEST) as url,
        serving(others, ServedApp.SEARCH) as search_url,
    ):
        found = measure_freshness(url, search_url=search_url, key="", changes=2, progress=lambda _count: None)
    assert found.changes == 2


def test_reports_a_server_that_refuses_or_does_not_answer(resources: Resources) -> None:
    with resources.database.write() as session:
        keys.create_key(session, "bench", Role.WRITE)
    with serving(resources) as url, pytest.raises(ServiceUnavailable, match="401"):
        measure_freshness(url, key="", changes=1, progress=lambda _count: None)
    with pytest.raises(ServiceUnavailable, match="does not answer"):
        measure_freshness(url, key="", changes=1, progress=lambda _count: None)
