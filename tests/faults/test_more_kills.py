"""Workers, ingests and a Qdrant server that are killed at random moments of their work.

`LOOKALIKE_TEST_KILLS=50` kills each fifty times; the tallies are printed with `pytest -s`. The last needs
`LOOKALIKE_TEST_QDRANT_BINARY`, the path of a Qdrant server.
"""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from db import embeddings, feed, jobs, listings, photos
from db.models import Job, JobState, PhotoState
from services.indexing.consistency import live_drift
from services.ingest.pipeline import create_ingest_job, load_files
from services.ingest.progress import silent
from services.ingest.runner import JobRunner
from services.ingest.worker import EmbeddingWorker
from tests.faults.shop import KILLS, QdrantServer, Shop, commanding, once_and_often, serving, wait_until_embedded
from tests.waiting import wait_for
from tests.worlds import Marketplace, listing_row, marketplace, resources_in

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager
    from multiprocessing.context import ForkServerProcess
    from pathlib import Path

    import httpx

    from ml.bundle import Bundle
    from services.resources import Resources
    from tests.conftest import MakeJpeg

PHOTOS = 150
"""Registered at a time; more than a worker embeds before it commits."""

LISTINGS = 40

QDRANT_BINARY = os.environ.get("LOOKALIKE_TEST_QDRANT_BINARY", "")


# Workers


def register(resources: Resources, folder: Path, jpeg: MakeJpeg, *, numbers: Sequence[int]) -> None:
    """Register listings of these numbers, with a photo each, that wait to be embedded."""
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
    """Wait until the worker holds photos, or has embedded the last of them already."""

    def has_claimed() -> bool:
        with resources.database.read() as session:
            claimed = any(f":{worker.pid}:" in owner for owner in photos.lease_owners(session))
            return claimed or not photos.any_pending(session)

    wait_for(has_claimed)


def kill_workers(resources: Resources, folder: Path, moments: random.Random, *, times: int) -> int:
    """Kill worker after worker in the midst of their work, up to so many times; return how often."""
    for killed in range(times):
        with working(resources, folder) as worker:
            wait_until_claimed(resources, worker)
            time.sleep(moments.uniform(0.0, 0.8))
        if not any_pending(resources):  # it was faster
            return killed
    return times


def working(resources: Resources, folder: Path) -> AbstractContextManager[ForkServerProcess]:
    """Run a worker until it is killed at the end of the block."""
    return commanding("worker", folder=folder, LOOKALIKE_DATA_DIR=str(resources.settings.data_dir))


def embedded_photos(resources: Resources) -> list[int]:
    """Return the photos that were embedded, each as often as it was."""
    with resources.database.read() as session:
        return [change.photo_id for change in feed.changes_after(session, 0, 10**6)]


def assert_all_agree(resources: Resources) -> None:
    """Check that SQL, FAISS and Qdrant hold the same, and that nothing is left of who was killed."""
    resources.live.refresh()
    found = live_drift(resources.database, resources.live.current())
    assert [one.engine for one in found] == ["faiss", "qdrant"]
    assert [one for one in found if not one.is_empty] == []
    with resources.database.read() as session:
        assert photos.lease_owners(session) == []
    assert [*(resources.settings.data_dir / "photos" / "partial").iterdir()] == []


@pytest.mark.timeout(60 + 25 * KILLS)
@once_and_often
def test_every_photo_is_embedded_once_however_often_workers_die(
    tmp_path: Path, tiny_bundle: Bundle, jpeg: MakeJpeg, kills: int
) -> None:
    """Photos that `MAX_ATTEMPTS` workers died on are given up; so after one kill less, a worker may finish."""
    seed = random.SystemRandom().randrange(10**6)
    moments, killed, count = random.Random(seed), 0, 0
    with resources_in(tmp_path / "data", model=tiny_bundle) as resources:
        resources.ensure_generation()
        while killed < kills:
            register(resources, tmp_path / f"shop-{count}", jpeg, numbers=range(count, count + PHOTOS))
            count += PHOTOS
            times = min(photos.MAX_ATTEMPTS - 1, kills - killed)
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


# Ingests


@dataclass(frozen=True, slots=True)
class Holdings:
    """What a data directory holds: listings and photos, each as often as it is there, and what the last run counted."""

    listings: Counter[tuple[str, str]]
    photos: Counter[tuple[str, str, str, str]]
    embeddings: int
    embedded: int
    counts: dict[str, int]

    def beyond(self, other: Holdings) -> int:
        """Return how many of its listings and photos the other lacks."""
        return (self.listings - other.listings).total() + (self.photos - other.photos).total()


def holdings(resources: Resources) -> Holdings:
    names = [f"listing-{number}" for number in range(LISTINGS)]
    version = resources.live.current().generation.model_version
    with resources.database.read() as session:
        assert listings.listing_count(session) == LISTINGS
        rows = photos.photos_of(session, names)
        (last,) = jobs.newest_jobs(session, limit=1, state=JobState.SUCCEEDED)
        return Holdings(
            Counter((row.id, row.content_hash) for row in listings.listings_by_id(session, names)),
            Counter((row.listing_id, row.external_id, row.sha256, row.state) for row in rows),
            embeddings.embedding_count(session, model_version=version),
            len(embedded_photos(resources)),
            {name: n for name, n in last.counts.items() if name.endswith(("_read", "_accepted", "_rejected"))},
        )


def flawed_marketplace(folder: Path, jpeg: MakeJpeg) -> Marketplace:
    """Write a marketplace of which a listing has no title, one is there twice, and a photo is of no listing."""
    shop = marketplace(folder, jpeg, count=LISTINGS)
    untitled = ["untitled", "", *listing_row(LISTINGS)[2:]]
    shop.write_listings([listing_row(0), untitled, *map(listing_row, range(LISTINGS))])
    named = [(f"photo-{n}-{side}", f"listing-{n}") for n in range(LISTINGS) for side in "ab"]
    shop.write_photo_table([*named, ("stray", "nobody")])
    return shop


def ingest(shop: Marketplace, data_dir: Path, model: Bundle, *, killed_after: float | None = None) -> bool:
    """Run `lookalike ingest`, and say whether it ended by itself before it was to be killed."""
    options = ["--photos-table", str(shop.inputs.photos_table), "--photo-dir", str(shop.inputs.photos)]
    settings = {"LOOKALIKE_DATA_DIR": str(data_dir), "LOOKALIKE_MODEL": str(model.path)}
    with commanding("ingest", str(shop.inputs.listings), *options, folder=shop.folder, **settings) as process:
        process.join(killed_after)
    if process.exitcode == -signal.SIGKILL:
        return False
    assert process.exitcode == 0, (shop.folder / "lookalike.log").read_text()
    return True


def end_jobs(resources: Resources) -> int:
    """Let a server's runner put the jobs in order until none runs, and return how many were of killed runs."""
    runner = JobRunner(resources, EmbeddingWorker(resources))
    runner.start()
    try:
        wait_for(lambda: not running_jobs(resources))
    finally:
        runner.stop()
    with resources.database.read() as session:
        return len(jobs.newest_jobs(session, limit=10**6, state=JobState.FAILED))


def running_jobs(resources: Resources) -> list[Job]:
    with resources.database.read() as session:
        return list(jobs.running_jobs(session))


def photo_files(data_dir: Path) -> set[Path]:
    """Return every file and folder of photos, temporary ones too."""
    return {file.relative_to(data_dir) for file in (data_dir / "photos").rglob("*")}


def seconds_of_work(resources: Resources) -> float:
    """Return how long the last run took, but for importing modules and opening the database."""
    with resources.database.read() as session:
        (job,) = jobs.newest_jobs(session, limit=1)
    assert job.finished_at is not None
    return (job.finished_at - job.created_at).total_seconds()


@pytest.mark.timeout(120 + 25 * KILLS)
@once_and_often
def test_an_ingest_that_is_killed_and_started_again_leaves_what_an_undisturbed_one_does(
    tmp_path: Path, tiny_bundle: Bundle, jpeg: MakeJpeg, kills: int
) -> None:
    """When a run ends by itself the outcome is compared, and the next begins from nothing.

    That is after `MAX_ATTEMPTS - 1` kills at the latest: photos that more runs died on are given up.
    """
    seed = random.SystemRandom().randrange(10**6)
    moments, tally = random.Random(seed), Counter[str]()
    shop = flawed_marketplace(tmp_path / "shop", jpeg)
    ingest(shop, tmp_path / "whole", tiny_bundle)
    with resources_in(tmp_path / "whole", model=tiny_bundle) as resources:
        whole, longest = holdings(resources), 1.1 * seconds_of_work(resources)
    accepted = whole.counts["listings_accepted"] + whole.counts["photos_accepted"]
    while tally["kills"] < kills:
        data_dir = tmp_path / f"data-{tally['ingests']}"
        tally["ingests"] += 1
        for _ in range(min(photos.MAX_ATTEMPTS - 1, kills - tally["kills"])):
            if ingest(shop, data_dir, tiny_bundle, killed_after=moments.uniform(0.0, longest)):
                break
            tally["kills"] += 1
        else:
            ingest(shop, data_dir, tiny_bundle)
        with resources_in(data_dir, model=tiny_bundle) as resources:
            found = holdings(resources)
            tally.update({"accepted": accepted, "lost": whole.beyond(found), "doubled": found.beyond(whole)})
            assert found == whole, seed
            tally["killed at work"] += end_jobs(resources)
            assert_all_agree(resources)
        assert photo_files(data_dir) == photo_files(tmp_path / "whole"), seed
    print(
        f"\ningest, {tally['kills']} kills, {tally['killed at work']} of them after the job was begun, "
        f"and {tally['ingests']} whole: {tally['accepted']} listings and photos acknowledged, "
        f"{tally['lost']} lost, {tally['doubled']} doubled"
    )


# A Qdrant server


def change_for(seconds: float, shop: Shop, client: httpx.Client) -> None:
    """Make changes for so long; each of them is acknowledged."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        shop.change(client)


def found_by(client: httpx.Client, photo: bytes) -> str:
    """Ask Qdrant for what looks like the photo, and return which engine answered."""
    answer = client.post("/v1/search", data={"engine": "qdrant"}, files={"image": ("a.jpg", photo)})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["engine"])


def drift_in_the_end(client: httpx.Client) -> dict[str, list[int]]:
    """Return the photos that each index has wrong when it has had a few seconds."""
    deadline = time.monotonic() + 5.0
    while True:
        answer = client.get("/v1/admin/consistency")
        assert answer.status_code == 200, answer.text
        wrong = {one["engine"]: one["missing"] + one["extra"] + one["different"] for one in answer.json()}
        if time.monotonic() > deadline or not any(wrong.values()):
            return wrong
        time.sleep(0.1)


@pytest.mark.server
@pytest.mark.skipif(not QDRANT_BINARY, reason="LOOKALIKE_TEST_QDRANT_BINARY does not name a Qdrant server to run")
@pytest.mark.timeout(60 + 15 * KILLS)
def test_every_change_is_acknowledged_and_indexed_however_often_qdrant_dies(
    tmp_path: Path, tiny_bundle: Bundle, jpeg: MakeJpeg
) -> None:
    seed = random.SystemRandom().randrange(10**6)
    shop, moments, qdrant = Shop(jpeg, seed), random.Random(seed), QdrantServer(QDRANT_BINARY, tmp_path / "qdrant")
    with ExitStack() as stack:
        stack.callback(qdrant.kill)
        qdrant.start()
        _, client = stack.enter_context(serving(tmp_path, tiny_bundle, qdrant_url=qdrant.url))
        resources = stack.enter_context(resources_in(tmp_path / "data", model=tiny_bundle, qdrant_url=qdrant.url))
        for _ in range(KILLS):
            death = threading.Timer(moments.uniform(0.05, 1.5), qdrant.kill)
            death.start()
            while death.is_alive():
                shop.change(client)
            death.join()
            change_for(moments.uniform(0.0, 1.0), shop, client)
            assert found_by(client, jpeg(seed=seed)) == "faiss", seed
            qdrant.start()
        wait_until_embedded(resources)
        assert drift_in_the_end(client) == {"faiss": [], "qdrant": []}, seed
        assert found_by(client, jpeg(seed=seed)) == "qdrant", seed
        lost, doubled = shop.lost(client), shop.doubled(client)
    acknowledged = sum(shop.tally.values())
    print(f"\nQdrant, {KILLS} kills: {acknowledged} changes acknowledged, {len(lost)} lost, {len(doubled)} doubled")
    assert (lost, doubled) == ([], []), seed
