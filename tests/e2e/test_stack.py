"""The whole stack of compose.yaml, in containers: ingest over REST, search, reindex, restarts and volumes.

It needs the image (`docker compose build`), the demo in data/demo (`make demo`), and LOOKALIKE_TEST_COMPOSE with the
command to run, such as `docker compose`.
"""

from __future__ import annotations

import csv
import io
import json
import os
import secrets
import shlex
import subprocess
import time
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import httpx
import pytest
from PIL import Image, ImageChops

from tests.sites import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Value = TypeVar("Value")

COMPOSE = os.environ.get("LOOKALIKE_TEST_COMPOSE", "")
ROOT = Path(__file__).parents[2]
DEMO = ROOT / "data" / "demo"
SERVICES = ("postgres", "qdrant", "ingest", "worker", "search")

pytestmark = [
    pytest.mark.stack,
    pytest.mark.timeout(600),
    pytest.mark.skipif(not COMPOSE, reason="LOOKALIKE_TEST_COMPOSE names no command for compose.yaml"),
    pytest.mark.skipif(not (DEMO / "demo.json").exists(), reason="no model: make demo DEMO=--no-serve"),
]


@dataclass(frozen=True, slots=True)
class Stack:
    """The running stack: the environment of its compose commands, and clients of its two services."""

    environment: dict[str, str]
    search: httpx.Client
    ingest: httpx.Client

    def compose(self, *arguments: str) -> None:
        """Run a compose command; fail the test if the command fails."""
        command = [*shlex.split(COMPOSE), "--project-name", "lookalike-test", *arguments]
        completed = subprocess.run(
            command, cwd=ROOT, env=self.environment, capture_output=True, text=True, timeout=180, check=False
        )
        print(completed.stdout, completed.stderr)
        assert completed.returncode == 0, f"{' '.join(command)} failed"

    def search_by_photo(self, photo: Path, **fields: str) -> list[dict[str, Any]]:
        answer = self.search.post("/v1/search", files={"image": photo.read_bytes()}, data={"k": "5", **fields})
        assert answer.status_code == 200, answer.text
        return answer.json()["results"]

    def wait_for_job(self, job_id: str) -> dict[str, Any]:
        """Wait until a job has ended; return the job."""
        return eventually(lambda: if_ended(self.ingest.get(f"/v1/jobs/{job_id}").json()))


def if_ended(job: dict[str, Any]) -> dict[str, Any] | None:
    return None if job["state"] in ("queued", "running") else job


def eventually(check: Callable[[], Value | None], *, seconds: float = 120) -> Value:
    """Call `check` until its result is true; return the result."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            if result := check():
                return result
            problem = "no answer"
        except (httpx.HTTPError, AssertionError) as error:
            problem = repr(error)
        assert time.monotonic() < deadline, problem
        time.sleep(0.5)


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """A new, empty stack; its containers and volumes are removed afterwards."""
    search_port, ingest_port = free_port(), free_port()
    version = json.loads((DEMO / "demo.json").read_text())["model_version"]
    environment = os.environ | {
        "POSTGRES_PASSWORD": secrets.token_hex(16),
        "QDRANT_API_KEY": secrets.token_hex(16),
        "MODEL_DIR": str(DEMO / "models" / version),
        "SEARCH_PORT": str(search_port),
        "INGEST_PORT": str(ingest_port),
    }
    with (
        httpx.Client(base_url=f"http://127.0.0.1:{search_port}", timeout=60) as search,
        httpx.Client(base_url=f"http://127.0.0.1:{ingest_port}", timeout=60) as ingest,
    ):
        running = Stack(environment, search, ingest)
        try:
            running.compose("up", "--detach")
            eventually(lambda: search.get("/health/ready").is_success)
            eventually(lambda: ingest.get("/health/ready").is_success)
            yield running
        finally:
            running.compose("logs", "--tail", "20")
            running.compose("down", "--volumes")


@pytest.fixture(scope="module")
def catalogue(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The job that ingested the catalogue of the demo."""
    archive = tmp_path_factory.mktemp("catalogue") / "photos.zip"
    with zipfile.ZipFile(archive, "w") as photos:
        for photo in sorted((DEMO / "catalogue" / "photos").iterdir()):
            photos.write(photo, photo.name)
    parts = {"listings": "listings.csv", "photos_table": "photos.csv"}
    files = {part: (name, (DEMO / "catalogue" / name).read_bytes()) for part, name in parts.items()}
    answer = stack.ingest.post("/v1/listings/bulk", files=files | {"photos": (archive.name, archive.read_bytes())})
    assert answer.status_code == 202, answer.text
    job = stack.wait_for_job(answer.json()["job_id"])
    assert job["state"] == "succeeded"
    return job


@pytest.fixture(scope="module")
def photo(stack: Stack, catalogue: dict[str, Any]) -> tuple[Path, str]:
    """A photo of the catalogue, and the id of its listing."""
    with (DEMO / "catalogue" / "photos.csv").open() as file:
        for row in csv.DictReader(file):
            path = DEMO / "catalogue" / "photos" / f"{row['id']}.jpg"
            if path.exists() and stack.search_by_photo(path)[0]["listing_id"] == row["product_id"]:
                return path, row["product_id"]
    raise AssertionError("no photo of the catalogue finds its own listing")


def test_every_accepted_photo_is_embedded_and_in_both_indexes(stack: Stack, catalogue: dict[str, Any]) -> None:
    counts = catalogue["counts"]
    assert counts["photos_embedded"] > 500
    drifts = stack.ingest.get("/v1/admin/consistency").json()
    assert [(drift["expected"], drift["held"]) for drift in drifts] == [(counts["photos_embedded"],) * 2] * 2


def test_both_engines_find_similar_listings(stack: Stack, photo: tuple[Path, str]) -> None:
    for engine in ("faiss", "qdrant"):
        answer = stack.search.get(f"/v1/listings/{photo[1]}/similar", params={"engine": engine, "k": 5})
        assert answer.status_code == 200
        assert answer.json()["engine"] == engine
        assert len(answer.json()["results"]) == 5


def test_results_match_the_price_filter(stack: Stack, photo: tuple[Path, str]) -> None:
    results = stack.search_by_photo(photo[0], price_max="50")
    assert results
    assert all(result["price"] <= 50 for result in results)


def test_the_search_service_serves_photos_that_the_ingest_service_stored(stack: Stack, photo: tuple[Path, str]) -> None:
    result = stack.search_by_photo(photo[0])[0]
    served = Image.open(io.BytesIO(stack.search.get(result["photo_url"]).content))
    assert ImageChops.difference(served, Image.open(photo[0])).getbbox() is None  # the same pixels, without metadata


def test_an_added_listing_is_found_and_a_deleted_one_is_not(stack: Stack, photo: tuple[Path, str]) -> None:
    form = {"listing_id": "lamp-1", "title": "Brass lamp", "category": "Home & Garden", "price": "£12.50"}
    added = stack.ingest.post("/v1/listings", data=form, files={"photos": photo[0].read_bytes()})
    assert added.status_code == 201, added.text
    eventually(lambda: "lamp-1" in {result["listing_id"] for result in stack.search_by_photo(photo[0])})
    assert stack.ingest.delete("/v1/listings/lamp-1").status_code == 204
    eventually(lambda: "lamp-1" not in {result["listing_id"] for result in stack.search_by_photo(photo[0])})


def test_a_reindex_promotes_a_new_generation(stack: Stack, photo: tuple[Path, str]) -> None:
    before = stack.search.get("/health/ready").json()["generation"]
    job = stack.wait_for_job(stack.ingest.post("/v1/admin/reindex", json={}).json()["job_id"])
    assert job["state"] == "succeeded"
    eventually(lambda: stack.search.get("/health/ready").json()["generation"] > before)
    assert stack.search_by_photo(photo[0])[0]["listing_id"] == photo[1]


@pytest.mark.parametrize("service", SERVICES)
def test_restarting_a_service_loses_no_data_and_searches_still_work(
    stack: Stack, photo: tuple[Path, str], service: str
) -> None:
    before = consistent_counts(stack)
    stack.compose("restart", service)
    assert eventually(lambda: stack.search_by_photo(photo[0])[0]["listing_id"]) == photo[1]
    assert eventually(lambda: consistent_counts(stack)) == before


def test_a_listing_added_after_a_worker_restart_is_embedded(stack: Stack, photo: tuple[Path, str]) -> None:
    form = {"listing_id": "lamp-2", "title": "Brass lamp", "category": "Home & Garden"}
    stack.compose("restart", "worker")
    assert stack.ingest.post("/v1/listings", data=form, files={"photos": photo[0].read_bytes()}).status_code == 201
    eventually(lambda: "lamp-2" in {result["listing_id"] for result in stack.search_by_photo(photo[0])})
    assert stack.ingest.delete("/v1/listings/lamp-2").status_code == 204
    eventually(lambda: "lamp-2" not in {result["listing_id"] for result in stack.search_by_photo(photo[0])})


def test_ingested_data_survives_taking_the_stack_down(stack: Stack, photo: tuple[Path, str]) -> None:
    before = consistent_counts(stack)
    stack.compose("down")
    stack.compose("up", "--detach")
    assert eventually(lambda: stack.search_by_photo(photo[0])[0]["listing_id"]) == photo[1]
    assert eventually(lambda: consistent_counts(stack)) == before


def consistent_counts(stack: Stack) -> dict[str, tuple[int, int]]:
    """Return the expected and the actual number of photos in each index; fail the test if an index is inconsistent."""
    answer = stack.ingest.get("/v1/admin/consistency")
    assert answer.status_code == 200, answer.text
    drifts = answer.json()
    assert {drift["engine"] for drift in drifts} == {"faiss", "qdrant"}
    assert not any(drift["missing"] or drift["extra"] or drift["different"] for drift in drifts)
    return {drift["engine"]: (drift["expected"], drift["held"]) for drift in drifts}
