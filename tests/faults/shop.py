"""Helpers for tests that kill processes: random changes over REST, and commands in child processes."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import random
import signal
import subprocess
import sys
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

import httpx
import pytest

from db.rows import feed, photo_queue, photos
from services.indexing.consistency import live_drift
from services.search.rest.photo_urls import photo_version
from tests.sites import free_port
from tests.waiting import PATIENCE_S, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.context import ForkServerProcess
    from multiprocessing.synchronize import Event
    from pathlib import Path

    from ml.bundle.bundle import Bundle
    from services.resources import Resources
    from tests.conftest import MakeJpeg

KILLS = int(os.environ.get("LOOKALIKE_TEST_KILLS", "4"))
once_and_often = pytest.mark.parametrize(
    "kills", [pytest.param(1, id="once"), pytest.param(KILLS, id="often", marks=pytest.mark.slow)]
)
LISTINGS = 6

FORKSERVER = multiprocessing.get_context("forkserver")
"""Forks processes that have finished their imports, which take longer than the work that most tests kill."""
FORKSERVER.set_forkserver_preload(["services.cli.main", "openvino", "tests.faults.reindexing_child", __name__])


@dataclass(frozen=True, slots=True)
class Stored:
    """The title and the photo version of a listing."""

    title: str
    photo: str


Possible: TypeAlias = "set[Stored | None]"
"""The possible states of a listing (None: absent): two after a change that the server died without answering."""


class Shop:
    """Changes random listings over REST, and tracks the acknowledged changes."""

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
        new = Stored(title, photo_version(hashlib.sha256(photo).hexdigest()))
        before = self.possible[listing_id]
        self.possible[listing_id] = {*before, new}
        answer = client.put(
            f"/v1/listings/{listing_id}", data={"title": title, "category": "Home"}, files={"photos": ("a.jpg", photo)}
        )
        self._count("put", answer, {200, 201})
        self.possible[listing_id] = {new}

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

    def lost(self, client: httpx.Client) -> list[str]:
        """Return the listings whose state is not an acknowledged one."""
        return [
            listing_id
            for listing_id, possible in self.possible.items()
            if possible.isdisjoint(_found(client, listing_id))
        ]

    def doubled(self, client: httpx.Client) -> list[str]:
        """Return the listings with more than one photo."""
        return [listing_id for listing_id in self.possible if len(_found(client, listing_id)) > 1]

    def _count(self, kind: str, answer: httpx.Response, expected: set[int]) -> None:
        assert answer.status_code in expected, answer.text
        self.tally[f"{kind} {answer.status_code}"] += 1


def _found(client: httpx.Client, listing_id: str) -> list[Stored | None]:
    """Return the state of the listing, once per photo."""
    answer = client.get(f"/v1/listings/{listing_id}")
    if answer.status_code == 404:
        return [None]
    listing = answer.json()
    return [Stored(listing["title"], photo["url"].partition("v=")[2]) for photo in listing["photos"]]


@contextmanager
def serving(folder: Path, model: Bundle, *, qdrant_url: str = "") -> Iterator[tuple[ForkServerProcess, httpx.Client]]:
    """Run a server on a free loopback port for the length of the block; it is ready when the block starts."""
    port = free_port()
    settings = {
        "LOOKALIKE_DATA_DIR": str(folder / "data"),
        "LOOKALIKE_MODEL": str(model.path),
        "LOOKALIKE_QDRANT_URL": qdrant_url,
    }
    with (
        commanding("serve", "--port", str(port), folder=folder, **settings) as process,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE_S) as client,
    ):
        wait_until_ready(process, client)
        yield process, client


@contextmanager
def commanding(*arguments: str, folder: Path, **settings: str) -> Iterator[ForkServerProcess]:
    """Run `lookalike ARGUMENTS` in the folder for the length of the block; `lookalike.log` there gets the output."""
    begun = FORKSERVER.Event()
    process = FORKSERVER.Process(target=_run, args=(arguments, folder, settings, begun))
    process.start()
    try:
        assert begun.wait(timeout=60)
        yield process
    finally:
        process.kill()
        process.join()


def _run(arguments: tuple[str, ...], folder: Path, settings: dict[str, str], begun: Event) -> None:
    os.environ.update(settings)
    os.chdir(folder)
    with (folder / "lookalike.log").open("ab") as log:
        os.dup2(log.fileno(), sys.stdout.fileno())
        os.dup2(log.fileno(), sys.stderr.fileno())
    sys.argv = ["lookalike", *arguments]
    from services.cli.main import main

    begun.set()
    main()


def wait_until_ready(process: subprocess.Popen[bytes] | ForkServerProcess, client: httpx.Client) -> None:
    """Wait until the server can answer searches."""

    def is_ready() -> bool:
        ended = process.poll() if isinstance(process, subprocess.Popen) else process.exitcode
        assert ended is None, f"the server ended by itself: {ended}"
        return answers(client, "/health/ready")

    wait_for(is_ready)


def answers(client: httpx.Client, path: str) -> bool:
    """Whether the server answers the path with 200."""
    try:
        return client.get(path).status_code == 200
    except httpx.TransportError:
        return False


def wait_until_embedded(resources: Resources) -> None:
    """Wait until no photo is pending."""

    def are_embedded() -> bool:
        with resources.database.read() as session:
            return not photos.any_pending(session)

    wait_for(are_embedded)


def embedded_photos(resources: Resources) -> list[int]:
    """Return the ids of embedded photos, once per embedding."""
    with resources.database.read() as session:
        return [change.photo_id for change in feed.changes_after(session, 0, 10**6)]


def assert_all_agree(resources: Resources) -> None:
    """Check that the database, FAISS and Qdrant agree, and that killed processes left nothing behind."""
    resources.live.refresh()
    drifts = live_drift(resources.database, resources.live.current())
    assert [drift.engine for drift in drifts] == ["faiss", "qdrant"]
    assert [drift for drift in drifts if not drift.is_empty] == []
    with resources.database.read() as session:
        assert photo_queue.lease_owners(session) == []
    assert [*(resources.settings.data_dir / "photos" / "partial").iterdir()] == []


class QdrantServer:
    """A Qdrant server on loopback ports that can be killed and restarted on the same storage."""

    def __init__(self, binary: str, folder: Path) -> None:
        folder.mkdir()
        http, grpc = free_port(), free_port()
        self.url, self._binary, self._folder = f"http://127.0.0.1:{http}", binary, folder
        self._environment = os.environ | {
            "QDRANT__SERVICE__HOST": "127.0.0.1",
            "QDRANT__SERVICE__HTTP_PORT": str(http),
            "QDRANT__SERVICE__GRPC_PORT": str(grpc),
            "QDRANT__STORAGE__STORAGE_PATH": str(folder / "storage"),
            "QDRANT__STORAGE__SNAPSHOTS_PATH": str(folder / "snapshots"),
            "QDRANT__TELEMETRY_DISABLED": "true",
            "QDRANT__LOG_LEVEL": "WARN",
        }

    def start(self) -> None:
        """Start the server, and return when it is ready."""
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._binary], env=self._environment, cwd=self._folder, stdout=log, stderr=log
            )
        with httpx.Client(base_url=self.url) as client:
            wait_for(lambda: self._is_ready(client))

    def _is_ready(self, client: httpx.Client) -> bool:
        assert self._process.poll() is None, (self._folder / "log").read_text()
        return answers(client, "/readyz")

    def freeze(self) -> None:
        """Stop the server's work: it accepts connections and answers none."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it work again."""
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """Kill the server with SIGKILL."""
        self._process.kill()
        self._process.wait()
