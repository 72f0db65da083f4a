"""Photos per second from JPEG bytes to vector, in each precision, against the plain way: same photos, same weights.

Everything is measured in one run, because rates of different runs on one machine differ by more than is of interest.
"""

from __future__ import annotations

from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ml.bundle.manifest import BundleError
from ml.embedding.bulk import DEFAULT_DECODERS
from ml.embedding.open_embedder import open_embedder
from ml.export.precisions import compare_precisions
from ml.network.openvino_runtime import available_cores, processor_capabilities
from ml.photos.decode import PhotoError
from services.bench.embed_work import decode_only, network_only, ours, plain, query_latencies
from services.bench.machine import Machine, Timed, readable, take_turns, this_machine, torch_threads

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from ml.bundle.bundle import Bundle
    from ml.bundle.manifest import PrecisionQuality
    from ml.embedding.embedder import Embedder
    from ml.network.openvino_runtime import Precision
    from ml.photos.preprocess import Preprocessing

ROUNDS = 3


@dataclass(frozen=True, slots=True)
class BenchPhoto:
    """A stored photo: where its file is, whose it is, and the hash of its content."""

    path: Path
    listing_id: str
    sha256: str


@dataclass(frozen=True, slots=True)
class PrecisionBenchmark:
    """What one precision does. Rates are photos per second, of the fastest round.

    Attributes:
        rate: from bytes to vectors.
        ratio: how many times as many as the plain way.
        network_limit: of the network alone, decoded photos to vectors.
        share: of the lesser of the decode limit and the network limit that `rate` reaches.
        p50_ms, p99_ms: latency of one photo of 1024 x 768 pixels, decoded and embedded alone.
        cosine_to_plain: median over the photos, to the plain way's vectors. The two shrink photos differently.
        quality: beside f32, on photos of listings with two; None where there are none.
    """

    precision: str
    rate: float
    ratio: float
    network_limit: float
    share: float
    p50_ms: float
    p99_ms: float
    cosine_to_plain: float
    quality: PrecisionQuality | None


@dataclass(frozen=True, slots=True)
class EmbedBenchmark:
    """What `bench_embed` measured.

    Attributes:
        photos: how many were timed; those that cannot be read are left out beforehand.
        size: of the network's input, in pixels.
        threads: of torch, of OpenVINO, and of decoding where it is measured alone; ours decodes in `decoders` more.
        plain_rate: photos per second, the plain way.
        decode_limit: photos per second that can be decoded, trimmed, shrunk and hashed, without the network.
    """

    photos: int
    size: int
    threads: int
    decoders: int
    plain_rate: float
    decode_limit: float
    precisions: tuple[PrecisionBenchmark, ...]
    machine: Machine


def bench_embed(photos: Sequence[BenchPhoto], bundle: Bundle, *, limit: int, recall_limit: int = 0) -> EmbedBenchmark:
    """Time the first `limit` readable photos each way, from bytes in memory to vectors, and compare precisions.

    The plain way is what image-search tutorials and the published projects on this data do: one photo at a time,
    Pillow, a plain resize, eager float32 torch on the processor with all cores. The ways take turns, `ROUNDS` times.

    Args:
        photos: in the order to take them.
        bundle: the model. int8 is measured where it has that graph, bf16 where the processor has it.
        limit: photos to time.
        recall_limit: photos, of listings with two, to compare the precisions' recall on.

    Raises:
        BundleError: torch is not installed, or the bundle cannot be used or has no torch weights.
        ValueError: none of the photos can be read.
    """
    if not bundle.has_float:
        raise BundleError(bundle.path, "has no torch weights to compare with", "Train a model first: lookalike train")
    threads = available_cores()
    contents = readable([photo.path for photo in photos], bundle.preprocessing, limit=limit)
    embedders = _embedders(bundle, threads)
    timed = _time(contents, embedders, open_embedder(bundle, runtime="torch", device="cpu"), threads=threads)
    qualities = _qualities(photos, embedders, preprocessing=bundle.preprocessing, limit=recall_limit)
    return EmbedBenchmark(
        photos=len(contents),
        size=bundle.preprocessing.size,
        threads=threads,
        decoders=DEFAULT_DECODERS,
        plain_rate=timed["plain"].rate,
        decode_limit=timed["decode"].rate,
        precisions=tuple(
            _precision(name, timed, query_latencies(contents[0], embedder), qualities.get(name))
            for name, embedder in embedders.items()
        ),
        machine=this_machine(),
    )


def _time(
    contents: Sequence[bytes], embedders: Mapping[str, Embedder], reference: Embedder, *, threads: int
) -> dict[str, Timed]:
    """Time the plain way, decoding alone, and for each precision our way and the network alone."""
    preprocessing = reference.bundle.preprocessing
    pixels = decode_only(contents, preprocessing, threads=threads)
    ways: dict[str, Callable[[], NDArray[Any]]] = {
        "plain": partial(plain, contents, reference),
        "decode": partial(decode_only, contents, preprocessing, threads=threads),
    }
    for name, embedder in embedders.items():
        ways[f"ours {name}"] = partial(ours, contents, embedder)
        ways[f"network {name}"] = partial(network_only, pixels, embedder)
    with torch_threads(threads):
        return take_turns(ways, rounds=ROUNDS, photos=len(contents))


def _precision(
    name: str, timed: Mapping[str, Timed], latencies: tuple[float, float], quality: PrecisionQuality | None
) -> PrecisionBenchmark:
    way, network, reference = timed[f"ours {name}"], timed[f"network {name}"], timed["plain"]
    return PrecisionBenchmark(
        precision=name,
        rate=way.rate,
        ratio=way.rate / reference.rate,
        network_limit=network.rate,
        share=way.rate / min(network.rate, timed["decode"].rate),
        p50_ms=latencies[0],
        p99_ms=latencies[1],
        cosine_to_plain=float(np.median((reference.outcome * way.outcome).sum(axis=1))),
        quality=quality,
    )


def _embedders(bundle: Bundle, threads: int) -> dict[str, Embedder]:
    names: list[Precision] = ["f32"]
    if "BF16" in processor_capabilities():
        names.append("bf16")
    if bundle.has_int8:
        names.append("int8")
    return {name: open_embedder(bundle, threads=threads, precision=name) for name in names}


def _qualities(
    photos: Sequence[BenchPhoto], embedders: Mapping[str, Embedder], *, preprocessing: Preprocessing, limit: int
) -> dict[str, PrecisionQuality]:
    """Compare the precisions on at most `limit` photos, two of each listing that has two of distinct contents."""
    pairs = _pairs(photos)[: limit // 2]
    pixels, listings = [], []
    for number, pair in enumerate(pairs):
        for photo in pair:
            with suppress(PhotoError, OSError):
                pixels.append(preprocessing.load(photo.path.read_bytes()))
                listings.append(number)
    if not pixels:
        return {}
    together = np.stack(pixels)
    return compare_precisions(
        {name: one.embed(together).vectors for name, one in embedders.items()}, np.array(listings)
    )


def _pairs(photos: Sequence[BenchPhoto]) -> list[list[BenchPhoto]]:
    distinct = {photo.sha256: photo for photo in reversed(photos)}
    of_listing: defaultdict[str, list[BenchPhoto]] = defaultdict(list)
    for photo in photos:
        if distinct[photo.sha256] is photo:
            of_listing[photo.listing_id].append(photo)
    return [found[:2] for found in of_listing.values() if len(found) > 1]
