"""A process that kills itself at a step of a reindex, of a rollback, or of a clean-up."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from functools import partial, wraps
from typing import TYPE_CHECKING, Any

from litestar.testing import TestClient

from db.rows import embeddings, feed, generations, jobs
from db.vectors.faiss import snapshots
from db.vectors.faiss.index import FaissIndex
from db.vectors.qdrant.edge import QdrantEdgeIndex
from services.cli.serve import build_app
from services.indexing import generations as building
from services.indexing.follower import SqlCursor
from services.indexing.stores import FaissStore, QdrantEdgeStore
from services.ingest.pipeline import embedding
from services.ingest.pipeline.embedding import PhotoEmbedder
from services.ingest.pipeline.reindex import promote, reindex
from tests.worlds import resources_in

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_BATCH = 4
"""Batch size for saving and indexing, so that a dozen photos make several batches."""


@dataclass(frozen=True, slots=True)
class Step:
    """A moment: before or after the `call`th call of a function. `promoted`: the other generation is live by then."""

    owner: Any
    function: str
    call: int = 1
    before: bool = True
    promoted: bool = False

    def kill_here(self) -> None:
        """Kill this process when it reaches the step."""
        called, calls = getattr(self.owner, self.function), 0

        @wraps(called)
        def deadly(*arguments: Any, **named: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls == self.call and self.before:
                os.kill(os.getpid(), signal.SIGKILL)
            answer = called(*arguments, **named)
            if calls == self.call:
                os.kill(os.getpid(), signal.SIGKILL)
            return answer

        setattr(self.owner, self.function, deadly)


REINDEX_STEPS: Mapping[str, Step] = {
    "half of the photos are embedded": Step(PhotoEmbedder, "_save", call=2, before=False),
    "the generation is written, not committed": Step(generations, "create_generation", before=False),
    "faiss is half filled": Step(FaissIndex, "upsert", before=False),
    "the faiss snapshot is written, not current": Step(snapshots, "_replace_current"),
    "qdrant is not opened": Step(QdrantEdgeStore, "open"),
    "qdrant is half filled": Step(QdrantEdgeIndex, "upsert", before=False),
    "qdrant is filled, without a position": Step(SqlCursor, "write", call=3),  # the first two are of FAISS
    "both are built": Step(building, "_make_live"),
    "the promotion is written, not committed": Step(embeddings, "mark_pending_as_embedded", before=False),
    "the promotion is committed": Step(FaissStore, "promote", call=2, promoted=True),  # the first puts in order
    "nothing is pruned": Step(building, "prune_locked", promoted=True),
    "the outdated one is marked, not dropped": Step(FaissStore, "drop", promoted=True),
    "the outdated one is dropped by faiss alone": Step(QdrantEdgeStore, "drop", promoted=True),
    "the outdated one's positions are left": Step(feed, "delete_cursors", promoted=True),
}

ROLLBACK_STEPS: Mapping[str, Step] = {
    "half of what came since is embedded": Step(PhotoEmbedder, "_save", before=False),
    "faiss is half brought forward": Step(FaissIndex, "upsert", before=False),
    "the faiss snapshot is written, not current": Step(snapshots, "_replace_current"),
    "qdrant is half brought forward": Step(QdrantEdgeIndex, "upsert", before=False),
    "qdrant is brought forward, its position is not": Step(SqlCursor, "write", call=2),  # the first is of FAISS
    "both are in line": Step(building, "_make_live"),
    "the promotion is written, not committed": Step(embeddings, "mark_pending_as_embedded", before=False),
    "the promotion is committed": Step(FaissStore, "promote", promoted=True),
}

CLEAN_UP_STEPS: Mapping[str, Step] = {
    "the build is given up, not dropped": Step(FaissStore, "drop"),
    "the build is dropped by faiss alone": Step(QdrantEdgeStore, "drop"),
    "the build's positions are left": Step(feed, "delete_cursors"),
}

AT_THE_END = "the job's end is not recorded"

JOB_STEPS: Mapping[str, Step] = {
    "half of the photos are embedded": Step(PhotoEmbedder, "_save", call=2, before=False),
    AT_THE_END: Step(jobs, "finish_job"),
}

_STEPS = {"reindex": REINDEX_STEPS, "rollback": ROLLBACK_STEPS, "clean_up": CLEAN_UP_STEPS}


def make_change(change: str, step: str, data_dir: Path, database_url: str) -> None:
    """Make the change and die at the step; it returns only if the step was not reached.

    Args:
        change: `reindex MODEL_VERSION`, `rollback GENERATION` or `clean_up`.
    """
    kind, _, argument = change.partition(" ")
    _make_batches_small()
    with resources_in(data_dir, database_url=database_url) as resources:
        resources.live.current()  # as in a server, the live indexes are open
        _STEPS[kind][step].kill_here()
        if kind == "reindex":
            reindex(resources, model_version=argument)
        elif kind == "rollback":
            promote(resources, int(argument))
        else:
            building.clean_up(resources.database, resources.stores)


def serve_and_post(path: str, body: dict[str, str], step: str, data_dir: Path) -> None:
    """Serve, receive a job over REST, and die at the step; it returns only if the step was not reached."""
    _make_batches_small()
    with resources_in(data_dir) as resources, TestClient(build_app(resources)) as client:
        JOB_STEPS[step].kill_here()
        answer = client.post(path, json=body)
        assert answer.status_code == 202, answer.text
        time.sleep(30)


def _make_batches_small() -> None:
    assert embedding._SAVE_SIZE > _BATCH
    embedding._SAVE_SIZE = _BATCH
    embeddings.all_points = partial(embeddings.all_points, batch_size=_BATCH)
