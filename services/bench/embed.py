"""Photos per second from JPEG bytes to vectors, in each precision and in the plain way, on the same photos and weights.

All ways are measured in one run, because rates of separate runs on one machine differ by more than the ways do.
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
from services.bench.embed_work import (
    QUERY_SIZE,
    decode_only,
    embed_as_ingest,
    embed_plainly,
    network_only,
    query_latencies,
)
from services.bench.inputs.stored_photos import read_photos, stored_photos, user_errors
from services.bench.machine import Machine, Timed, this_machine, time_in_turns, torch_threads
from services.ingest.models.bundles import find_bundle

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from ml.bundle.bundle import Bundle
    from ml.bundle.manifest import PrecisionQuality
    from ml.embedding.embedder import Embedder
    from ml.labelled import LabelledPhoto
    from ml.network.openvino_runtime import Precision
    from ml.photos.preprocess import Preprocessing
    from services.bench.report import BenchmarkReport
    from services.resources import Resources

ROUNDS = 3


@dataclass(frozen=True, slots=True)
class PrecisionBenchmark:
    """Speed and quality of one precision. Rates are photos per second in the fastest round.

    Attributes:
        rate: from bytes to vectors.
        ratio: `rate` divided by the plain way's rate.
        network_limit: rate of the network alone, from decoded photos to vectors.
        share: `rate` divided by the smaller of the decode limit and the network limit.
        p50_ms, p99_ms: latency of decoding and embedding a single photo of 1024 x 768 pixels.
        cosine_to_plain: median cosine to the plain way's vectors. The two ways shrink photos differently.
        quality: compared with f32 on listings with at least two photos; None if there are none.
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
    """Results of the embedding benchmark.

    Attributes:
        photos: number of timed photos, all of them readable.
        size: input size of the network, in pixels.
        threads: of torch, of OpenVINO, and of decoding alone. Our way decodes on `decoders` more threads.
        plain_rate: photos per second in the plain way.
        decode_limit: photos per second decoded, trimmed, shrunk and hashed, without the network.
    """

    photos: int
    size: int
    threads: int
    decoders: int
    plain_rate: float
    decode_limit: float
    precisions: tuple[PrecisionBenchmark, ...]
    machine: Machine


def measure_embedding(resources: Resources, *, model: str | None, limit: int, recall_limit: int) -> EmbedBenchmark:
    """Run `compare_ways` on the stored photos and a model's bundle.

    Raises:
        BadInput: no photo can be read.
        ModelMissing, ModelUnusable, ResourceNotFound: see `find_bundle`.
    """
    bundle = find_bundle(resources, model)
    photos = stored_photos(resources)
    with user_errors(bundle.version):
        return compare_ways(photos, bundle, limit=limit, recall_limit=recall_limit)


def compare_ways(
    photos: Sequence[LabelledPhoto], bundle: Bundle, *, limit: int, recall_limit: int = 0
) -> EmbedBenchmark:
    """Time the first `limit` readable photos in each way, from bytes in memory to vectors, and compare precisions.

    The plain way is that of image-search tutorials and of the published projects on this data: one photo at a time,
    Pillow, a plain resize, eager float32 torch on all cores.

    Args:
        photos: in the order of their use.
        bundle: int8 is measured if the bundle has that graph, bf16 if the processor supports it.
        limit: number of photos to time.
        recall_limit: number of photos, of listings with at least two, for comparing the precisions' recall.

    Raises:
        BundleError: torch is not installed, the bundle is unusable, or it has no torch weights.
        ValueError: no photo can be read.
    """
    if not bundle.has_float:
        raise BundleError(bundle.path, "has no torch weights to compare with", "Train a model first: lookalike train")
    threads = available_cores()
    contents = read_photos([photo.path for photo in photos], bundle.preprocessing, limit=limit)
    embedders = _open_precisions(bundle, threads)
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
            _precision(name, timed, latencies=query_latencies(contents[0], embedder), quality=qualities.get(name))
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
        "plain": partial(embed_plainly, contents, reference),
        "decode": partial(decode_only, contents, preprocessing, threads=threads),
    }
    for name, embedder in embedders.items():
        ways[f"ours {name}"] = partial(embed_as_ingest, contents, embedder)
        ways[f"network {name}"] = partial(network_only, pixels, embedder)
    with torch_threads(threads):
        return time_in_turns(ways, rounds=ROUNDS, photos=len(contents))


def _precision(
    name: str, timed: Mapping[str, Timed], *, latencies: tuple[float, float], quality: PrecisionQuality | None
) -> PrecisionBenchmark:
    ours, network, plain = timed[f"ours {name}"], timed[f"network {name}"], timed["plain"]
    return PrecisionBenchmark(
        precision=name,
        rate=ours.rate,
        ratio=ours.rate / plain.rate,
        network_limit=network.rate,
        share=ours.rate / min(network.rate, timed["decode"].rate),
        p50_ms=latencies[0],
        p99_ms=latencies[1],
        cosine_to_plain=float(np.median((plain.result * ours.result).sum(axis=1))),
        quality=quality,
    )


def _open_precisions(bundle: Bundle, threads: int) -> dict[str, Embedder]:
    names: list[Precision] = ["f32"]
    if "BF16" in processor_capabilities():
        names.append("bf16")
    if bundle.has_int8:
        names.append("int8")
    return {name: open_embedder(bundle, threads=threads, precision=name) for name in names}


def _qualities(
    photos: Sequence[LabelledPhoto], embedders: Mapping[str, Embedder], *, preprocessing: Preprocessing, limit: int
) -> dict[str, PrecisionQuality]:
    """Compare the precisions on at most `limit` photos: two different ones of each listing that has them."""
    pixels, listings = [], []
    for number, pair in enumerate(_pairs(photos)[: limit // 2]):
        for photo in pair:
            with suppress(PhotoError, OSError):
                pixels.append(preprocessing.load(photo.path.read_bytes()))
                listings.append(number)
    if not pixels:
        return {}
    batch = np.stack(pixels)
    vectors = {name: embedder.embed(batch).vectors for name, embedder in embedders.items()}
    return compare_precisions(vectors, np.array(listings))


def _pairs(photos: Sequence[LabelledPhoto]) -> list[list[LabelledPhoto]]:
    first_with_content = {photo.sha256: photo for photo in reversed(photos)}
    by_listing: defaultdict[str, list[LabelledPhoto]] = defaultdict(list)
    for photo in photos:
        if first_with_content[photo.sha256] is photo:
            by_listing[photo.listing_id].append(photo)
    return [distinct[:2] for distinct in by_listing.values() if len(distinct) > 1]


def render(b: EmbedBenchmark) -> BenchmarkReport:
    """Return what was compared, the figures of each way, and the machine."""
    return [
        f"Embedding {b.photos} photos at {b.size} px, from bytes to vectors",
        f"  plain:      {b.plain_rate:8.1f} photos/s  one at a time, Pillow, eager torch f32, {b.threads} threads",
        *(line for precision in b.precisions for line in _precision_lines(precision, b)),
        f"  decoding:   {b.decode_limit:8.1f} photos/s  without the network, {b.threads} threads",
        f"  machine:    {b.machine}",
    ]


def _precision_lines(one: PrecisionBenchmark, b: EmbedBenchmark) -> tuple[str, ...]:
    width, height = QUERY_SIZE
    indent = " " * 14
    lines = (
        f"  ours, {one.precision + ':':5} {one.rate:8.1f} photos/s  {one.ratio:.2f} x plain; {b.decoders} decoders, "
        f"batches, OpenVINO, {b.threads} threads",
        f"{indent}{one.network_limit:8.1f} photos/s  network alone; ours reaches {one.share:.2f} of the smaller limit, "
        "network or decoding",
        f"{indent}{one.p50_ms:8.1f} ms        to decode and embed one photo of {width} x {height} "
        f"(p99 {one.p99_ms:.1f} ms)",
        f"{indent}{one.cosine_to_plain:8.4f}           median cosine to the plain way's vectors",
    )
    if one.quality is None:
        return lines
    quality = one.quality
    return (
        *lines,
        f"{indent}{quality.recall_at_1:8.4f}           same-listing recall@1 of {quality.photos} photos: "
        f"{quality.loss:+.2f} points lost to f32, median cosine {quality.cosine:.4f}",
    )
