"""The auditor detects plans with low recall, and the planner avoids them."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pytest

from db.rows import recall
from db.rows.recall import Tally
from db.vectors.base import NO_FILTER
from services.indexing.recall_audit import MIN_QUERIES, AuditedSearch, AuditThread, RecallAuditor
from services.search.retrieval.engines import Engines, RetrievalRequest
from services.search.service import SearchService
from services.search.stage_times import StageTimes
from services.settings import Engine
from services.wire import SearchFields
from tests.angles import add_all, listing, world
from tests.truth import SIZE
from tests.waiting import wait_for
from tests.worlds import resources_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from services.resources import Resources

LISTINGS = 120


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with many listings whose vectors are random."""
    folder = tmp_path_factory.mktemp("many") / "data"
    vectors = np.random.default_rng(3).normal(size=(LISTINGS, SIZE))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    with world(folder) as opened:
        add_all(opened, [(listing(f"n{number}"), [vector]) for number, vector in enumerate(vectors)])
        opened.live.refresh()
    return folder


@pytest.fixture
def resources(tmp_path: Path, many: Path) -> Iterator[Resources]:
    with resources_in(tmp_path / "data", like=many) as opened:
        opened.live.refresh()
        yield opened


def blinded(resources: Resources, monkeypatch: pytest.MonkeyPatch, *, every: int) -> None:
    """Plant a fault: the FAISS index calls itself IVF, and without `exact` leaves out every so many-th photo."""
    index = resources.live.current().index("faiss")
    search, describe = index.search, index.describe

    def blind(vector: object, k: int, where: object = NO_FILTER, *, exact: bool = False, acorn: bool = True) -> object:
        del acorn
        hits = search(vector, k * (1 if exact else 2), where, exact=True)  # type: ignore[arg-type]
        return hits if exact else [hit for hit in hits if hit.photo_id % every][:k]

    monkeypatch.setattr(index, "search", blind)
    monkeypatch.setattr(index, "describe", lambda: replace(describe(), kind="ivf"))
    monkeypatch.setattr("services.indexing.live._KINDS_LIFETIME_S", 0.0)
    resources.live.refresh()


def audit_waiting(auditor: RecallAuditor) -> int:
    """Compare the searches that wait, and return how many those were."""
    done = 0
    while auditor.audit_one():
        done += 1
    return done


def asked(service: SearchService, number: int) -> str:
    """Search and return the plan."""
    return service.by_listing(f"n{number % LISTINGS}", SearchFields(engine=Engine.FAISS)).origin.plan


def test_a_plan_with_low_recall_is_detected_within_two_hundred_searches_and_avoided(
    resources: Resources, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("services.search.retrieval.costs.ESTIMATES", _ivf_is_cheap())
    blinded(resources, monkeypatch, every=4)
    auditor = RecallAuditor(resources.database, resources.live)
    service = SearchService(resources, auditor)
    plans = []
    with caplog.at_level("WARNING", "services.indexing.recall_audit"):
        for number in range(200):
            plans.append(asked(service, number))
            audit_waiting(auditor)
    assert plans[0] == "faiss ivf"
    assert plans[-1] == "faiss exact"
    assert plans.index("faiss exact") <= 2 * MIN_QUERIES
    assert "the plan 'faiss ivf' finds only 0." in caplog.text
    (warning,) = [record for record in caplog.records if "is avoided for them" in record.message]
    assert "'none'" in warning.message


def test_exact_searches_are_counted_but_their_plan_is_never_avoided(resources: Resources) -> None:
    auditor = RecallAuditor(resources.database, resources.live)
    generation = resources.live.current().generation.id
    vector = np.eye(SIZE, dtype=np.float32)[0]
    sample = AuditedSearch(generation, "faiss", "faiss exact", "none", vector, NO_FILTER, [], is_exact=True)
    for _ in range(MIN_QUERIES):  # as if all photos had come after the searches
        auditor.offer(sample)
    assert audit_waiting(auditor) == MIN_QUERIES
    tally = auditor.recalls()[generation, "faiss exact", "none"]
    assert (tally.queries, tally.found) == (MIN_QUERIES, 0)
    assert auditor.low_recall_plans(generation, "none") == frozenset()


def test_a_search_for_few_results_is_compared_with_as_few_neighbours(resources: Resources) -> None:
    auditor = RecallAuditor(resources.database, resources.live)
    SearchService(resources, auditor).by_listing("n0", SearchFields(engine=Engine.QDRANT, k=1))
    assert audit_waiting(auditor) == 1
    (tally,) = auditor.recalls().values()
    assert tally.recall == 1.0


def test_a_plan_with_full_recall_stays_in_use(resources: Resources, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.search.retrieval.costs.ESTIMATES", _ivf_is_cheap())
    blinded(resources, monkeypatch, every=10**9)
    auditor = RecallAuditor(resources.database, resources.live)
    service = SearchService(resources, auditor)
    for number in range(100):
        assert asked(service, number) == "faiss ivf"
        audit_waiting(auditor)


def test_low_recall_is_reported_for_the_affected_filter_shape_only(
    resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.search.retrieval.costs.ESTIMATES", _ivf_is_cheap())
    blinded(resources, monkeypatch, every=4)
    auditor = RecallAuditor(resources.database, resources.live)
    service = SearchService(resources, auditor)
    for number in range(60):
        asked(service, number)
    audit_waiting(auditor)
    assert asked(service, 0) == "faiss exact"
    priced = service.by_listing("n0", SearchFields(engine=Engine.FAISS, price_max=100))
    assert priced.origin.plan == "faiss ivf"


def test_counts_are_stored_by_hour_and_loaded_by_other_processes(
    resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.search.retrieval.costs.ESTIMATES", _ivf_is_cheap())
    blinded(resources, monkeypatch, every=4)
    auditor = RecallAuditor(resources.database, resources.live)
    service = SearchService(resources, auditor)
    for number in range(40):
        asked(service, number)
    audit_waiting(auditor)
    auditor.save()
    auditor.save()

    with resources.database.read() as session:
        (hour,) = recall.by_hour(session, since=datetime.now(UTC) - timedelta(hours=2))
    assert (hour.plan, hour.shape, hour.tally.queries) == ("faiss ivf", "none", 40)
    assert hour.tally.recall < 0.95

    other = RecallAuditor(resources.database, resources.live)
    other.load()
    assert other.low_recall_plans(hour.generation, "none") == {"faiss ivf"}
    assert other.low_recall_plans(hour.generation + 1, "none") == frozenset()


def test_only_a_sample_of_many_searches_is_compared(resources: Resources) -> None:
    auditor = RecallAuditor(resources.database, resources.live, rng=random.Random(1))
    sample = AuditedSearch(1, "faiss", "faiss ivf", "none", np.eye(SIZE, dtype=np.float32)[0], NO_FILTER, [])
    compared = 0
    for _ in range(1050):
        auditor.offer(sample)
        compared += audit_waiting(auditor)
    assert 50 + 20 < compared < 50 + 100


def test_a_search_of_an_outdated_generation_is_skipped(resources: Resources) -> None:
    auditor = RecallAuditor(resources.database, resources.live)
    auditor.offer(AuditedSearch(99, "faiss", "faiss ivf", "none", np.eye(SIZE, dtype=np.float32)[0], NO_FILTER, []))
    assert audit_waiting(auditor) == 1
    auditor.save()
    with resources.database.read() as session:
        assert recall.latest(session, 99) == {}


def test_the_thread_audits_and_saves_its_counts_when_stopped(resources: Resources) -> None:
    auditor = RecallAuditor(resources.database, resources.live)
    current = resources.live.current()
    auditing = AuditThread(auditor, interval_s=0.01)
    auditing.start()
    auditor.offer(
        AuditedSearch(
            current.generation.id, "faiss", "faiss ivf", "none", np.eye(SIZE, dtype=np.float32)[0], NO_FILTER, []
        )
    )
    wait_for(auditor.recalls)
    auditing.stop()
    with resources.database.read() as session:
        assert list(recall.latest(session, current.generation.id).values()) == [Tally(1, 10, 0)]


def test_the_thread_loads_earlier_counts(resources: Resources) -> None:
    current = resources.live.current()
    key = (current.generation.id, "faiss ivf", "none")
    with resources.database.write() as session:
        recall.add(session, {key: Tally(MIN_QUERIES, 10 * MIN_QUERIES, 0)})
    auditor = RecallAuditor(resources.database, resources.live)
    auditing = AuditThread(auditor, interval_s=0.01)
    auditing.start()
    wait_for(auditor.recalls)
    auditing.stop()
    assert auditor.low_recall_plans(current.generation.id, "none") == {"faiss ivf"}


def test_a_failing_engine_does_not_stop_the_audit_of_others(
    resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_asked: object, **_how: object) -> None:
        raise ConnectionError("refused")

    auditor = RecallAuditor(resources.database, resources.live)
    engines = Engines(resources.database, auditor, setting=Engine.AUTO, report_failure=resources.live.report_failure)
    current = resources.live.current()
    sample = AuditedSearch(
        current.generation.id, "qdrant", "qdrant hnsw", "none", np.eye(SIZE, dtype=np.float32)[0], NO_FILTER, []
    )
    auditor.offer(sample)
    auditor.offer(replace(sample, engine="faiss", plan="faiss ivf"))
    monkeypatch.setattr(current.index("qdrant"), "search", refuse)
    with pytest.raises(ConnectionError):
        audit_waiting(auditor)
    assert audit_waiting(auditor) == 1
    assert engines.search(current, RetrievalRequest([sample.vector], 1, NO_FILTER), StageTimes(10)).candidates


def _ivf_is_cheap() -> object:
    from services.search.retrieval.costs import ESTIMATES, CostEstimate

    return {**ESTIMATES, "faiss ivf": CostEstimate(0.001), "faiss exact": CostEstimate(1000.0)}
