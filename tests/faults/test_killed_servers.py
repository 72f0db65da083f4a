"""A server that is killed at random moments while listings are added, changed and deleted.

`LOOKALIKE_TEST_KILLS=50` kills it fifty times; the tally is printed with `pytest -s`.
"""

from __future__ import annotations

import random
import shutil
import threading
from contextlib import closing
from typing import TYPE_CHECKING

import httpx
import pytest

from db.rows import photo_queue
from db.session import Database
from services.lookup import find_listing
from tests.faults.shop import KILLS, Shop, once_and_often, serving, wait_until_embedded
from tests.waiting import PATIENCE_S
from tests.worlds import resources_in

if TYPE_CHECKING:
    from pathlib import Path

    from ml.bundle.bundle import Bundle
    from tests.conftest import MakeJpeg


@pytest.mark.timeout(60 + 20 * KILLS)
@once_and_often
def test_keeps_every_acknowledged_change_exactly_once_while_the_server_is_killed(
    tmp_path: Path, tiny_bundle: Bundle, jpeg: MakeJpeg, kills: int
) -> None:
    seed = random.SystemRandom().randrange(10**6)
    shop, moments = Shop(jpeg, seed), random.Random(seed)
    for _ in range(kills):
        with serving(tmp_path, tiny_bundle) as (process, client):
            death = threading.Timer(moments.uniform(0.05, 1.5), process.kill)
            death.start()
            try:
                while True:
                    shop.change(client)
            except httpx.TransportError:
                shop.tally["unanswered"] += 1
            death.join()
    with serving(tmp_path, tiny_bundle) as (_, client), resources_in(tmp_path / "data", model=tiny_bundle) as resources:
        wait_until_embedded(resources)
        assert (shop.lost(client), shop.doubled(client)) == ([], []), seed
        for index in client.get("/v1/admin/consistency").json():
            assert (index["missing"], index["extra"]) == ([], []), (seed, index["engine"])
        with resources.database.read() as session:
            assert photo_queue.lease_owners(session) == []
    assert list((tmp_path / "data" / "photos").rglob("*.partial")) == []
    print(f"\n{kills} kills: {dict(shop.tally)}")
    assert shop.tally["unanswered"] == kills


def test_a_server_that_sigterm_ends_leaves_all_changes_in_the_database_file(
    tmp_path: Path, tiny_bundle: Bundle
) -> None:
    with serving(tmp_path, tiny_bundle) as (process, client):
        listing = {"listing_id": "lamp", "title": "Lamp", "category": "Home"}
        assert client.post("/v1/listings", json=listing).status_code == 201
        process.terminate()
        process.join(PATIENCE_S)
        assert process.exitcode == 0
    assert list(tmp_path.glob("data/lookalike.sqlite-*")) == []
    shutil.copy(tmp_path / "data" / "lookalike.sqlite", tmp_path / "copy.sqlite")
    with closing(Database(f"sqlite:///{tmp_path / 'copy.sqlite'}")) as copy, copy.read() as session:
        assert find_listing(session, "lamp").title == "Lamp"
