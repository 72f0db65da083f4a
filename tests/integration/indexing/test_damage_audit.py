"""The auditor notices an index that differs from the database, and the index is rebuilt."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from db.rows import embeddings
from db.rows.recall import Tally
from db.vectors.base import NO_FILTER, Filter, Hit
from services.indexing.consistency import live_drift
from services.indexing.damage_audit import DamageAudit, wrong_hit
from services.indexing.generations import build_and_promote
from services.indexing.live import LiveIndexes
from services.indexing.recall_audit import AuditedSearch, AuditThread, RecallAuditor
from tests.databases import LIGHT_STACKS
from tests.integration.indexing.damages import flip_vector
from tests.integration.indexing.engines import ENGINES
from tests.truth import DRILL, MODEL, add_listings, add_photos, embed, new_embedding, stored_photo, unit_vector
from tests.waiting import wait_for

if TYPE_CHECKING:
    from pathlib import Path

    from db.session import Database
    from services.indexing.live import IndexStore


def engines_at_work(live: LiveIndexes) -> list[str]:
    return sorted(live.current().opened)


def check_all_photos(audit: DamageAudit) -> None:
    while audit.check_photos():
        pass


def best(live: LiveIndexes, engine: str, seed: int) -> Hit:
    return live.current().index(engine).search(unit_vector(seed), 2, exact=True)[0]


@pytest.mark.parametrize("stack", [("sqlite", "edge")], indirect=True)
def test_bits_that_flipped_in_a_shard_are_noticed_after_the_start_and_the_answers_are_right_again(
    database: Database, stores: list[IndexStore], lamps: list[int], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with closing(LiveIndexes(database, stores)):
        build_and_promote(database, stores, MODEL)
    with database.read() as session:
        point, _ = embeddings.points(session, lamps, model_version=MODEL)
    flip_vector(tmp_path / "qdrant" / "photos_g1", point.vector)
    with closing(LiveIndexes(database, stores)) as live:
        assert best(live, "qdrant", lamps[0]).score < 0.99
        auditor = AuditThread(RecallAuditor(database, live), interval_s=0.01)
        auditor.start()
        wait_for(lambda: engines_at_work(live) == ["faiss"])
        auditor.stop()
        live.refresh()
        assert engines_at_work(live) == ["faiss", "qdrant"]
        assert best(live, "qdrant", lamps[0]).score > 0.999
        assert all(one.is_empty for one in live_drift(database, live.current()))
    told = [record.message for record in caplog.records if "is damaged and is rebuilt" in record.message]
    assert len(told) == 1
    assert f"photo {lamps[0]} is not the stored one" in told[0]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("damage", ["missing", "another vector", "another payload"])
def test_a_photo_that_an_index_lost_or_changed_is_noticed(
    database: Database, stores: list[IndexStore], live: LiveIndexes, lamps: list[int], engine: str, damage: str
) -> None:
    build_and_promote(database, stores, MODEL)
    with database.read() as session:
        first, second = embeddings.points(session, lamps, model_version=MODEL)
    changed = {
        "another vector": [replace(first, vector=second.vector)],
        "another payload": [replace(first, payload=second.payload)],
    }
    live.refresh()
    index = live.current().index(engine)
    index.delete([first.photo_id])
    index.upsert(changed.get(damage, []))
    is_damaged = not all(one.is_empty for one in live_drift(database, live.current()))
    check_all_photos(DamageAudit(database, live))
    assert (engine not in live.current().opened) == is_damaged
    live.refresh()
    assert all(one.is_empty for one in live_drift(database, live.current()))
    assert engines_at_work(live) == ["faiss", "qdrant"]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("where", [NO_FILTER, Filter(categories=frozenset({"Home & Garden"}))])
def test_a_wrong_answer_of_an_exact_search_is_noticed(
    database: Database, stores: list[IndexStore], live: LiveIndexes, lamps: list[int], engine: str, where: Filter
) -> None:
    build_and_promote(database, stores, MODEL)
    vector, auditor = unit_vector(lamps[0]), RecallAuditor(database, live)
    other = next(one for one in ENGINES if one != engine)
    live.refresh()
    live.current().index(engine).delete([lamps[0]])
    auditor.offer(AuditedSearch(1, engine, f"{engine} exact", "none", vector, where, [], is_exact=True))
    auditor.audit_one()
    assert engines_at_work(live) == [other]
    assert auditor.recalls() == {(1, f"{engine} exact", "none"): Tally(queries=1, wanted=1, found=0)}
    live.refresh()
    assert best(live, engine, lamps[0]).photo_id == lamps[0]


@pytest.mark.parametrize("stack", LIGHT_STACKS, indirect=True)
def test_an_index_that_only_lags_behind_is_not_rebuilt(
    database: Database, stores: list[IndexStore], live: LiveIndexes, lamps: list[int]
) -> None:
    build_and_promote(database, stores, MODEL)
    live.refresh()
    add_listings(database, DRILL)
    (later,) = add_photos(database, stored_photo("drill", content=b"drill"))
    embed(database, new_embedding(later, stored_photo("drill", content=b"drill"), seed=lamps[0]))
    audit = DamageAudit(database, live)
    check_all_photos(audit)
    audit.check_answers(live.current(), unit_vector(lamps[0]), 10, NO_FILTER)
    assert engines_at_work(live) == ["faiss", "qdrant"]


def test_a_hit_is_wrong_by_its_score_its_filter_or_its_absence() -> None:
    scores = {1: 0.9, 2: 0.8, 3: 0.7}
    assert wrong_hit([Hit(1, 0.9), Hit(2, 0.8)], scores, 2) == ""
    assert wrong_hit([Hit(1, 0.9), Hit(2, 0.79)], scores, 2) == "photo 2 has the score 0.7900 instead of 0.8000"
    assert wrong_hit([Hit(1, 0.9), Hit(3, 0.7)], scores, 2) == "photo 2 is not found"
    assert wrong_hit([Hit(1, 0.9)], scores, 2) == "photo 2 is not found"
    assert wrong_hit([Hit(1, 0.9), Hit(4, 0.85)], scores, 2) == "photo 4 is found, but does not match the filter"
