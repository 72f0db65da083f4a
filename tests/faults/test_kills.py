"""A server that is killed at random moments while listings are added, changed and deleted.

`LOOKALIKE_TEST_KILLS=50` kills it fifty times; the tally is printed with `pytest -s`.
"""

from __future__ import annotations

import hashlib
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

import httpx
import pytest

from db import photos
from tests.worlds import resources_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ml.bundle import Bundle
    from services.resources import Resources
    from tests.conftest import MakeJpeg

KILLS = int(os.environ.get("LOOKALIKE_TEST_KILLS", "4"))
LISTINGS = 6


@dataclass(frozen=True, slots=True)
class Stored:
    """What a listing is: its title, and the version of its photo."""

    title: str
    photo: str


Possible: TypeAlias = "set[Stored | None]"
"""What a listing may be, if it is there: two things where a change was not answered before the server died."""


class Shop:
    """Changes listings at random over REST, and keeps account of what was acknowledged."""

    def __init__(self, jpeg: MakeJpeg, seed: int) -> None:
        self._jpeg, self._random = jpeg, random.Random(seed)
        self.possible: dict[str, Possible] = {f"listing-{n}": {None} for n in range(LISTINGS)}
        self.tally: Counter[str] = Counter()

    def change(self, client: httpx.Client) -> None:
        """Make one change.

        Raises:
            httpx.TransportError: the server died before it answered; then the change is possible.
        """
        listing_id = self._random.choice(list(self.possible))
        change = self._random.choice((self._put, self._put, self._patch, self._delete))
        change(client, listing_id)

    def _put(self, client: httpx.Client, listing_id: str) -> None:
        title, photo = f"Title {self._random.random()}", self._jpeg(seed=self._random.randrange(10**6))
        wanted = Stored(title, hashlib.sha256(photo).hexdigest()[:16])
        before = self.possible[listing_id]
        self.possible[listing_id] = {*before, wanted}
        answer = client.put(
            f"/v1/listings/{listing_id}", data={"title": title, "category": "Home"}, files={"photos": ("a.jpg", photo)}
        )
        self._count("put", answer, {200, 201})
        self.possible[listing_id] = {wanted}

    def _patch(self, client: httpx.Client, listing_id: str) -> None:
        title, before = f"Title {self._random.random()}", self.possible[listing_id]
        changed = {stored and replace(stored, title=title) for stored in before}
        self.possible[listing_id] = before | changed
        answer = client.patch(f"/v1/listings/{listing_id}", json={"title": title})
        self._count("patch", answer, {200, 404})
        self.possible[listing_id] = {None} if answer.status_code == 404 else changed - {None}

    def _delete(self, client: httpx.Client, listing_id: str) -> None:
        self.possible[listing_id] = {*self.possible[listing_id], None}
        self._count("delete", client.delete(f"/v1/listings/{listing_id}"), {204, 404})
        self.possible[listing_id] = {None}

    def _count(self, kind: str, answer: httpx.Response, expected: set[int]) -> None:
        assert answer.status_code in expected, answer.text
        self.tally[f"{kind} {answer.status_code}"] += 1


@contextmanager
def serving(folder: Path, model: Bundle) -> Iterator[tuple[subprocess.Popen[bytes], httpx.Client]]:
    """Run a server on a free port of loopback while the block runs, ready to answer."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = os.environ | {"LOOKALIKE_DATA_DIR": str(folder / "data"), "LOOKALIKE_MODEL": str(model.path)}
    command = [sys.executable, "-m", "services.cli", "serve", "--port", str(port)]
    with (folder / "server.log").open("ab") as log:
        process = subprocess.Popen(command, env=environment, cwd=folder, stderr=log)
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20.0) as client:
                _wait_until_ready(process, client)
                yield process, client
        finally:
            process.kill()
            process.wait()


def _wait_until_ready(process: subprocess.Popen[bytes], client: httpx.Client) -> None:
    for _ in range(600):
        assert process.poll() is None, "the server ended by itself"
        try:
            if client.get("/health/ready").status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    pytest.fail("the server does not become ready")


def _wait_until_embedded(resources: Resources) -> None:
    for _ in range(600):
        with resources.database.read() as session:
            if not photos.any_pending(session):
                return
        time.sleep(0.05)
    pytest.fail("photos stay pending")


@pytest.mark.timeout(60 + 20 * KILLS)
def test_what_was_acknowledged_is_there_exactly_once_however_often_the_server_dies(
    tmp_path: Path, tiny_bundle: Bundle, jpeg: MakeJpeg
) -> None:
    seed = random.SystemRandom().randrange(10**6)
    shop, moments = Shop(jpeg, seed), random.Random(seed)
    for _ in range(KILLS):
        with serving(tmp_path, tiny_bundle) as (process, client):
            death = threading.Timer(moments.uniform(0.05, 1.5), process.send_signal, [signal.SIGKILL])
            death.start()
            try:
                while True:
                    shop.change(client)
            except httpx.TransportError:
                shop.tally["unanswered"] += 1
            death.join()
    with serving(tmp_path, tiny_bundle) as (_, client), resources_in(tmp_path / "data", model=tiny_bundle) as resources:
        _wait_until_embedded(resources)
        for listing_id, possible in shop.possible.items():
            answer = client.get(f"/v1/listings/{listing_id}")
            there = None
            if answer.status_code == 200:
                (photo,) = answer.json()["photos"]
                there = Stored(answer.json()["title"], photo["url"].partition("v=")[2])
            assert there in possible, (seed, listing_id)
        for index in client.get("/v1/admin/consistency").json():
            assert (index["missing"], index["extra"]) == ([], []), (seed, index["engine"])
        with resources.database.read() as session:
            assert photos.lease_owners(session) == []
    assert list((tmp_path / "data" / "photos").rglob("*.partial")) == []
    print(f"\n{KILLS} kills: {dict(shop.tally)}")
    assert shop.tally["unanswered"] == KILLS
