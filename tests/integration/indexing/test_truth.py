"""The truth behaves the same on SQLite and PostgreSQL."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import event
from sqlalchemy.exc import IntegrityError
from sqlmodel import SQLModel

from db import migrate
from db.models import FeedOperation, GenerationState, JobState, PhotoState
from db.rows import embeddings, feed, generations, jobs, listings, photo_queue, photos
from db.rows.payloads import payload_of
from db.rows.records import RejectedRecord
from db.vectors.base import Payload
from tests.truth import (
    DRILL,
    LAMP,
    MODEL,
    add_listings,
    add_photos,
    embed,
    new_embedding,
    register_model,
    stored_photo,
    unit_vector,
)

if TYPE_CHECKING:
    from db.rows.feed import Change
    from db.session import Database


LEASE = timedelta(minutes=5)


def changes(database: Database) -> list[Change]:
    with database.read() as session:
        return feed.changes_after(session, 0, 1000)


def claim(database: Database, owner: str, limit: int = 10, lease: timedelta = LEASE) -> list[int]:
    with database.write() as session:
        return [claimed.photo_id for claimed in photo_queue.claim(session, owner, limit=limit, lease=lease)]


def claim_alone(database: Database, owner: str) -> list[int]:
    with database.write() as session:
        claimed = photo_queue.claim_suspect(session, owner, lease=timedelta(seconds=-1))
    return [] if claimed is None else [claimed.photo_id]


def states(database: Database) -> dict[PhotoState, int]:
    with database.read() as session:
        return photos.state_counts(session)


def test_the_migrations_make_exactly_the_tables_of_the_models(database: Database) -> None:
    with database.read() as session:
        assert compare_metadata(MigrationContext.configure(session.connection()), SQLModel.metadata) == []


def test_upgrading_twice_changes_nothing(database: Database) -> None:
    before, after = migrate.upgrade(database)
    assert before == after
    assert migrate.is_current(database)


def test_what_was_stored_before_sellers_and_dates_has_neither_after_the_upgrade(database: Database) -> None:
    record = replace(LAMP, seller="ann", listed_at=datetime(2024, 1, 31, tzinfo=UTC))
    add_listings(database, record)
    with database.write() as session:
        feed.set_cursor(session, "qdrant:photos_g1", 5)
    with database.write() as session:
        config = migrate._config(session.connection())
        command.downgrade(config, "0007")
        command.upgrade(config, "head")
    with database.read() as session:
        (row,) = listings.listings_by_id(session, ["lamp"])
        assert (row.title, row.seller, row.listed_at) == ("Brass lamp", "", None)
        assert feed.cursor_of(session, "qdrant:photos_g1") == 5
        assert not feed.was_filled(session, "qdrant:photos_g1")


def test_a_points_payload_is_what_the_listing_says(database: Database) -> None:
    add_listings(database, replace(LAMP, seller="ann", listed_at=datetime(2024, 1, 31, 9, 30, 0, 900_000, UTC)))
    photo = stored_photo()
    ids = add_photos(database, photo)
    embed(database, *(new_embedding(photo_id, photo) for photo_id in ids))
    with database.read() as session:
        (point,) = embeddings.points(session, ids, model_version=MODEL)
    assert point.payload == Payload(
        listing_id="lamp",
        category="Home & Garden",
        price=12.5,
        locations=("delph, manchester", "delph", "manchester"),
        category_paths=("home & garden", "home & garden / lamps"),
        currency="GBP",
        region="manchester",
        seller="ann",
        listed_at=1706693400,
    )


def test_a_listing_without_a_date_counts_as_listed_when_it_was_added(database: Database) -> None:
    add_listings(database, LAMP)
    with database.read() as session:
        (row,) = listings.listings_by_id(session, ["lamp"])
        assert payload_of(row).listed_at == int(row.created_at.timestamp())


def test_points_are_read_with_one_query(database: Database) -> None:
    add_listings(database, LAMP, DRILL)
    stored = [stored_photo(), stored_photo("drill")]
    ids = add_photos(database, *stored)
    embed(database, *(new_embedding(i, photo) for i, photo in zip(ids, stored, strict=True)))
    asked: list[str] = []
    event.listen(database.engine, "before_cursor_execute", lambda *arguments: asked.append(arguments[2]))
    with database.read() as session:
        assert len(embeddings.points(session, ids, model_version=MODEL)) == 2
    assert len([statement for statement in asked if "SELECT" in statement]) == 1


def test_a_listing_comes_back_as_it_was_stored(database: Database) -> None:
    add_listings(database, replace(LAMP, price=Decimal("10000.05"), flags=("absurd_price",)))
    with database.read() as session:
        (row,) = listings.listings_by_id(session, ["lamp"])
    assert (row.price, row.category_path, row.flags) == (
        Decimal("10000.05"),
        ["Home & Garden", "Lamps"],
        ["absurd_price"],
    )
    assert row.created_at.utcoffset() == timedelta(0)


def test_the_same_listing_again_is_unchanged(database: Database) -> None:
    add_listings(database, LAMP)
    assert add_listings(database, LAMP, DRILL) == listings.UpsertCounts(inserted=1, updated=0, unchanged=1)


def test_a_changed_listing_puts_its_embedded_photos_on_the_feed(database: Database) -> None:
    add_listings(database, LAMP)
    first, _pending = add_photos(database, stored_photo(), stored_photo(external_id="p2"))
    embed(database, new_embedding(first, stored_photo()))
    add_listings(database, replace(LAMP, price=Decimal(9)))
    assert [(change.operation, change.photo_id) for change in changes(database)] == [(FeedOperation.UPSERT, first)] * 2


def test_a_deleted_listing_takes_photos_and_embeddings_along_and_says_so_on_the_feed(database: Database) -> None:
    add_listings(database, LAMP)
    (photo_id,) = add_photos(database, stored_photo())
    embed(database, new_embedding(photo_id, stored_photo()))
    with database.write() as session:
        assert listings.delete_listing(session, "lamp")
    with database.read() as session:
        assert photos.photos_by_id(session, [photo_id]) == []
        assert embeddings.embedding_count(session, model_version=MODEL) == 0
    assert changes(database)[-1].operation == FeedOperation.DELETE


def test_the_id_of_a_deleted_photo_is_never_given_again(database: Database) -> None:
    add_listings(database, LAMP)
    (gone,) = add_photos(database, stored_photo())
    with database.write() as session:
        listings.delete_listing(session, "lamp")
    add_listings(database, LAMP)
    assert add_photos(database, stored_photo()) > [gone]


def test_categories_are_counted_most_frequent_first(database: Database) -> None:
    add_listings(database, DRILL, LAMP, replace(LAMP, listing_id="vase"))
    with database.read() as session:
        assert list(listings.category_counts(session).items()) == [("Home & Garden", 2), ("DIY Tools & Materials", 1)]


def test_a_photo_with_other_bytes_is_pending_again_and_its_point_is_taken_out(database: Database) -> None:
    add_listings(database, LAMP)
    (photo_id,) = add_photos(database, stored_photo())
    embed(database, new_embedding(photo_id, stored_photo()))
    assert add_photos(database, stored_photo(content=b"other")) == [photo_id]
    assert states(database)[PhotoState.PENDING] == 1
    assert changes(database)[-1].operation == FeedOperation.DELETE
    with database.read() as session:
        assert embeddings.points(session, [photo_id], model_version=MODEL) == []


def test_registering_the_same_photo_again_is_unchanged(database: Database) -> None:
    add_listings(database, LAMP)
    add_photos(database, stored_photo())
    with database.write() as session:
        assert photos.register_photos(session, [stored_photo()]) == {"unchanged": 1}


def test_a_photo_of_an_unknown_listing_is_refused_by_the_database(database: Database) -> None:
    with pytest.raises(IntegrityError):
        add_photos(database, stored_photo("nobody"))


def test_a_claimed_photo_is_not_given_to_a_second_worker(database: Database) -> None:
    add_listings(database, LAMP)
    ids = add_photos(database, stored_photo(), stored_photo(external_id="p2"))
    assert claim(database, "a", limit=1) + claim(database, "b") == ids
    assert claim(database, "c") == []


def test_a_lease_that_ran_out_is_taken_over(database: Database) -> None:
    add_listings(database, LAMP)
    ids = add_photos(database, stored_photo())
    claim(database, "dead", lease=timedelta(seconds=-1))
    assert claim(database, "alive") == ids


def test_released_photos_are_pending_without_blame(database: Database) -> None:
    add_listings(database, LAMP)
    ids = add_photos(database, stored_photo())
    for _ in range(2 * photo_queue.MAX_ATTEMPTS):
        assert claim(database, "a") == ids
        with database.write() as session:
            assert photo_queue.release(session, "a", undo_attempt=True) == 1


def test_a_photo_that_kills_its_workers_ends_alone_and_fails_and_the_others_go_on(database: Database) -> None:
    add_listings(database, LAMP)
    poison, *others = add_photos(database, *(stored_photo(external_id=f"p{n}") for n in range(4)))
    blamed: list[list[int]] = []
    while claimed := claim(database, "worker", lease=timedelta(seconds=-1)) or claim_alone(database, "worker"):
        if poison not in claimed:
            embed(database, *(new_embedding(photo_id, stored_photo()) for photo_id in claimed))
        blamed.append(claimed)
    assert blamed[:2] == [[poison, *others]] * 2
    assert [poison] in blamed
    assert states(database) == {PhotoState.PENDING: 0, PhotoState.EMBEDDED: 3, PhotoState.FAILED: 1}


def test_an_embedding_of_bytes_that_were_replaced_meanwhile_is_not_stored(database: Database) -> None:
    add_listings(database, LAMP)
    (photo_id,) = add_photos(database, stored_photo())
    add_photos(database, stored_photo(content=b"newer"))
    assert embed(database, new_embedding(photo_id, stored_photo())) == 0
    assert states(database)[PhotoState.PENDING] == 1


def test_a_vector_comes_back_of_unit_length_within_float16(database: Database) -> None:
    add_listings(database, LAMP)
    (photo_id,) = add_photos(database, stored_photo())
    embed(database, new_embedding(photo_id, stored_photo(), seed=3))
    with database.read() as session:
        (point,) = embeddings.points(session, [photo_id], model_version=MODEL)
    assert np.linalg.norm(point.vector) == pytest.approx(1.0, abs=1e-6)
    assert np.abs(point.vector - unit_vector(3)).max() < 1e-3
    assert point.payload.price == 12.5
    assert point.payload.locations == ("delph, manchester", "delph", "manchester")


def test_all_points_are_read_in_batches_of_one_model_only(database: Database) -> None:
    add_listings(database, LAMP)
    stored = [stored_photo(external_id=f"p{n}") for n in range(5)]
    ids = add_photos(database, *stored)
    embed(database, *(new_embedding(photo_id, photo) for photo_id, photo in zip(ids, stored, strict=True)))
    embed(database, new_embedding(ids[0], stored[0]), model_version="model-b")
    with database.read() as session:
        batches = list(embeddings.all_points(session, model_version=MODEL, batch_size=2))
        assert [len(batch) for batch in batches] == [2, 2, 1]
        assert embeddings.embedded_ids(session, model_version="model-b") == ids[:1]
        missing = embeddings.photos_without(session, model_version="model-b", after=ids[1], limit=2)
        assert [photo.photo_id for photo in missing] == ids[2:4]
        assert embeddings.missing_count(session, model_version="model-b") == 4


def test_concurrent_read_modify_writes_lose_nothing(database: Database) -> None:
    with database.write() as session:
        job_id = jobs.create_job(session, "ingest", {})

    def increment(_: int) -> None:
        with database.write() as session:
            jobs.add_counts(session, job_id, {"listings_read": 1})

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(increment, range(80)))
    with database.read() as session:
        assert jobs.counts_of(session, job_id) == {"listings_read": 80}


def test_two_workers_share_the_queue_without_a_photo_twice(database: Database) -> None:
    add_listings(database, LAMP)
    ids = add_photos(database, *(stored_photo(external_id=f"p{n}") for n in range(60)))

    def work(owner: str) -> list[int]:
        taken: list[int] = []
        while claimed := claim(database, owner, limit=3):
            taken += claimed
        return taken

    with ThreadPoolExecutor(4) as pool:
        taken = [photo_id for part in pool.map(work, "abcd") for photo_id in part]
    assert sorted(taken) == ids


def test_a_follower_that_reads_while_others_append_sees_every_event_in_order(database: Database) -> None:
    seen: list[int] = []

    def append(number: int) -> None:
        with database.write() as session:
            feed.append(session, FeedOperation.UPSERT, [number])

    with ThreadPoolExecutor(8) as pool:
        waiting = [pool.submit(append, number) for number in range(120)]
        cursor = 0
        while len(seen) < 120:
            with database.read() as session:
                for change in feed.changes_after(session, cursor, 7):
                    seen.append(change.photo_id)
                    cursor = change.seq
        for future in waiting:
            future.result()
    assert sorted(seen) == list(range(120))


def test_only_one_generation_is_live_and_the_one_before_is_kept_as_previous(database: Database) -> None:
    register_model(database)
    with database.write() as session:
        first = generations.create_generation(session, MODEL)
        generations.promote_generation(session, first.id, photos=1)
        second = generations.create_generation(session, MODEL)
        generations.promote_generation(session, second.id, photos=2)
    with database.read() as session:
        assert [(one.id, one.state) for one in generations.generations(session)] == [
            (second.id, GenerationState.LIVE),
            (first.id, GenerationState.PREVIOUS),
        ]
        live = generations.live_generation(session)
    assert live is not None
    assert (live.collection, live.photos) == (f"photos_g{second.id}", 2)


def test_a_job_keeps_its_counts_rejects_and_outcome(database: Database) -> None:
    reject = RejectedRecord("a.csv", 7, "x", "price", "unreadable_price", "ten quid")
    with database.write() as session:
        job_id = jobs.create_job(session, "ingest", {"listings": "a.csv"})
        jobs.start_job(session, job_id)
        jobs.add_counts(session, job_id, {"listings_read": 2})
        jobs.add_rejects(session, job_id, [reject])
        jobs.finish_job(session, job_id, "it broke")
    with database.read() as session:
        job = jobs.find_job(session, job_id)
        assert job is not None
        assert (job.state, job.error, job.counts) == (JobState.FAILED, "it broke", {"listings_read": 2})
        assert list(jobs.rejects_of(session, job_id)) == [reject]


def test_an_interrupted_job_is_queued_again_with_an_empty_account(database: Database) -> None:
    with database.write() as session:
        job_id = jobs.create_job(session, "ingest", {})
        jobs.start_job(session, job_id)
        jobs.add_counts(session, job_id, {"listings_read": 2})
        assert [job.id for job in jobs.running_jobs(session)] == [job_id]
        jobs.requeue_job(session, job_id)
    with database.read() as session:
        job = jobs.oldest_queued_job(session)
    assert job is not None
    assert (job.id, job.counts, job.started_at) == (job_id, {}, None)
