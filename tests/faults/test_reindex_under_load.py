"""Another model takes over, and the first one again, while a server searches and takes changes: nobody notices.

`LOOKALIKE_TEST_LOAD=50,5,600` makes it 50 searches and 5 changes in a second, and 600 listings of two photos to embed
anew; the tally is printed with `pytest -s`.
"""

from __future__ import annotations

import os
import random
import threading
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.projection import write_projection
from tests.faults.test_kills import serving
from tests.worlds import ingest, marketplace, resources_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from ml.bundle import Bundle
    from tests.conftest import MakeJpeg

SEARCHES, CHANGES, LISTINGS = map(int, os.environ.get("LOOKALIKE_TEST_LOAD", "12,2,60").split(","))
SEARCHERS = 16
"""Each searches on its own, so that a slow answer does not keep the others from asking."""

STEADY = 40
"""Listings that nobody changes: each must be found at any time."""

SETTLES_S = 1.5
"""How long a deleted listing may still be found: the indexes follow twice a second, and a search may be under way."""


@dataclass
class Load:
    """Searches and changes at a steady rate, each on a schedule of its own, and what came of them."""

    client: httpx.Client
    jpeg: MakeJpeg
    stop: threading.Event = field(default_factory=threading.Event)
    answered: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    models: dict[int, set[str]] = field(default_factory=dict)
    deleted_at: dict[str, float] = field(default_factory=dict)
    random: random.Random = field(default_factory=lambda: random.Random(5))
    threads: list[threading.Thread] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self, work: Callable[[], None], every_s: float) -> None:
        """Do the work on schedule until stopped; what goes wrong is kept."""
        due = time.monotonic()
        while not self.stop.is_set():
            try:
                work()
            except (httpx.HTTPError, AssertionError) as error:
                with self.lock:
                    self.failures.append(repr(error))
            due += every_s
            self.stop.wait(max(0.0, due - time.monotonic()))

    @contextmanager
    def running(self, schedule: list[tuple[Callable[[], None], float]]) -> Iterator[None]:
        """Run each on a thread while the block runs, or until `end`."""
        self.threads = [threading.Thread(target=self.run, args=one) for one in schedule]
        for thread in self.threads:
            thread.start()
        try:
            yield
        finally:
            self.end()

    def end(self) -> None:
        """Begin nothing more, and wait for what is under way."""
        self.stop.set()
        for thread in self.threads:
            thread.join()

    def search(self) -> None:
        """Search by a listing or a photo that nobody changes; its photos are the nearest of all."""
        number = self.random.randrange(STEADY)
        if number % 5:
            answer = self.client.get(f"/v1/listings/listing-{number}/similar", params={"k": 12})
        else:
            photo = {"image": ("a.jpg", self.jpeg(2 * number))}
            answer = self.client.post("/v1/search", files=photo, data={"k": "12"})
        asked_at = time.monotonic() - answer.elapsed.total_seconds()
        found = self._checked("search", answer, 200)
        if number % 5 == 0:
            best = found["results"][0]
            assert (best["listing_id"], best["score"] > 0.99) == (f"listing-{number}", True), best
        self._check_one_generation(found, asked_at)

    def change(self) -> None:
        """Add a listing, or delete one that was added."""
        with self.lock:
            added = self.answered["change"]
        listing_id = f"extra-{added // 2}"
        if added % 2:
            self._checked("change", self.client.delete(f"/v1/listings/{listing_id}"), 204)
            self.deleted_at[listing_id] = time.monotonic()
        else:
            form, photo = {"title": "Extra", "category": "Home"}, ("a.jpg", self.jpeg(10_000 + added))
            answer = self.client.put(f"/v1/listings/{listing_id}", data=form, files={"photos": photo})
            self._checked("change", answer, 201)

    def _checked(self, kind: str, answer: httpx.Response, status: int) -> dict[str, Any]:
        assert answer.status_code == status, f"{kind}: {answer.status_code} {answer.text}"
        with self.lock:
            self.answered[kind] += 1
        return answer.json() if answer.content else {}

    def _check_one_generation(self, found: dict[str, Any], asked_at: float) -> None:
        with self.lock:
            self.models.setdefault(found["generation"], set()).add(found["model_version"])
            gone = {listing for listing, at in self.deleted_at.items() if asked_at - at > SETTLES_S}
        back = gone & {result["listing_id"] for result in found["results"]}
        assert not back, f"deleted and found again: {back}"


@pytest.fixture
def under_load(tiny_bundle: Bundle, jpeg: MakeJpeg, tmp_path: Path) -> Iterator[tuple[Load, str]]:
    """A server under load, and the version of another model that it knows."""
    other = write_projection(tmp_path / "other", seed=1)
    with resources_in(tmp_path / "data", model=tiny_bundle) as resources:
        ingest(resources, marketplace(tmp_path / "shop", jpeg, count=LISTINGS).inputs)
        version = resources.register_bundle(other.path).version
    with serving(tmp_path, tiny_bundle) as (_process, client):
        load = Load(client, jpeg)
        searchers = [(load.search, SEARCHERS / SEARCHES)] * SEARCHERS
        with load.running([*searchers, (load.change, 1 / CHANGES)]):
            yield load, version


def differences(client: httpx.Client) -> list[tuple[list[int], list[int], list[int]]]:
    """Return the photos that each index lacks, has too many, and holds otherwise."""
    return [(one["missing"], one["extra"], one["different"]) for one in client.get("/v1/admin/consistency").json()]


def finished(client: httpx.Client, answer: httpx.Response) -> None:
    """Wait for the job that was queued."""
    assert answer.status_code == 202, answer.text
    for _ in range(1200):
        job = client.get(f"/v1/jobs/{answer.json()['job_id']}").json()
        if job["state"] not in ("queued", "running"):
            assert job["state"] == "succeeded", job
            return
        time.sleep(0.05)
    pytest.fail("the job does not end")


@pytest.mark.timeout(280)
def test_a_change_of_model_and_a_rollback_fail_no_request_and_bring_no_deleted_listing_back(
    under_load: tuple[Load, str], tmp_path: Path, tiny_bundle: Bundle
) -> None:
    load, version = under_load
    started = time.monotonic()
    time.sleep(2)
    for turn in range(2):
        finished(load.client, load.client.post("/v1/admin/reindex", json={"model_version": version, "force": True}))
        time.sleep(2)
        live = load.client.get("/health/ready").json()["generation"]
        finished(load.client, load.client.post(f"/v1/admin/indexes/{live}/rollback"))
        time.sleep(2)
        assert load.client.get("/health/ready").json()["model_version"] == tiny_bundle.version, turn
    seconds = time.monotonic() - started
    load.end()
    counts = {kind: f"{count} ({count / seconds:.0f}/s)" for kind, count in load.answered.items()}
    print(
        f"\nunder load for {seconds:.0f} s: {counts}, {len(load.failures)} failed, models by generation {load.models}"
    )
    assert load.failures == []
    assert len(load.models) >= 3
    assert all(len(versions) == 1 for versions in load.models.values())
    drifts = differences(load.client)
    for _ in range(50):  # the last photo may still be on its way
        if not any(map(any, drifts)):
            break
        time.sleep(0.1)
        drifts = differences(load.client)
    assert drifts == [([], [], [])] * 2
