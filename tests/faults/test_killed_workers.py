"""Workers that are killed at random moments while they embed.

`LOOKALIKE_TEST_KILLS=50` kills fifty of them; the tally is printed with `pytest -s`.
"""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

import pytest

from db.models import PhotoState
from db.rows import embeddings, photo_queue, photos
from services.ingest.pipeline.ingest_job import create_ingest_job, load_files
from services.ingest.pipeline.progress import silent
from tests.faults.shop import (
    KILLS,
    assert_all_agree,
    commanding,
    embedded_photos,
    once_and_often,
    wait_until_embedded,
)
from tests.waiting import wait_for
from tests.worlds import Marketplace, listing_row, resources_in

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager
    from multiprocessing.context import ForkServerProcess
    from pathlib import Path

    from ml.bundle.bundle import Bundle
    from services.resources import Resources
    from tests.conftest import MakeJpeg

PHOTOS = 150
"""Photos registered at a time; more than a worker embeds before it commits."""


def register(resources: Resources, folder: Path, jpeg: MakeJpeg, *, numbers: Sequence[int]) -> None:
    """Register listings with these numbers, each with a pending photo."""
    (folder / "photos").mkdir(parents=True)
    made = Marketplace(folder)
    made.write_listings([listing_row(number) for number in numbers])
    made.write_photo_table([(f"photo-{number}", f"listing-{number}") for number in numbers])
    for number in numbers:
        made.write_photo(f"photo-{number}", jpeg(seed=number))
    load_files(resources, create_ingest_job(resources, made.inputs), made.inputs, silent)


def any_pending(resources: Resources) -> bool:
    with resources.database.read() as session:
        return photos.any_pending(session)


def wait_until_claimed(resources: Resources, worker: ForkServerProcess) -> None:
    """Wait until the worker has claimed photos, or has embedded them all."""

    def has_claimed() -> bool:
        with resources.database.read() as session:
            claimed = any(f":{worker.pid}:" in owner for owner in photo_queue.lease_owners(session))
            return claimed or not photos.any_pending(session)

    wait_for(has_claimed)


def kill_workers(resources: Resources, folder: Path, moments: random.Random, *, times: int) -> int:
    """Kill one worker after the other at work, up to `times` times; return the number of kills."""
    for killed in range(times):
        with working(resources, folder) as worker:
            wait_until_claimed(resources, worker)
            time.sleep(moments.uniform(0.0, 0.8))
        if not any_pending(resources):  # the worker finished first
            return killed
    return times


def working(resources: Resources, folder: Path) -> AbstractContextManager[ForkServerProcess]:
    """Run a worker for the length of the block, then kill it."""
    return commanding("worker", folder=folder, LOOKALIKE_DATA_DIR=str(resources.settings.data_dir))


@pytest.mark.timeout(60 + 25 * KILLS)
@once_and_often
def test_embeds_every_photo_once_while_workers_are_killed(
    tmp_path: Path, tiny_bundle: Bundle, jpeg: MakeJpeg, kills: int
) -> None:
    """A photo fails after `MAX_ATTEMPTS` deaths, so a worker may finish after one kill less."""
    seed = random.SystemRandom().randrange(10**6)
    moments, killed, count = random.Random(seed), 0, 0
    with resources_in(tmp_path / "data", model=tiny_bundle) as resources:
        resources.ensure_generation()
        while killed < kills:
            register(resources, tmp_path / f"shop-{count}", jpeg, numbers=range(count, count + PHOTOS))
            count += PHOTOS
            times = min(photo_queue.MAX_ATTEMPTS - 1, kills - killed)
            killed += kill_workers(resources, tmp_path, moments, times=times)
            with working(resources, tmp_path):
                wait_until_embedded(resources)
        version, embedded = tiny_bundle.version, embedded_photos(resources)
        with resources.database.read() as session:
            states, rows = photos.state_counts(session), embeddings.embedding_count(session, model_version=version)
        lost, doubled = count - len({*embedded}), len(embedded) - len({*embedded})
        print(f"\nworker, {killed} kills: {count} photos acknowledged, {lost} lost, {doubled} doubled")
        assert (states[PhotoState.EMBEDDED], rows, len(embedded)) == (count, count, count), (seed, states)
        assert_all_agree(resources)
