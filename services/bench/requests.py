"""Requests of one photo each from many threads at once: with their inferences batched, and one by one."""

from __future__ import annotations

import math
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING

import numpy as np

from ml.embedding.batching import BatchingEmbedder
from ml.network.openvino_runtime import available_cores, load_openvino

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ml.embedding.batch_queue import BatchLimits
    from ml.embedding.embedder import Embedder, Photos

ROUNDS = 3
_PHOTOS = 64


@dataclass(frozen=True, slots=True)
class RequestLatency:
    """How requests fared. `rate`: photos per second; the latencies, median and 99th percentile: milliseconds."""

    rate: float
    p50_ms: float
    p99_ms: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """The same requests from so many `threads` both ways; `mean_batch` is the photos per inference when batched."""

    threads: int
    plain: RequestLatency
    batched: RequestLatency
    mean_batch: float

    @property
    def ratio(self) -> float:
        """How many times as many photos per second when batched."""
        return self.batched.rate / self.plain.rate


@dataclass(frozen=True, slots=True)
class RequestsBenchmark:
    """What `bench_requests` measured, and on what. `size`: of a photo, in pixels."""

    comparisons: tuple[Comparison, ...]
    requests: int
    limits: BatchLimits
    size: int
    precision: str
    processor: str
    cores: int
    openvino: str


class _BatchSizes:
    """A `ml.embedding.batch_queue.BatchObserver` that keeps the sizes."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def waiting_changed(self, by: int) -> None:
        """Ignore it."""

    def batch_taken(self, photos: int) -> None:
        """Keep it."""
        self.sizes.append(photos)


def bench_requests(
    embedder: Embedder, *, threads: Sequence[int], requests: int, limits: BatchLimits
) -> RequestsBenchmark:
    """Send `requests` requests of one photo from each number of threads, both ways, and time every one.

    A thread sends its next request when the one before is answered. Decoding and searching are left out, and the
    photos are noise, which takes a network as long as any picture. After a warm-up the two ways take turns `ROUNDS`
    times, so that a busy machine slows both; each is given by its fastest round.

    Raises:
        ValueError: more threads than may wait, or fewer requests than threads: the figures would mean nothing.
    """
    if max(threads) > limits.max_waiting or max(threads) > requests or min(threads) < 1:
        raise ValueError(f"threads must be 1 to {min(limits.max_waiting, requests)}, not {list(threads)}")
    size = embedder.bundle.preprocessing.size
    photos = np.random.default_rng(0).integers(0, 256, (_PHOTOS, size, size, 3), dtype=np.uint8)
    return RequestsBenchmark(
        comparisons=tuple(_compare(embedder, photos, number, requests=requests, limits=limits) for number in threads),
        requests=requests,
        limits=limits,
        size=size,
        precision=embedder.precision,
        processor=load_openvino().Core().get_property("CPU", "FULL_DEVICE_NAME"),
        cores=available_cores(),
        openvino=version("openvino"),
    )


def render(benchmark: RequestsBenchmark) -> str:
    """Return the benchmark as lines of text."""
    b = benchmark
    return "\n".join(
        (
            f"{b.requests} requests of one photo at {b.size} px, fastest of {ROUNDS} rounds; batches of up to "
            f"{b.limits.max_batch}, window {b.limits.window_s * 1000:g} ms",
            "           one by one                      batched",
            "  threads  photos/s   p50 ms   p99 ms     photos/s   p50 ms   p99 ms   photos/batch   ratio",
            *(
                f"  {c.threads:7}  {_columns(c.plain)}     {_columns(c.batched)}   "
                f"{c.mean_batch:12.1f}   {c.ratio:5.2f}"
                for c in b.comparisons
            ),
            f"  machine: {b.processor}, {b.cores} cores, {b.precision}, OpenVINO {b.openvino}",
        )
    )


def _columns(served: RequestLatency) -> str:
    return f"{served.rate:8.1f} {served.p50_ms:8.1f} {served.p99_ms:8.1f}"


def _compare(embedder: Embedder, photos: Photos, threads: int, *, requests: int, limits: BatchLimits) -> Comparison:
    observer = _BatchSizes()
    with BatchingEmbedder(embedder, limits, observer=observer) as batching:
        for one in (embedder, batching):
            _send(one, photos, threads, requests=2 * threads)
        observer.sizes.clear()
        plain = batched = RequestLatency(0, math.inf, math.inf)
        for _ in range(ROUNDS):
            plain = max(plain, _send(embedder, photos, threads, requests=requests), key=_rate)
            batched = max(batched, _send(batching, photos, threads, requests=requests), key=_rate)
    return Comparison(threads, plain, batched, float(np.mean(observer.sizes)))


def _send(embedder: Embedder, photos: Photos, threads: int, *, requests: int) -> RequestLatency:
    """Share the requests out among the threads, which start together."""
    start = threading.Barrier(threads + 1)

    def client(number: int) -> NDArray[np.float64]:
        mine = range(number, requests, threads)
        latencies = np.empty(len(mine))
        start.wait()
        for i, request in enumerate(mine):
            photo = request % len(photos)
            began = time.perf_counter()
            embedder.embed(photos[photo : photo + 1])
            latencies[i] = time.perf_counter() - began
        return latencies

    with ThreadPoolExecutor(threads) as pool:
        clients = [pool.submit(client, number) for number in range(threads)]
        start.wait()
        began = time.perf_counter()
        latencies = np.concatenate([one.result() for one in clients])
        seconds = time.perf_counter() - began
    p50, p99 = np.percentile(1000 * latencies, (50, 99))
    return RequestLatency(requests / seconds, float(p50), float(p99))


def _rate(served: RequestLatency) -> float:
    return served.rate
