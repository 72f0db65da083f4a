"""`lookalike worker` in separate processes: several at once, stopped, and killed."""

from __future__ import annotations

import signal
import subprocess
import sys
from contextlib import ExitStack
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from db.models import PhotoState
from db.processes import process_name
from db.rows import feed, photo_queue, photos
from services.ingest.pipeline.embedding import PhotoEmbedder
from services.ingest.pipeline.ingest_job import create_ingest_job, load_files
from services.ingest.pipeline.progress import silent
from tests.databases import on_both, on_both_slowly
from tests.waiting import wait_for
from tests.workers import working
from tests.worlds import live_resources, marketplace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ml.bundle.bundle import Bundle
    from services.resources import Resources
    from tests.conftest import MakeJpeg

PHOTOS = 160
"""Enough that a worker is stopped or killed before it has embedded them all."""


@pytest.fixture
def few(tmp_path: Path, tiny_bundle: Bundle, live_data: Path, jpeg: MakeJpeg) -> Iterator[Resources]:
    """A live generation and six pending photos."""
    shop = marketplace(tmp_path / "shop", jpeg, count=3)
    with live_resources("sqlite", tmp_path, tiny_bundle, like=live_data) as opened:
        load_files(opened, create_ingest_job(opened, shop.inputs), shop.inputs, silent)
        yield opened


@pytest.fixture
def resources(
    request: pytest.FixtureRequest, tmp_path: Path, tiny_bundle: Bundle, live_data: Path, jpeg: MakeJpeg
) -> Iterator[Resources]:
    """A live generation and pending photos."""
    shop = marketplace(tmp_path / "shop", jpeg, count=PHOTOS // 2)
    with live_resources(getattr(request, "param", "sqlite"), tmp_path, tiny_bundle, like=live_data) as opened:
        load_files(opened, create_ingest_job(opened, shop.inputs), shop.inputs, silent)
        yield opened


def counts(resources: Resources) -> dict[PhotoState, int]:
    with resources.database.read() as session:
        return photos.state_counts(session)


def wait_until_embedded(resources: Resources, count: int) -> None:
    wait_for(lambda: counts(resources)[PhotoState.EMBEDDED] >= count)


def leases(resources: Resources) -> list[str]:
    with resources.database.read() as session:
        return photo_queue.lease_owners(session)


def embedder(resources: Resources) -> PhotoEmbedder:
    return PhotoEmbedder(resources.database, resources.photo_files, resources.embedder(), limits=resources.photo_limits)


@on_both
@pytest.mark.slow
def test_two_workers_embed_every_photo_once(resources: Resources, tmp_path: Path) -> None:
    with ExitStack() as stack:
        for _ in range(2):
            stack.enter_context(working(resources, tmp_path))
        wait_until_embedded(resources, PHOTOS)
    with resources.database.read() as session:
        embedded = [change.photo_id for change in feed.changes_after(session, 0, 10 * PHOTOS)]
    assert len(embedded) == len(set(embedded)) == PHOTOS


@on_both_slowly
def test_a_stopped_worker_finishes_its_claimed_photos(resources: Resources, tmp_path: Path) -> None:
    with working(resources, tmp_path) as worker:
        wait_until_embedded(resources, 1)
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(timeout=60) == 0
    assert leases(resources) == []
    assert counts(resources)[PhotoState.FAILED] == 0


@on_both
@pytest.mark.slow
def test_another_worker_embeds_the_photos_of_a_killed_one(resources: Resources, tmp_path: Path) -> None:
    with working(resources, tmp_path) as first:
        wait_until_embedded(resources, 1)
        first.send_signal(signal.SIGKILL)
        first.wait()
    with working(resources, tmp_path):
        wait_until_embedded(resources, PHOTOS)
    assert leases(resources) == []


def test_embeds_the_photos_claimed_by_a_dead_process_at_once(few: Resources) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        gone.wait()
    machine, _, _ = process_name().partition(":")
    with few.database.write() as session:
        assert photo_queue.claim(session, f"{machine}:{gone.pid}:1:worker", limit=4, lease=timedelta(hours=1))
    embedder(few).embed_pending()
    assert leases(few) == []
    assert counts(few)[PhotoState.EMBEDDED] == 6


def test_only_the_photo_that_kills_its_workers_fails(few: Resources, monkeypatch: pytest.MonkeyPatch) -> None:
    with few.database.read() as session:
        (poison,) = (photo.sha256 for photo in photos.photos_by_id(session, [3]))
    read = type(few.photo_files).read

    def deadly(files: object, sha256: str) -> bytes:
        if sha256 == poison:
            raise MemoryError
        return read(files, sha256)

    monkeypatch.setattr(type(few.photo_files), "read", deadly)
    dying = embedder(few)
    for _ in range(photo_queue.MAX_ATTEMPTS):
        with pytest.raises(MemoryError):
            dying.embed_pending()
    dying.embed_pending()
    assert counts(few) == {"pending": 0, "embedded": 5, "failed": 1, "set_aside": 0}
