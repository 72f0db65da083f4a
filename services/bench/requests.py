"""Embedding requests of one photo each from many threads: batched compared with one by one."""

from __future__ import annotations

import math
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING

import numpy as np

from ml.embedding.batch_queue import BatchObserver
from ml.embedding.batching import BatchingEmbedder
from ml.network.openvino_runtime import available_cores
from services.bench.machine import processor_name
from services.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ml.embedding.batch_queue import BatchLimits
    from ml.embedding.embedder import Embedder, Photos
    from services.bench.report import BenchmarkReport

ROUNDS = 3
_PHOTOS = 64


@dataclass(frozen=True, slots=True)
class RequestLatency:
    """Photos per second, and the median and 99th percentile of the latency in ms."""

    rate: float
    p50_ms: float
    p99_ms: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """The same requests from `threads` threads in both ways; `mean_batch` is the mean batch size when batched."""

    threads: int
    plain: RequestLatency
    batched: RequestLatency
    mean_batch: float

    @property
    def ratio(self) -> float:
        """Rate when batched, divided by the rate one by one."""
        return self.batched.rate / self.plain.rate


@dataclass(frozen=True, slots=True)
class RequestsBenchmark:
    """Results of the requests benchmark, and the machine. `size`: side of a photo, in pixels."""

    comparisons: tuple[Comparison, ...]
    requests: int
    limits: BatchLimits
    size: int
    precision: str
    processor: str
    cores: int
    openvino: str


class _BatchSizes(BatchObserver):
    """Records the batch sizes."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def batch_taken(self, photos: int) -> None:
        self.sizes.append(photos)


def measure_requests(
    embedder: Embedder, *, threads: Sequence[int], requests: int, limits: BatchLimits
) -> RequestsBenchmark:
    """Send `requests` requests of one photo from each number of threads, in both ways, and time each request.

    A thread sends its next request when the previous one is answered. Decoding and searching are not included. The
    photos are noise, which takes a network as long as any picture. After a warm-up the two ways take turns `ROUNDS`
    times, so that other load on the machine slows both; the fastest round of each counts.

    Raises:
        BadInput: there are more threads than requests may wait, or than requests: the figures would mean nothing.
    """
    most = min(limits.max_waiting, requests)
    if max(threads) > most or min(threads) < 1:
        raise BadInput(
            f"--threads {' '.join(map(str, threads))}: each number must be from 1 to {most}, the smaller of "
            f"LOOKALIKE_MAX_WAITING_PHOTOS ({limits.max_waiting}) and --requests ({requests})."
        )
    size = embedder.bundle.preprocessing.size
    photos = np.random.default_rng(0).integers(0, 256, (_PHOTOS, size, size, 3), dtype=np.uint8)
    return RequestsBenchmark(
        comparisons=tuple(_compare(embedder, photos, number, requests=requests, limits=limits) for number in threads),
        requests=requests,
        limits=limits,
        size=size,
        precision=embedder.precision,
        processor=processor_name(),
        cores=available_cores(),
        openvino=version("openvino"),
    )


def _compare(embedder: Embedder, photos: Photos, threads: int, *, requests: int, limits: BatchLimits) -> Comparison:
    observer = _BatchSizes()
    with BatchingEmbedder(embedder, limits, observer=observer) as batching:
        for warmed_up in (embedder, batching):
            _send(warmed_up, photos, threads, requests=2 * threads)
        observer.sizes.clear()
        plain = batched = RequestLatency(0, math.inf, math.inf)
        for _ in range(ROUNDS):
            plain = max(plain, _send(embedder, photos, threads, requests=requests), key=_rate)
            batched = max(batched, _send(batching, photos, threads, requests=requests), key=_rate)
    return Comparison(threads, plain, batched, float(np.mean(observer.sizes)))


def _send(embedder: Embedder, photos: Photos, threads: int, *, requests: int) -> RequestLatency:
    """Divide the requests among the threads, which start together."""
    start = threading.Barrier(threads + 1)

    def client(number: int) -> NDArray[np.float64]:
        own_requests = range(number, requests, threads)
        latencies = np.empty(len(own_requests))
        start.wait()
        for i, request in enumerate(own_requests):
            photo = request % len(photos)
            began = time.perf_counter()
            embedder.embed(photos[photo : photo + 1])
            latencies[i] = time.perf_counter() - began
        return latencies

    with ThreadPoolExecutor(threads) as pool:
        clients = [pool.submit(client, number) for number in range(threads)]
        start.wait()
        began = time.perf_counter()
        latencies = np.concatenate([running.result() for running in clients])
        seconds = time.perf_counter() - began
    p50, p99 = np.percentile(1000 * latencies, (50, 99))
    return RequestLatency(requests / seconds, float(p50), float(p99))


def _rate(latency: RequestLatency) -> float:
    return latency.rate


def render(b: RequestsBenchmark) -> BenchmarkReport:
    """Return a row for each number of threads, and the machine."""
    return [
        f"{b.requests} requests of one photo at {b.size} px, fastest of {ROUNDS} rounds; batches of up to "
        f"{b.limits.max_batch}, window {b.limits.window_s * 1000:g} ms",
        "           one by one                      batched",
        "  threads  photos/s   p50 ms   p99 ms     photos/s   p50 ms   p99 ms   photos/batch   ratio",
        *(
            f"  {c.threads:7}  {_columns(c.plain)}     {_columns(c.batched)}   {c.mean_batch:12.1f}   {c.ratio:5.2f}"
            for c in b.comparisons
        ),
        f"  machine: {b.processor}, {b.cores} cores, {b.precision}, OpenVINO {b.openvino}",
    ]


def _columns(latency: RequestLatency) -> str:
    return f"{latency.rate:8.1f} {latency.p50_ms:8.1f} {latency.p99_ms:8.1f}"
