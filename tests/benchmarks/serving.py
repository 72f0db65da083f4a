"""What the search service does under load: searches by listing, uploads, and more than it can take.

    python -m tests.benchmarks.serving similar  DATA_DIR [--engine faiss] [--rate 100] [--seconds 30]
    python -m tests.benchmarks.serving uploads  DATA_DIR [--rate 10] [--seconds 30]
    python -m tests.benchmarks.serving overload DATA_DIR [--seconds 60]

Each starts `lookalike serve --app search` on DATA_DIR in a process of its own, asks it over loopback from this one, on
the same processor, and prints what came of it. `uploads` also starts a service as the published projects write it (see
`published_service`) and asks it the same, and has the network embed what is decoded already: ratios are of one run.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import socket
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

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

UPLOAD_SIZE = (1024, 768)
AT_ONCE = 16
STARTS_WITHIN_S = 600


def main() -> None:
    """Run one of the measurements."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("similar", "uploads", "overload"))
    parser.add_argument("data_dir", type=Path)
    parser.add_argument("--engine", default="auto", choices=("auto", "faiss", "qdrant"))
    parser.add_argument("--rate", type=float, default=0.0)
    parser.add_argument("--seconds", type=float, default=0.0)
    asked = parser.parse_args()
    print(this_machine())
    {"similar": similar, "uploads": uploads, "overload": overload}[asked.what](asked)


def similar(asked: argparse.Namespace) -> None:
    """Ask for what is similar to listings at random: at a rate, then as fast as it goes."""
    requests = [get(f"/v1/listings/{listing_id}/similar?engine={asked.engine}") for listing_id in listing_ids(asked)]
    with ours(asked.data_dir) as (port, process):
        saturating(port, requests, at_once=4, seconds=5)  # warm
        rate = asked.rate or 100
        print(f"similar, {rate:g}/s:   ", at_rate(port, requests, per_second=rate, seconds=asked.seconds or 30).told())
        before = psutil.Process(process.pid).cpu_times()
        load = saturating(port, requests, at_once=AT_ONCE, seconds=15)
        print(f"similar, {AT_ONCE} at once:", load.told())
        print(f"  by stage, of one: {stages(port, requests[0])}; processor {cpu_ms(process, before, load):.1f} ms each")


def uploads(asked: argparse.Namespace) -> None:
    """Search by photos of 1024 x 768 pixels: at a rate, then as fast as it goes; the published way in the same run."""
    photos = list(upload_photos(asked.data_dir))
    rate, seconds = asked.rate or 10, asked.seconds or 30
    ours_requests = [post_photo("/v1/search", photo) for photo in photos]
    theirs_requests = [post_photo("/search", photo) for photo in photos]
    with ours(asked.data_dir) as (port, _):
        saturating(port, ours_requests, at_once=4, seconds=5)
        print(f"upload, {rate:g}/s:       ", at_rate(port, ours_requests, per_second=rate, seconds=seconds).told())
        best = saturating(port, ours_requests, at_once=AT_ONCE, seconds=15)
        print(f"upload, {AT_ONCE} at once:   ", best.told())
    batches = batch_rate(asked.data_dir, photos)
    print(f"the network alone, in batches of {len(photos)}: {batches:.1f}/s; share: {best.rate / batches:.2f}")
    with published(asked.data_dir) as port:
        saturating(port, theirs_requests, at_once=2, seconds=5)
        print(f"published, {rate:g}/s:    ", at_rate(port, theirs_requests, per_second=rate, seconds=seconds).told())
        base = saturating(port, theirs_requests, at_once=AT_ONCE, seconds=15)
        print(f"published, {AT_ONCE} at once:", base.told())
    print(f"ratio of throughput: {best.rate / base.rate:.2f}")


def batch_rate(data_dir: Path, photos: Sequence[bytes], seconds: float = 10.0) -> float:
    """Return how many decoded photos the live model embeds in a second, all of them in each batch."""
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


def overload(asked: argparse.Namespace) -> None:
    """Upload five times as many photos as the service can take, and look whether it gets back to normal."""
    requests = [post_photo("/v1/search", photo) for photo in upload_photos(asked.data_dir)]
    with ours(asked.data_dir) as (port, process):
        saturating(port, requests, at_once=4, seconds=5)
        most = saturating(port, requests, at_once=AT_ONCE, seconds=15).rate
        normal = at_rate(port, requests, per_second=most / 4, seconds=10)
        memory = psutil.Process(process.pid)
        before = memory.memory_info().rss
        print(f"saturated at {most:.1f}/s; a quarter of it: {normal.told()}")
        load = at_rate(port, requests, per_second=5 * most, seconds=asked.seconds or 60, connections=256)
        after = memory.memory_info().rss
        print(f"5 times as many: {load.told()}")
        print(f"resident memory: {before / 2**20:.0f} MiB before, {after / 2**20:.0f} MiB after")
        for second in range(1, 11):
            calm = at_rate(port, requests, per_second=most / 4, seconds=1)
            if calm.statuses.keys() == {200} and calm.percentile(50) < 2 * normal.percentile(50):
                print(f"back to normal in {second} s: {calm.told()}")
                return
        print("not back to normal in 10 s")


def listing_ids(asked: argparse.Namespace, count: int = 2000) -> list[str]:
    """Return listings that have an embedded photo, evenly spread."""
    database = Database(f"sqlite:///{asked.data_dir.resolve() / 'lookalike.sqlite'}")
    with database.read() as session:
        last = session.exec(select(Photo.id).order_by(Photo.id.desc()).limit(1)).one()  # type: ignore[union-attr]
        chosen = np.random.default_rng(1).integers(1, (last or 1) + 1, 2 * count).tolist()
        query = select(Photo.listing_id).where(Photo.id.in_(chosen), Photo.state == PhotoState.EMBEDDED)  # type: ignore[union-attr]
        found = list(dict.fromkeys(session.exec(query)))[:count]
    database.close()
    return found


def upload_photos(data_dir: Path, count: int = 32) -> Iterator[bytes]:
    """Yield stored photos, enlarged to the size of a telephone's preview, as JPEGs."""
    for path in sorted((data_dir / "photos").rglob("*"))[: 20 * count]:
        if count and path.is_file():
            content = io.BytesIO()
            picture = Image.open(path).convert("RGB").resize(UPLOAD_SIZE, Image.Resampling.LANCZOS)
            picture.save(content, "JPEG", quality=88)
            count -= 1
            yield content.getvalue()


@contextmanager
def ours(data_dir: Path) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """Serve the data directory's searches while the block runs; give the port and the process."""
    port = free_port()
    command = [sys.executable, "-m", "services.cli", "serve", "--app", "search", "--port", str(port)]
    with served(command, data_dir, port, "/health/ready") as process:
        yield port, process


@contextmanager
def published(data_dir: Path) -> Iterator[int]:
    """Serve the published way while the block runs; give the port."""
    port = free_port()
    command = [sys.executable, "-m", "tests.benchmarks.published_service", str(data_dir), str(port)]
    with served(command, data_dir, port, "/docs"):
        yield port


@contextmanager
def served(command: list[str], data_dir: Path, port: int, path: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server until the block ends."""
    environment = {**os.environ, "LOOKALIKE_DATA_DIR": str(data_dir)}
    process = subprocess.Popen(command, env=environment)
    try:
        wait_for(f"http://127.0.0.1:{port}{path}", process)
        yield process
    finally:
        process.terminate()
        process.wait(60)


def wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    """Return when the URL answers 200."""
    for _ in range(STARTS_WITHIN_S * 10):
        if process.poll() is not None:
            raise SystemExit(f"the server ended with {process.returncode}")
        try:
            with urllib.request.urlopen(url) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.1)
    raise SystemExit(f"{url} does not answer")


def stages(port: int, request: bytes) -> dict[str, float]:
    """Return the milliseconds by stage that the answer to a request tells."""
    path = request.split(b" ", 2)[1].decode()
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}") as answer:
        told: dict[str, float] = json.load(answer)["took_ms"]
    return told


def cpu_ms(process: subprocess.Popen[bytes], before: object, load: Load) -> float:
    """Return the server's milliseconds of processor for each answer."""
    now = psutil.Process(process.pid).cpu_times()
    used = now.user + now.system - before.user - before.system  # type: ignore[attr-defined]
    return float(1000 * used / max(1, load.statuses[200]))


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


if __name__ == "__main__":
    main()
