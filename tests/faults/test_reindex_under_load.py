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

from tests.faults.shop import serving
from tests.projection import write_projection
from tests.waiting import succeeded, wait_for
from tests.worlds import ingest, marketplace, resources_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from ml.bundle.bundle import Bundle
    from tests.conftest import MakeJpeg

SEARCHES, CHANGES, LISTINGS = map(int, os.environ.get("LOOKALIKE_TEST_LOAD", "12,2,60").split(","))
SEARCHERS = 16
"""Each searches independently, so that a slow answer does not delay the others."""

STEADY = 40
"""Unchanged listings, each of which must be found at any time."""


@dataclass
class SearchLoad:
    """Searches and changes at a steady rate, each on a schedule of its own, and what came of them.

    Listings are added one after the other, `extra-0` first: each is found, and deleted, before the next is added. So
    once a search has found one, no later search may find an earlier one.

    Attributes:
        newest: number of the newest added listing that a search has found.
    """

    client: httpx.Client
    jpeg: MakeJpeg
    stop: threading.Event = field(default_factory=threading.Event)
    answered: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    models: dict[int, set[str]] = field(default_factory=dict)
    newest: int = 0
    random: random.Random = field(default_factory=lambda: random.Random(5))
    threads: list[threading.Thread] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self, work: Callable[[], None], every_s: float) -> None:
        """Do the work on schedule until stopped, and record failures."""
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
        """Run each schedule on a thread for the length of the block, or until `end`."""
        self.threads = [threading.Thread(target=self.run, args=one) for one in schedule]
        for thread in self.threads:
            thread.start()
        try:
            yield
        finally:
            self.end()

    def end(self) -> None:
        """Start no more requests, and wait for the current ones."""
        self.stop.set()
        for thread in self.threads:
            thread.join()

    def goes_on(self) -> None:
        """Wait for the answers to more searches and another change."""
        searches, changes = self.answered["search"], self.answered["change"]
        wait_for(lambda: self.answered["search"] >= searches + SEARCHERS and self.answered["change"] > changes + 2)

    def search(self) -> None:
        """Search by an unchanged listing, which must be found first, or by the last deleted one."""
        number = self.random.randrange(STEADY)
        if number % 5 == 0:
            best = self._search_by_photo(2 * number)["results"][0]
            assert (best["listing_id"], best["score"] > 0.99) == (f"listing-{number}", True), best
        elif number % 5 == 1:
            self._search_by_photo(_seed_of(max(0, self.newest - 1)))
        else:
            newest = self.newest
            answer = self.client.get(f"/v1/listings/listing-{number}/similar", params={"k": 12})
            self._check_found(self._checked("search", answer, 200), newest)

    def change(self) -> None:
        """Create a listing, wait until it is found, and delete it."""
        number = self.answered["change"] // 2
        form, photo = {"title": "Extra", "category": "Home"}, ("a.jpg", self.jpeg(_seed_of(number)))
        put = self.client.put(f"/v1/listings/extra-{number}", data=form, files={"photos": photo})
        self._checked("change", put, 201)
        wait_for(lambda: self._search_by_photo(_seed_of(number)) and self.newest == number)
        self._checked("change", self.client.delete(f"/v1/listings/extra-{number}"), 204)

    def _search_by_photo(self, seed: int) -> dict[str, Any]:
        newest, photo = self.newest, {"image": ("a.jpg", self.jpeg(seed))}
        found = self._checked("search", self.client.post("/v1/search", files=photo, data={"k": "12"}), 200)
        self._check_found(found, newest)
        return found

    def _checked(self, kind: str, answer: httpx.Response, status: int) -> dict[str, Any]:
        assert answer.status_code == status, f"{kind}: {answer.status_code} {answer.text}"
        with self.lock:
            self.answered[kind] += 1
        return answer.json() if answer.content else {}

    def _check_found(self, found: dict[str, Any], newest: int) -> None:
        """Check an answer; `newest` is the number that was so before the search was sent."""
        extras = [one["listing_id"] for one in found["results"] if one["listing_id"].startswith("extra-")]
        numbers = [int(listing_id.removeprefix("extra-")) for listing_id in extras]
        with self.lock:
            self.models.setdefault(found["generation"], set()).add(found["model_version"])
            self.newest = max(self.newest, *numbers, 0)
        assert all(number >= newest for number in numbers), f"deleted and found again: {extras}, after {newest}"


def _seed_of(number: int) -> int:
    """Return the photo seed of a created listing."""
    return 10_000 + number


@pytest.fixture
def under_load(tiny_bundle: Bundle, jpeg: MakeJpeg, tmp_path: Path) -> Iterator[tuple[SearchLoad, str]]:
    """A server under load, and the version of another registered model."""
    other = write_projection(tmp_path / "other", seed=1)
    with resources_in(tmp_path / "data", model=tiny_bundle) as resources:
        ingest(resources, marketplace(tmp_path / "shop", jpeg, count=LISTINGS).inputs)
        version = resources.models.register(other.path).version
    with serving(tmp_path, tiny_bundle) as (_process, client):
        load = SearchLoad(client, jpeg)
        searchers = [(load.search, SEARCHERS / SEARCHES)] * SEARCHERS
        with load.running([*searchers, (load.change, 1 / CHANGES)]):
            yield load, version


def differences(client: httpx.Client) -> list[tuple[list[int], list[int], list[int]]]:
    """Return the missing, extra and different photos of each index."""
    return [(one["missing"], one["extra"], one["different"]) for one in client.get("/v1/admin/consistency").json()]


@pytest.mark.timeout(280)
@pytest.mark.parametrize("turns", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_a_model_change_and_a_rollback_fail_no_request_and_restore_no_deleted_listing(
    under_load: tuple[SearchLoad, str], tiny_bundle: Bundle, turns: int
) -> None:
    load, version = under_load
    started = time.monotonic()
    load.goes_on()
    for turn in range(turns):
        succeeded(load.client, load.client.post("/v1/admin/reindex", json={"model_version": version, "force": True}))
        load.goes_on()
        live = load.client.get("/health/ready").json()["generation"]
        succeeded(load.client, load.client.post(f"/v1/admin/indexes/{live}/rollback"))
        load.goes_on()
        assert load.client.get("/health/ready").json()["model_version"] == tiny_bundle.version, turn
    load.end()
    print(f"\nunder load for {time.monotonic() - started:.0f} s: {dict(load.answered)}, generations {load.models}")
    assert load.failures == []
    assert len(load.models) == 1 + turns
    assert all(len(versions) == 1 for versions in load.models.values())
    wait_for(lambda: differences(load.client) == [([], [], [])] * 2)  # the last photo may be pending
