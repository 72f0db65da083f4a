"""The queue of photos to embed: claims, leases and attempts, on SQLite and PostgreSQL."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING

from db.models import PhotoState
from db.rows import photo_queue
from tests.truth import (
    LAMP,
    add_listings,
    add_photos,
    embed,
    new_embedding,
    photo_states,
    stored_photo,
)

if TYPE_CHECKING:
    from db.session import Database


LEASE = timedelta(minutes=5)


def claim(database: Database, owner: str, limit: int = 10, lease: timedelta = LEASE) -> list[int]:
    with database.write() as session:
        return [claimed.photo_id for claimed in photo_queue.claim(session, owner, limit=limit, lease=lease)]


def claim_alone(database: Database, owner: str) -> list[int]:
    with database.write() as session:
        claimed = photo_queue.claim_suspect(session, owner, lease=timedelta(seconds=-1))
    return [] if claimed is None else [claimed.photo_id]


def test_a_claimed_photo_cannot_be_claimed_by_a_second_worker(database: Database) -> None:
    add_listings(database, LAMP)
    ids = add_photos(database, stored_photo(), stored_photo(external_id="p2"))
    assert claim(database, "a", limit=1) + claim(database, "b") == ids
    assert claim(database, "c") == []


def test_a_photo_with_an_expired_lease_can_be_claimed_again(database: Database) -> None:
    add_listings(database, LAMP)
    ids = add_photos(database, stored_photo())
    claim(database, "dead", lease=timedelta(seconds=-1))
    assert claim(database, "alive") == ids


def test_releasing_photos_can_undo_the_attempt(database: Database) -> None:
    add_listings(database, LAMP)
    ids = add_photos(database, stored_photo())
    for _ in range(2 * photo_queue.MAX_ATTEMPTS):
        assert claim(database, "a") == ids
        with database.write() as session:
            photo_queue.release(session, "a", undo_attempt=True)


def test_a_photo_that_kills_its_workers_is_isolated_and_failed_while_others_are_embedded(database: Database) -> None:
    add_listings(database, LAMP)
    poison, *others = add_photos(database, *(stored_photo(external_id=f"p{n}") for n in range(4)))
    blamed: list[list[int]] = []
    while claimed := claim(database, "worker", lease=timedelta(seconds=-1)) or claim_alone(database, "worker"):
        if poison not in claimed:
            embed(database, *(new_embedding(photo_id, stored_photo()) for photo_id in claimed))
        blamed.append(claimed)
    assert blamed[:2] == [[poison, *others]] * 2
    assert [poison] in blamed
    expected = {PhotoState.PENDING: 0, PhotoState.EMBEDDED: 3, PhotoState.FAILED: 1, PhotoState.SET_ASIDE: 0}
    assert photo_states(database) == expected


def test_parallel_workers_never_claim_the_same_photo(database: Database) -> None:
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
