"""Concurrent changes of listings."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from litestar.testing import TestClient

from db.rows import feed, photos
from services.cli.serve import build_app
from tests.databases import on_both
from tests.integration.ingest.listings.calls import LAMP, create, get_listing
from tests.waiting import wait_for

if TYPE_CHECKING:
    from litestar import Litestar

    from services.resources import Resources
    from tests.conftest import MakeJpeg


@on_both
def test_only_one_of_many_concurrent_creations_of_an_id_succeeds(client: TestClient[Litestar], jpeg: MakeJpeg) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda n: create(client, "lamp", ("a.jpg", jpeg(n))).status_code, range(8)))
    assert sorted(answers) == [201, *[409] * 7]


@on_both
def test_keeps_concurrent_changes_of_different_fields(client: TestClient[Litestar]) -> None:
    client.post("/v1/listings", json={**LAMP, "listing_id": "lamp"})
    changes = [{"title": "New"}, {"price": 77}, {"location": "Ludlow"}, {"description": "Old"}]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda change: client.patch("/v1/listings/lamp", json=change), changes))
    stored = get_listing(client, "lamp")
    assert [stored[name] for name in ("title", "price", "location", "description")] == ["New", 77.0, "Ludlow", "Old"]


@on_both
def test_two_workers_embed_a_photo_once(client: TestClient[Litestar], resources: Resources, jpeg: MakeJpeg) -> None:
    with resources.database.read() as session:
        before = feed.last_seq(session)
    with TestClient(build_app(resources)):  # a second worker
        for number in range(6):
            create(client, f"lamp-{number}", ("a.jpg", jpeg(number)))
        wait_for(lambda: not pending(resources))
    with resources.database.read() as session:
        events = feed.changes_after(session, before, 100)
    assert sorted(event.photo_id for event in events) == sorted({event.photo_id for event in events})


def pending(resources: Resources) -> bool:
    with resources.database.read() as session:
        return photos.any_pending(session)
