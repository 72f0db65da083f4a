"""An ingest job, from files to indexes."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from sqlmodel import select

from db.models import Embedding, FeedOperation, JobState, PhotoState
from db.rows import embeddings, feed, generations, jobs, listings, photo_queue, photos
from services.errors import ListingsFileError
from services.indexing.consistency import drift
from services.ingest.loading.inputs import IngestInputs, IngestOptions
from services.ingest.pipeline.ingest_job import create_ingest_job, run_ingest
from tests.databases import LIGHT_STACKS, STACKS, empty_qdrant, migrated_database_url
from tests.worlds import Killed, adds_up, ingest, listing_row, marketplace, resources_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ml.bundle.bundle import Bundle
    from services.resources import Resources
    from tests.conftest import MakeJpeg
    from tests.worlds import Marketplace


@pytest.fixture(params=LIGHT_STACKS)
def resources(
    request: pytest.FixtureRequest, tmp_path: Path, tiny_bundle: Bundle, live_data: Path
) -> Iterator[Resources]:
    database, qdrant = request.param
    if (database, qdrant) == ("sqlite", "edge"):
        with resources_in(tmp_path / "data", model=tiny_bundle, like=live_data) as opened:
            yield opened
        return
    with (
        migrated_database_url(database, tmp_path) as url,
        empty_qdrant(qdrant) as qdrant_url,
        resources_in(tmp_path / "data", model=tiny_bundle, database_url=url, qdrant_url=qdrant_url) as opened,
    ):
        yield opened


@pytest.fixture
def shop(tmp_path: Path, jpeg: MakeJpeg) -> Marketplace:
    return marketplace(tmp_path / "shop", jpeg)


def held_ids(resources: Resources) -> dict[str, list[int]]:
    """Return the photo ids in the database and in each index."""
    live = resources.live.current()
    resources.live.refresh()
    with resources.database.read() as session:
        embedded = embeddings.embedded_ids(session, model_version=live.generation.model_version)
    return {"database": embedded} | {engine: one.index.photo_ids().tolist() for engine, one in live.opened.items()}


@pytest.mark.parametrize("resources", STACKS, indirect=True)
def test_stores_every_listing_and_photo_in_the_database_and_both_indexes(
    resources: Resources, shop: Marketplace
) -> None:
    result = ingest(resources, shop.inputs)
    assert adds_up(result.summary)
    assert (result.summary.counts["listings_accepted"], result.summary.counts["photos_embedded"]) == (6, 12)
    held = held_ids(resources)
    assert len(held["database"]) == 12
    assert held["database"] == held["faiss"] == held["qdrant"]


def test_ingesting_the_same_files_twice_changes_nothing(resources: Resources, shop: Marketplace) -> None:
    ingest(resources, shop.inputs)
    with resources.database.read() as session:
        before = feed.last_seq(session)
    counts = ingest(resources, shop.inputs).summary.counts
    assert (counts["photos_embedded"], counts["listings_unchanged"], counts["photos_unchanged"]) == (0, 6, 12)
    with resources.database.read() as session:
        assert feed.last_seq(session) == before


@pytest.mark.parametrize("resources", STACKS, indirect=True)
def test_a_new_price_reaches_the_filters_without_embedding_again(resources: Resources, shop: Marketplace) -> None:
    ingest(resources, shop.inputs)
    shop.write_listings([listing_row(0, price="£999"), *(listing_row(n) for n in range(1, 6))])
    counts = ingest(resources, shop.inputs).summary.counts
    assert (counts["listings_updated"], counts["photos_embedded"]) == (1, 0)
    with resources.database.read() as session:
        photo_ids = [row.id for row in photos.photos_of(session, ["listing-0"])]
        (point, _) = embeddings.points(
            session, [i for i in photo_ids if i], model_version=resources.embedder().bundle.version
        )
    from db.vectors.base import Filter

    for engine in ("faiss", "qdrant"):
        hits = resources.live.current().index(engine).search(point.vector, 5, Filter(price_min=900))
        assert sorted(hit.photo_id for hit in hits) == photo_ids


def test_the_last_record_with_an_id_wins_and_the_first_is_reported(resources: Resources, shop: Marketplace) -> None:
    shop.write_listings([listing_row(0, price="£1"), listing_row(1), listing_row(0, price="£2")])
    summary = ingest(resources, shop.inputs).summary
    assert adds_up(summary)
    assert (summary.counts["listings_read"], summary.counts["listings_duplicates"]) == (3, 1)
    assert summary.reasons["duplicate_id"] == 1
    with resources.database.read() as session:
        (row,) = listings.listings_by_id(session, ["listing-0"])
        (reject,) = [r for r in jobs.rejects_of(session, summary.job_id) if r.reason == "duplicate_id"]
    assert row.price == 2
    assert (reject.record_id, reject.line) == ("listing-0", 2)


def test_reports_each_reject_with_its_reason_and_ingests_the_rest(
    resources: Resources, shop: Marketplace, jpeg: MakeJpeg
) -> None:
    shop.write_listings([listing_row(0), ["", "no id", "A / B", "", "£1", ""], ["x", "", "A", "", "£1", ""]])
    shop.write_photo("photo-0-a", b"<html>not a photo</html>")
    shop.write_photo("photo-0-b", jpeg()[:1500])
    shop.write_photo_table(
        [("photo-0-a", "listing-0"), ("photo-0-b", "listing-0"), ("gone", "listing-0"), ("photo-1-a", "nobody")]
        + [("photo-2-a", "listing-0")] * 2
    )
    summary = ingest(resources, shop.inputs).summary
    assert adds_up(summary)
    assert summary.reasons == {
        "missing_id": 1,
        "missing_title": 1,
        "not_an_image": 1,
        "missing_file": 1,
        "unknown_listing": 1,
        "duplicate_id": 1,
        "truncated": 1,
    }
    assert (summary.counts["photos_embedded"], summary.counts["photos_failed"]) == (1, 1)
    with resources.database.read() as session:
        told = {reject.reason: reject for reject in jobs.rejects_of(session, summary.job_id)}
    assert (told["missing_file"].file, told["missing_file"].line) == ("photos.csv", 4)
    assert told["missing_file"].text == "no photo 'gone' in the folder photos"
    assert told["truncated"].text.endswith("(photo of listing 'listing-0')")


def test_loads_photos_that_the_listing_rows_name(resources: Resources, shop: Marketplace, tmp_path: Path) -> None:
    from dataclasses import replace

    from services.ingest.feeds.mapping_files import read_columns

    (tmp_path / "rows.jsonl").write_text(
        '{"id": "a", "product_name": "A", "category": "C", "product_description": "", "price": "£1", '
        '"location": "", "pictures": "photo-0-a.jpg|photo-1-a.jpg"}\n'
    )
    (tmp_path / "columns.toml").write_text('[listings]\nphotos = "pictures"\n')
    inputs = replace(
        shop.inputs,
        listings=tmp_path / "rows.jsonl",
        photos_table=None,
        options=IngestOptions(columns=read_columns(tmp_path / "columns.toml")),
    )
    assert ingest(resources, inputs).summary.counts["photos_embedded"] == 2


@pytest.mark.parametrize("resources", STACKS, indirect=True)
def test_embeds_a_photo_again_when_its_bytes_change(resources: Resources, shop: Marketplace, jpeg: MakeJpeg) -> None:
    ingest(resources, shop.inputs)
    shop.write_photo("photo-0-a", jpeg(seed=99))
    counts = ingest(resources, shop.inputs).summary.counts
    assert (counts["photos_replaced"], counts["photos_embedded"]) == (1, 1)
    held = held_ids(resources)
    assert len(held["database"]) == 12
    assert held["database"] == held["faiss"] == held["qdrant"]


def test_an_unreadable_file_fails_the_job_and_writes_nothing(resources: Resources, shop: Marketplace) -> None:
    shop.inputs.listings.write_bytes(b"")
    job_id = create_ingest_job(resources, shop.inputs)
    with pytest.raises(ListingsFileError, match=r"listings\.csv"):
        run_ingest(resources, job_id, shop.inputs)
    with resources.database.read() as session:
        job = jobs.find_job(session, job_id)
        assert listings.listing_count(session) == 0
    assert job is not None
    assert job.state == JobState.FAILED
    assert "listings.csv" in (job.error or "")


@pytest.mark.parametrize("wrong", [{"photos": "nothing"}, {"photos_table": "nothing.csv"}])
def test_writes_nothing_when_the_photos_cannot_be_opened(
    resources: Resources, shop: Marketplace, wrong: dict[str, str]
) -> None:
    inputs = replace(shop.inputs, **{name: shop.folder / path for name, path in wrong.items()})
    with pytest.raises(ListingsFileError, match="nothing"):
        ingest(resources, inputs)
    with resources.database.read() as session:
        assert listings.listing_count(session) == 0


def test_tries_and_reports_a_failed_photo_again(resources: Resources, shop: Marketplace, jpeg: MakeJpeg) -> None:
    shop.write_photo("photo-0-a", jpeg(seed=0)[:1500])
    for _ in range(2):
        summary = ingest(resources, shop.inputs).summary
        assert (summary.counts["photos_failed"], summary.reasons) == (1, {"truncated": 1})


def test_recovers_lost_photo_files_when_they_are_ingested_again(
    tmp_path: Path, tiny_bundle: Bundle, shop: Marketplace
) -> None:
    with resources_in(tmp_path / "data") as without_model:
        ingest(without_model, shop.inputs)
    shutil.rmtree(tmp_path / "data" / "photos")
    with resources_in(tmp_path / "data", model=tiny_bundle) as resources:
        assert ingest(resources, IngestInputs(shop.inputs.listings)).summary.counts["photos_failed"] == 12
        assert ingest(resources, shop.inputs).summary.counts["photos_embedded"] == 12


def test_the_next_run_embeds_a_photo_that_the_live_model_lacks(resources: Resources, shop: Marketplace) -> None:
    ingest(resources, shop.inputs)
    with resources.database.write() as session:
        embedding = session.exec(select(Embedding)).first()
        assert embedding is not None
        session.delete(embedding)
        feed.append(session, FeedOperation.DELETE, [embedding.photo_id])
    assert ingest(resources, shop.inputs).summary.counts["photos_embedded"] == 1
    held = held_ids(resources)
    assert held["database"] == held["faiss"] == held["qdrant"]
    assert len(held["database"]) == 12


def test_a_job_waits_for_photos_that_another_worker_has_claimed(resources: Resources, shop: Marketplace) -> None:
    other_worker, seen = "another machine:1:1:worker", []

    def claim_then_release(stage: str, done: int, _total: int | None) -> None:
        seen.append((stage, done))
        with resources.database.write() as session:
            if stage == "store photos":
                assert len(photo_queue.claim(session, other_worker, limit=5, lease=timedelta(minutes=5))) == 5
            elif stage == "embed photos" and done == 7:
                photo_queue.release(session, other_worker, undo_attempt=True)

    result = run_ingest(resources, create_ingest_job(resources, shop.inputs), shop.inputs, claim_then_release)
    assert ("embed photos", 7) in seen
    assert result.summary.counts["photos_embedded"] == 12


def test_a_disk_that_fills_up_while_embedding_ends_the_job_at_once(
    tmp_path: Path, tiny_bundle: Bundle, live_data: Path, shop: Marketplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fill_up(*_arguments: object, **_options: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("services.ingest.pipeline.embedding.embeddings.save_embeddings", fill_up)
    with (
        resources_in(tmp_path / "data", model=tiny_bundle, like=live_data) as resources,
        pytest.raises(OSError, match="No space left"),
    ):
        ingest(resources, shop.inputs)


def test_photos_stay_pending_without_a_model(tmp_path: Path, shop: Marketplace) -> None:
    with resources_in(tmp_path / "data") as resources:
        assert ingest(resources, shop.inputs).embedding_seconds is None
        with resources.database.read() as session:
            assert photos.state_counts(session)[PhotoState.PENDING] == 12


def test_rebuilds_lost_indexes_from_the_database_without_the_model(
    tmp_path: Path, tiny_bundle: Bundle, shop: Marketplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    with resources_in(tmp_path / "data", model=tiny_bundle) as resources:
        ingest(resources, shop.inputs)
        expected = held_ids(resources)
    shutil.rmtree(tmp_path / "data" / "indexes")
    monkeypatch.delattr("services.resources.open_embedder")
    with resources_in(tmp_path / "data") as resources:
        assert held_ids(resources) == expected


def test_the_next_run_completes_an_aborted_one(resources: Resources, shop: Marketplace) -> None:
    def die(stage: str, _done: int, _total: int | None) -> None:
        if stage == "embed photos":
            raise Killed

    with pytest.raises(Killed):
        run_ingest(resources, create_ingest_job(resources, shop.inputs), shop.inputs, die)
    ingest(resources, shop.inputs)
    held = held_ids(resources)
    assert len(held["database"]) == 12
    assert held["database"] == held["faiss"] == held["qdrant"]


@pytest.mark.slow
def test_a_killed_and_repeated_run_ends_with_the_counts_of_an_undisturbed_one(
    tmp_path: Path, tiny_bundle: Bundle, jpeg: MakeJpeg
) -> None:
    shop = marketplace(tmp_path / "shop", jpeg, count=300)
    command = [sys.executable, "-m", "services.cli", "ingest", *_arguments(shop, tmp_path)]
    environment = os.environ | {
        "LOOKALIKE_DATA_DIR": str(tmp_path / "data"),
        "LOOKALIKE_MODEL": str(tiny_bundle.path),
    }
    with resources_in(tmp_path / "data") as watching:
        killed = subprocess.Popen(command, env=environment, cwd=tmp_path)
        while killed.poll() is None:
            with watching.database.read() as session:
                live = generations.live_generation(session)
                if live and embeddings.embedding_count(session, model_version=live.model_version):
                    killed.send_signal(signal.SIGKILL)
                    break
        assert killed.wait() == -signal.SIGKILL
        with watching.database.read() as session:
            assert photos.state_counts(session)[PhotoState.PENDING] > 0
    subprocess.run(command, env=environment, cwd=tmp_path, check=True)
    with resources_in(tmp_path / "data") as resources:
        assert {engine: len(ids) for engine, ids in held_ids(resources).items()} == {
            "database": 600,
            "faiss": 600,
            "qdrant": 600,
        }
        live = resources.live.current()
        for opened in live.opened.values():
            assert drift(resources.database, opened.index, model_version=live.generation.model_version).is_empty


def _arguments(shop: Marketplace, folder: Path) -> list[str]:
    inputs = shop.inputs
    return [
        str(inputs.listings),
        f"--photos-table={inputs.photos_table}",
        f"--photo-dir={inputs.photos}",
        f"--rejects={folder / 'rejects.csv'}",
    ]
