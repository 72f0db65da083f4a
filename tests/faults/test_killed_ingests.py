"""Ingests that are killed at random moments and repeated.

`LOOKALIKE_TEST_KILLS=50` kills fifty of them; the tally is printed with `pytest -s`.
"""

from __future__ import annotations

import random
import signal
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from db.models import Job, JobState
from db.rows import embeddings, jobs, listings, photo_queue, photos
from services.ingest.jobs.runner import JobRunner
from services.ingest.pipeline.worker import EmbeddingWorker
from tests.faults.shop import (
    KILLS,
    assert_all_agree,
    commanding,
    embedded_photos,
    once_and_often,
)
from tests.waiting import wait_for
from tests.worlds import Marketplace, listing_row, marketplace, resources_in

if TYPE_CHECKING:
    from pathlib import Path

    from ml.bundle.bundle import Bundle
    from services.resources import Resources
    from tests.conftest import MakeJpeg

LISTINGS = 40


@dataclass(frozen=True, slots=True)
class Holdings:
    """The content of a data directory: how often each listing and photo exists, and the counts of the last job."""

    listings: Counter[tuple[str, str]]
    photos: Counter[tuple[str, str, str, str]]
    embeddings: int
    embedded: int
    counts: dict[str, int]

    def beyond(self, other: Holdings) -> int:
        """Return the number of listings and photos that the other lacks."""
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
    """Write a marketplace with an untitled listing, a duplicate listing, and a photo without a listing."""
    shop = marketplace(folder, jpeg, count=LISTINGS)
    untitled = ["untitled", "", *listing_row(LISTINGS)[2:]]
    shop.write_listings([listing_row(0), untitled, *map(listing_row, range(LISTINGS))])
    named = [(f"photo-{n}-{side}", f"listing-{n}") for n in range(LISTINGS) for side in "ab"]
    shop.write_photo_table([*named, ("stray", "nobody")])
    return shop


def ingest(shop: Marketplace, data_dir: Path, model: Bundle, *, killed_after: float | None = None) -> bool:
    """Run `lookalike ingest`; return whether it ended before it was killed."""
    options = ["--photos-table", str(shop.inputs.photos_table), "--photo-dir", str(shop.inputs.photos)]
    settings = {"LOOKALIKE_DATA_DIR": str(data_dir), "LOOKALIKE_MODEL": str(model.path)}
    with commanding("ingest", str(shop.inputs.listings), *options, folder=shop.folder, **settings) as process:
        process.join(killed_after)
    if process.exitcode == -signal.SIGKILL:
        return False
    assert process.exitcode == 0, (shop.folder / "lookalike.log").read_text()
    return True


def end_jobs(resources: Resources) -> int:
    """Let a job runner recover the jobs; return the number of jobs of killed runs."""
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
    """Return every file and folder of the photo store, including temporary ones."""
    return {file.relative_to(data_dir) for file in (data_dir / "photos").rglob("*")}


def seconds_of_work(resources: Resources) -> float:
    """Return the duration of the last job, without imports and opening the database."""
    with resources.database.read() as session:
        (job,) = jobs.newest_jobs(session, limit=1)
    assert job.finished_at is not None
    return (job.finished_at - job.created_at).total_seconds()


@pytest.mark.timeout(120 + 25 * KILLS)
@once_and_often
def test_a_killed_and_repeated_ingest_leaves_the_same_data_as_an_undisturbed_one(
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
        for _ in range(min(photo_queue.MAX_ATTEMPTS - 1, kills - tally["kills"])):
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
