"""A Qdrant server that is killed at random moments while listings change.

It needs `LOOKALIKE_TEST_QDRANT_BINARY`, the path of a Qdrant server. `LOOKALIKE_TEST_KILLS=50` kills it fifty times;
the tally is printed with `pytest -s`.
"""

from __future__ import annotations

import os
import random
import threading
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from tests.faults.shop import (
    KILLS,
    QdrantServer,
    Shop,
    serving,
    wait_until_embedded,
)
from tests.waiting import wait_for
from tests.worlds import resources_in

if TYPE_CHECKING:
    from pathlib import Path

    import httpx

    from ml.bundle.bundle import Bundle
    from tests.conftest import MakeJpeg

QDRANT_BINARY = os.environ.get("LOOKALIKE_TEST_QDRANT_BINARY", "")


def change_for(seconds: float, shop: Shop, client: httpx.Client) -> None:
    """Make changes for this long; each must be acknowledged."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        shop.change(client)


def found_by(client: httpx.Client, photo: bytes) -> str:
    """Search Qdrant by photo; return the engine that answered."""
    answer = client.post("/v1/search", data={"engine": "qdrant"}, files={"image": ("a.jpg", photo)})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["engine"])


def wait_until_indexed(client: httpx.Client) -> None:
    """Wait until both indexes agree with the database."""

    def agree() -> bool:
        answer = client.get("/v1/admin/consistency")
        assert answer.status_code == 200, answer.text
        return not any(one["missing"] + one["extra"] + one["different"] for one in answer.json())

    wait_for(agree)


@pytest.mark.server
@pytest.mark.skipif(not QDRANT_BINARY, reason="LOOKALIKE_TEST_QDRANT_BINARY does not name a Qdrant server to run")
@pytest.mark.timeout(60 + 15 * KILLS)
def test_acknowledges_and_indexes_every_change_while_qdrant_is_killed(
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
        wait_until_indexed(client)
        wait_for(lambda: found_by(client, jpeg(seed=seed)) == "qdrant")
        lost, doubled = shop.lost(client), shop.doubled(client)
    acknowledged = sum(shop.tally.values())
    print(f"\nQdrant, {KILLS} kills: {acknowledged} changes acknowledged, {len(lost)} lost, {len(doubled)} doubled")
    assert (lost, doubled) == ([], []), seed
