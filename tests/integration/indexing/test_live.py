"""The live indexes of a process: adopting generations, and indexes that cannot be opened."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from db.models import GenerationState
from db.rows import generations
from services.errors import Conflict, IndexUnavailable, ModelMissing
from services.indexing.generations import build_and_promote
from services.indexing.live import LiveIndexes
from services.indexing.stores import FaissStore, QdrantEdgeStore
from tests.contract.engines import server_client
from tests.integration.indexing.engines import held
from tests.truth import (
    MODEL,
)

if TYPE_CHECKING:
    from pathlib import Path

    from db.session import Database
    from services.indexing.live import IndexStore


def test_without_a_generation_no_index_can_be_searched(database: Database, live: LiveIndexes) -> None:
    with pytest.raises(ModelMissing, match="lookalike train"):
        live.current()


def test_a_process_adopts_a_promoted_generation_and_keeps_the_previous_one(
    database: Database, stores: list[IndexStore], live: LiveIndexes, lamps: list[int]
) -> None:
    first = build_and_promote(database, stores, MODEL)
    assert live.current().generation.id == first.id
    second = build_and_promote(database, stores, MODEL)
    live.refresh()
    assert live.current().generation.id == second.id
    with database.read() as session:
        assert [one.state for one in generations.generations(session)] == [
            GenerationState.LIVE,
            GenerationState.PREVIOUS,
        ]


def test_outdated_generations_are_dropped_except_the_previous_one(
    database: Database, stores: list[IndexStore], tmp_path: Path, lamps: list[int]
) -> None:
    built = [build_and_promote(database, stores, MODEL) for _ in range(3)]
    kept = {one.collection for one in built[1:]}
    assert {folder.name for folder in (tmp_path / "faiss").iterdir()} == kept
    if isinstance(stores[1], QdrantEdgeStore):
        assert {path.name for path in (tmp_path / "qdrant").iterdir() if path.is_dir()} == kept
    else:
        with closing(server_client()) as client:
            assert {one.name for one in client.get_collections().collections if one.name.startswith("photos_g")} == kept


def test_a_failed_build_is_dropped_and_the_live_generation_stays(
    database: Database, stores: list[IndexStore], live: LiveIndexes, lamps: list[int], tmp_path: Path
) -> None:
    class Losing(FaissStore):
        """A store whose index loses a photo right before it is verified."""

        def open(self, generation):  # type: ignore[no-untyped-def]
            opened = super().open(generation)
            opened.index.delete(lamps[:1])
            return opened

    first = build_and_promote(database, stores, MODEL)
    with pytest.raises(Conflict, match="photos missing: 1,"):
        build_and_promote(database, [Losing(database, tmp_path / "faiss", threads=1)], MODEL)
    assert live.current().generation.id == first.id
    with database.read() as session:
        assert generations.generations(session)[0].state == GenerationState.FAILED
    assert not (tmp_path / "faiss" / "photos_g2").exists()


def test_an_index_locked_by_another_process_is_reported_while_the_other_serves(
    database: Database,
    stores: list[IndexStore],
    live: LiveIndexes,
    lamps: list[int],
    caplog: pytest.LogCaptureFixture,
) -> None:
    if not isinstance(stores[1], QdrantEdgeStore):
        pytest.skip("a server's collection may be open in many processes")
    build_and_promote(database, stores, MODEL)
    other = LiveIndexes(database, stores)
    other.refresh()
    with caplog.at_level("INFO", "services.indexing.live"):
        live.refresh()
        live.refresh()
    (told,) = (record for record in caplog.records if record.name == "services.indexing.live")
    assert (told.levelname, "which keeps it up to date" in told.message) == ("INFO", True)
    assert held(live, "faiss") == lamps
    with pytest.raises(IndexUnavailable, match="qdrant"):
        live.current().index("qdrant")
    other.close()
    assert held(live, "qdrant") == lamps


def test_a_damaged_faiss_snapshot_is_rebuilt_from_the_database(
    database: Database, stores: list[IndexStore], live: LiveIndexes, lamps: list[int], tmp_path: Path
) -> None:
    build_and_promote(database, stores, MODEL)
    for file in (tmp_path / "faiss").rglob("*.faiss"):
        file.write_bytes(b"damaged")
    assert held(live, "faiss") == lamps
