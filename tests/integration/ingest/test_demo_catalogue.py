"""The demo's catalogue is ingested with the shipped model while it is drawn."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from db.models import JobState
from db.rows import duplicates, embeddings, generations, jobs, recall
from ml.bundle.bundle import Bundle
from ml.sample import MODEL, write_sample_tables
from ml.sample.render import render_photos
from services.cli.serve import background_work
from services.ingest.models.evaluation import latest_report
from services.ingest.models.stored_quality import measure_stored
from services.ingest.pipeline.job_progress import JobCancelled
from services.ingest.sample import DrawnPhotos, find_copies, ingest_sample, write_report
from services.search.sample import audit_sample_searches
from tests.worlds import adds_up, resources_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from services.ingest.loading.ledger import IngestSummary
    from services.resources import Resources

ITEMS, REPOSTS = 39, 2
LISTINGS = ITEMS + REPOSTS
SOUND_PHOTOS = 2 * (LISTINGS - 1)


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo") / "catalogue"


@pytest.fixture(scope="module")
def resources(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Resources]:
    with resources_in(tmp_path_factory.mktemp("data")) as opened:
        opened.begin_with(MODEL)
        yield opened


@pytest.fixture(scope="module")
def summary(resources: Resources, catalogue: Path) -> IngestSummary:
    return ingest_sample(resources, catalogue, listings=ITEMS, reposts=REPOSTS, progress=_silent)


def _silent(_stage: str, _done: int, _total: int | None) -> None:
    pass


def test_embeds_and_indexes_every_readable_photo(resources: Resources, summary: IngestSummary) -> None:
    counts = summary.counts
    assert adds_up(summary)
    assert (counts["listings_accepted"], counts["photos_embedded"]) == (LISTINGS, SOUND_PHOTOS)
    assert {opened.index.count() for opened in resources.live.current().opened.values()} == {SOUND_PHOTOS}


@pytest.mark.usefixtures("summary")
def test_the_shipped_model_recognises_drawn_items(resources: Resources) -> None:
    measured = measure_stored(resources, Bundle.load(MODEL).version)
    assert measured["photos"] == SOUND_PHOTOS
    assert measured["category_accuracy"] >= 0.9
    assert measured["same_listing_recall_at_5"] >= 0.9  # the first may be a copy in another listing


@pytest.mark.usefixtures("summary")
def test_measures_quality_on_the_given_listings_only(resources: Resources) -> None:
    version = Bundle.load(MODEL).version
    with resources.database.read() as session:
        point = next(embeddings.all_points(session, model_version=version))[0]
    assert measure_stored(resources, version, listing_ids=[point.payload.listing_id])["photos"] == 2
    assert measure_stored(resources, "another model") == {}


@pytest.mark.usefixtures("summary")
def test_finds_the_photos_of_items_that_were_posted_again(resources: Resources, tmp_path: Path) -> None:
    seen: list[int] = []
    pairs = find_copies(resources, lambda _stage, done, _total: seen.append(done), served=False)
    assert seen[-1] == SOUND_PHOTOS
    assert find_copies(resources, _silent, served=True) == pairs  # nothing is left to wait for
    drawn = write_sample_tables(tmp_path, listings=ITEMS, reposts=REPOSTS).listings
    first = {one.seed: one.listing_id for one in drawn if not one.edits}
    with resources.database.read() as session:
        found = {frozenset((link.listing_id, link.other_listing_id)) for link in duplicates.links(session)}
    assert found == {frozenset((one.listing_id, first[one.seed])) for one in drawn if one.edits}


@pytest.mark.usefixtures("summary")
def test_searches_are_audited_once_a_day(resources: Resources) -> None:
    assert audit_sample_searches(resources) > 0
    assert audit_sample_searches(resources) == 0
    with resources.database.read() as session:
        live = generations.live_generation(session)
        assert live is not None
        tallies = recall.latest(session, live.id)
    assert {plan for _, plan, _ in tallies} == {"faiss exact", "qdrant exact"}
    assert {tally.recall for tally in tallies.values()} == {1.0}


@pytest.mark.usefixtures("summary")
def test_the_model_gets_one_report_on_all_listings(resources: Resources) -> None:
    page = write_report(resources, _silent)
    assert page is not None
    assert page == latest_report(resources.settings, Bundle.load(MODEL).version)
    assert f"{SOUND_PHOTOS} photos" in page.read_text(encoding="utf-8")
    assert write_report(resources, _silent) is None


def test_a_second_run_stores_and_embeds_nothing(resources: Resources, summary: IngestSummary, catalogue: Path) -> None:
    again = ingest_sample(resources, catalogue, listings=ITEMS, reposts=REPOSTS, progress=_silent)
    counts = again.counts
    assert again.job_id != summary.job_id
    assert (counts["photos_new"], counts["photos_embedded"]) == (0, 0)
    assert counts["photos_unchanged"] == summary.counts["photos_accepted"]


def test_a_stopped_run_is_cancelled_and_the_next_one_continues(tmp_path: Path) -> None:
    def stop(stage: str, _done: int, _total: int | None) -> None:
        if stage == "store photos":
            raise JobCancelled

    with resources_in(tmp_path / "data") as resources:
        resources.begin_with(MODEL)
        with pytest.raises(JobCancelled):
            ingest_sample(resources, tmp_path / "catalogue", listings=26, progress=stop)
        with resources.database.read() as session:
            (job,) = jobs.newest_jobs(session, limit=9)
            assert job.state == JobState.CANCELLED
        resumed = ingest_sample(resources, tmp_path / "catalogue", listings=26, progress=_silent)
        assert resumed.counts["photos_unchanged"] > 0
        with resources.database.read() as session:
            live = generations.live_generation(session)
            assert live is not None
            assert embeddings.embedding_count(session, model_version=live.model_version) == 50


def test_draws_the_same_photos_as_the_sample(tmp_path: Path) -> None:
    rendered = write_sample_tables(tmp_path / "rendered", listings=26)
    render_photos(rendered.listings, rendered.photos, None)
    sample = write_sample_tables(tmp_path / "begun", listings=26)
    with DrawnPhotos(sample, threads=1) as drawn:
        for file in rendered.photos.iterdir():
            assert drawn.find(file.stem) == file.name
            assert drawn.read(file.name) == file.read_bytes()
        last = sample.listings[-1].photo_ids[0]
        assert drawn.find(last) == f"{last}.jpg"
        assert drawn.find("nobody") is None


def test_background_work_that_fails_stops_the_server_and_raises() -> None:
    server = SimpleNamespace(should_exit=False)

    def fail(_stopping: threading.Event) -> None:
        raise OSError("disk full")

    def serve() -> None:
        waited = threading.Event()
        while not server.should_exit:
            waited.wait(0.01)

    with pytest.raises(OSError, match="disk full"), background_work(server, fail):  # type: ignore[arg-type]
        serve()


def test_background_work_is_stopped_when_the_server_ends() -> None:
    stopped = []

    def work(stopping: threading.Event) -> None:
        stopped.append(stopping.wait(30))

    with background_work(SimpleNamespace(should_exit=False), work):  # type: ignore[arg-type]
        pass
    assert stopped == [True]
