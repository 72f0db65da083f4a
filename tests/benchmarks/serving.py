"""Measures the search service under load: searches by listing, uploads, and overload.

    python -m tests.benchmarks.serving similar  DATA_DIR [--engine faiss] [--rate 100] [--seconds 30]
    python -m tests.benchmarks.serving uploads  DATA_DIR [--rate 10] [--seconds 30]
    python -m tests.benchmarks.serving overload DATA_DIR [--seconds 60]

Each command starts `lookalike serve --app search` on DATA_DIR in another process, and sends requests to it over
loopback on the same machine. `uploads` also sends the requests to a service in the style of published projects (see
`published_service`), and measures the network alone on decoded photos, so that all ratios come from one run.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import psutil
from PIL import Image
from sqlmodel import select

from db.models import Photo, PhotoState
from db.session import Database
from services.bench.machine import this_machine
from services.resources import Resources
from services.settings import Settings
from tests.benchmarks.load import Load, at_rate, get, post_photo, saturating
from tests.sites import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

UPLOAD_SIZE = (1024, 768)
CONCURRENCY = 16
STARTUP_TIMEOUT_S = 600


def main() -> None:
    """Run one of the measurements."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("similar", "uploads", "overload"))
    parser.add_argument("data_dir", type=Path)
    parser.add_argument("--engine", default="auto", choices=("auto", "faiss", "qdrant"))
    parser.add_argument("--rate", type=float, default=0.0)
    parser.add_argument("--seconds", type=float, default=0.0)
    arguments = parser.parse_args()
    print(this_machine())
    {"similar": similar, "uploads": uploads, "overload": overload}[arguments.what](arguments)


def similar(arguments: argparse.Namespace) -> None:
    """Search for listings similar to random ones, at a fixed rate and then as fast as possible."""
    requests = [
        get(f"/v1/listings/{listing_id}/similar?engine={arguments.engine}") for listing_id in listing_ids(arguments)
    ]
    with search_server(arguments.data_dir) as (port, process):
        saturating(port, requests, at_once=4, seconds=5)  # warm-up
        rate = arguments.rate or 100
        print(
            f"similar, {rate:g}/s:   ",
            at_rate(port, requests, per_second=rate, seconds=arguments.seconds or 30).summary(),
        )
        before = psutil.Process(process.pid).cpu_times()
        load = saturating(port, requests, at_once=CONCURRENCY, seconds=15)
        print(f"similar, {CONCURRENCY} at once:", load.summary())
        print(f"  stages of one request in ms: {stage_times_ms(port, requests[0])}")
        print(f"  processor time: {cpu_ms(process, before, load):.1f} ms per request")


def uploads(arguments: argparse.Namespace) -> None:
    """Search by photos of 1024 x 768 pixels, at a fixed rate and then as fast as possible, in both services."""
    photos = list(upload_photos(arguments.data_dir))
    rate, seconds = arguments.rate or 10, arguments.seconds or 30
    search_requests = [post_photo("/v1/search", photo) for photo in photos]
    baseline_requests = [post_photo("/search", photo) for photo in photos]
    with search_server(arguments.data_dir) as (port, _):
        saturating(port, search_requests, at_once=4, seconds=5)
        print(f"upload, {rate:g}/s:       ", at_rate(port, search_requests, per_second=rate, seconds=seconds).summary())
        best = saturating(port, search_requests, at_once=CONCURRENCY, seconds=15)
        print(f"upload, {CONCURRENCY} at once:   ", best.summary())
    batches = batch_rate(arguments.data_dir, photos)
    print(f"the network alone, in batches of {len(photos)}: {batches:.1f}/s; share: {best.rate / batches:.2f}")
    with baseline_server(arguments.data_dir) as port:
        saturating(port, baseline_requests, at_once=2, seconds=5)
        print(
            f"published, {rate:g}/s:    ", at_rate(port, baseline_requests, per_second=rate, seconds=seconds).summary()
        )
        baseline = saturating(port, baseline_requests, at_once=CONCURRENCY, seconds=15)
        print(f"published, {CONCURRENCY} at once:", baseline.summary())
    print(f"ratio of throughput: {best.rate / baseline.rate:.2f}")


def batch_rate(data_dir: Path, photos: Sequence[bytes], seconds: float = 10.0) -> float:
    """Return how many decoded photos per second the live model embeds, with all of `photos` in each batch."""
    resources = Resources(Settings(_env_file=None, data_dir=data_dir))
    try:
        embedder, done = resources.embedder(), 0
        pixels = np.stack([embedder.bundle.preprocessing.load(photo, resources.photo_limits) for photo in photos])
        embedder.embed(pixels)
        began = time.perf_counter()
        while time.perf_counter() < began + seconds:
            embedder.embed(pixels)
            done += len(photos)
        return done / (time.perf_counter() - began)
    finally:
        resources.close()


def overload(arguments: argparse.Namespace) -> None:
    """Upload five times as many photos as the service can answer, and check that it recovers."""
    requests = [post_photo("/v1/search", photo) for photo in upload_photos(arguments.data_dir)]
    with search_server(arguments.data_dir) as (port, process):
        saturating(port, requests, at_once=4, seconds=5)
        max_rate = saturating(port, requests, at_once=CONCURRENCY, seconds=15).rate
        normal = at_rate(port, requests, per_second=max_rate / 4, seconds=10)
        memory = psutil.Process(process.pid)
        before = memory.memory_info().rss
        print(f"saturated at {max_rate:.1f}/s; at a quarter of that: {normal.summary()}")
        load = at_rate(port, requests, per_second=5 * max_rate, seconds=arguments.seconds or 60, connections=256)
        after = memory.memory_info().rss
        print(f"at 5 times that: {load.summary()}")
        print(f"resident memory: {before / 2**20:.0f} MiB before, {after / 2**20:.0f} MiB after")
        for second in range(1, 11):
            load = at_rate(port, requests, per_second=max_rate / 4, seconds=1)
            if load.statuses.keys() == {200} and load.percentile(50) < 2 * normal.percentile(50):
                print(f"recovered in {second} s: {load.summary()}")
                return
        print("not recovered in 10 s")


def listing_ids(arguments: argparse.Namespace, count: int = 2000) -> list[str]:
    """Return ids of random listings with an embedded photo."""
    database = Database(f"sqlite:///{arguments.data_dir.resolve() / 'lookalike.sqlite'}")
    with database.read() as session:
        last = session.exec(select(Photo.id).order_by(Photo.id.desc()).limit(1)).one()  # type: ignore[union-attr]
        chosen = np.random.default_rng(1).integers(1, (last or 1) + 1, 2 * count).tolist()
        query = select(Photo.listing_id).where(Photo.id.in_(chosen), Photo.state == PhotoState.EMBEDDED)  # type: ignore[union-attr]
        found = list(dict.fromkeys(session.exec(query)))[:count]
    database.close()
    return found


def upload_photos(data_dir: Path, count: int = 32) -> Iterator[bytes]:
    """Yield stored photos as JPEGs, enlarged to the size of a typical upload from a phone."""
    for path in sorted((data_dir / "photos").rglob("*"))[: 20 * count]:
        if count and path.is_file():
            content = io.BytesIO()
            picture = Image.open(path).convert("RGB").resize(UPLOAD_SIZE, Image.Resampling.LANCZOS)
            picture.save(content, "JPEG", quality=88)
            count -= 1
            yield content.getvalue()


@contextmanager
def search_server(data_dir: Path) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """Serve searches of the data directory during the block; yield the port and the process."""
    port = free_port()
    command = [sys.executable, "-m", "services.cli", "serve", "--app", "search", "--port", str(port)]
    with running_server(command, data_dir, port, "/health/ready") as process:
        yield port, process


@contextmanager
def baseline_server(data_dir: Path) -> Iterator[int]:
    """Run the baseline, `published_service`, during the block; yield the port."""
    port = free_port()
    command = [sys.executable, "-m", "tests.benchmarks.published_service", str(data_dir), str(port)]
    with running_server(command, data_dir, port, "/docs"):
        yield port


@contextmanager
def running_server(command: list[str], data_dir: Path, port: int, path: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server during the block; it is ready once `path` answers with status 200."""
    environment = {**os.environ, "LOOKALIKE_DATA_DIR": str(data_dir)}
    process = subprocess.Popen(command, env=environment)
    try:
        wait_until_ready(f"http://127.0.0.1:{port}{path}", process)
        yield process
    finally:
        process.terminate()
        process.wait(60)


def wait_until_ready(url: str, process: subprocess.Popen[bytes]) -> None:
    """Wait until the URL answers with status 200."""
    for _ in range(STARTUP_TIMEOUT_S * 10):
        if process.poll() is not None:
            raise SystemExit(f"the server exited with code {process.returncode}")
        try:
            with urllib.request.urlopen(url) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.1)
    raise SystemExit(f"{url} does not answer")


def stage_times_ms(port: int, request: bytes) -> dict[str, float]:
    """Send a request and return the milliseconds of each stage in its answer."""
    path = request.split(b" ", 2)[1].decode()
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}") as answer:
        took_ms: dict[str, float] = json.load(answer)["took_ms"]
    return took_ms


def cpu_ms(process: subprocess.Popen[bytes], before: object, load: Load) -> float:
    """Return the server's processor time per answer, in ms."""
    now = psutil.Process(process.pid).cpu_times()
    used = now.user + now.system - before.user - before.system  # type: ignore[attr-defined]
    return float(1000 * used / max(1, load.statuses[200]))


if __name__ == "__main__":
    main()
