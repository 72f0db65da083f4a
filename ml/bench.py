"""Photos per second from JPEG bytes to vector: this pipeline against the plain way, same photos, same weights."""

from __future__ import annotations

import io
import math
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from ml.embedder import available_cores, open_embedder
from ml.openvino_runtime import load_openvino, processor_capabilities
from ml.pipeline import EmbeddedPhoto, embed_all
from ml.preprocess import PhotoError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from ml.bundle import Bundle
    from ml.embeddings import Embedder

DECODERS = 2
ROUNDS = 3
_WARM_UP = 32


@dataclass(frozen=True, slots=True)
class Machine:
    """Where a benchmark ran. `cores` are those that the process may use."""

    processor: str
    cores: int
    bf16: bool
    amx: bool
    torch: str
    openvino: str


@dataclass(frozen=True, slots=True)
class EmbedBenchmark:
    """What `bench_embed` measured.

    Attributes:
        photos: how many; those that cannot be read are left out beforehand.
        plain_rate, rate: photos per second, the plain way and ours, each in its fastest round.
        precision: of our way; the plain way is float32.
        threads: of torch, and of OpenVINO; ours decodes in `decoders` more.
        cosine: median over the photos of the cosine between the two ways' vectors. They shrink photos differently.
    """

    photos: int
    plain_rate: float
    rate: float
    precision: str
    threads: int
    decoders: int
    size: int
    cosine: float
    machine: Machine

    @property
    def ratio(self) -> float:
        """How many times as many photos per second as the plain way."""
        return self.rate / self.plain_rate


def bench_embed(photos: Sequence[Path], bundle: Bundle, *, limit: int) -> EmbedBenchmark:
    """Embed the first `limit` readable photos both ways and time each, from bytes in memory to vectors.

    The plain way is what image-search tutorials and the published projects on this data do: one photo at a time,
    Pillow, a plain resize, eager float32 torch on the processor with all cores. Ours also trims borders and makes
    perceptual hashes. After a warm-up the two take turns, `ROUNDS` times, so that a busy machine slows both.

    Raises:
        BundleError: torch is not installed, or the bundle cannot be used.
        ValueError: none of the photos can be read.
    """
    contents, threads = _readable(photos, bundle, limit), available_cores()
    plain = open_embedder(bundle, runtime="torch", device="cpu")
    ours = open_embedder(bundle, threads=threads)
    with _torch_threads(threads):
        (plain_seconds, expected), (seconds, vectors) = _fastest(
            [partial(_plain, embedder=plain), partial(_ours, embedder=ours)], contents
        )
    return EmbedBenchmark(
        photos=len(contents),
        plain_rate=len(contents) / plain_seconds,
        rate=len(contents) / seconds,
        precision=ours.precision,
        threads=threads,
        decoders=DECODERS,
        size=bundle.preprocessing.size,
        cosine=float(np.median((expected * vectors).sum(axis=1))),
        machine=_machine(),
    )


def render(benchmark: EmbedBenchmark) -> str:
    """Return the benchmark as lines of text."""
    b, machine = benchmark, benchmark.machine
    features = ", ".join(name for name, there in (("bf16", machine.bf16), ("AMX", machine.amx)) if there) or "no bf16"
    return "\n".join(
        (
            f"Embedding {b.photos} photos at {b.size} px, from bytes to vectors",
            f"  plain:     {b.plain_rate:8.1f} photos/s  one at a time, Pillow, eager torch f32, {b.threads} threads",
            f"  lookalike: {b.rate:8.1f} photos/s  {b.decoders} decoders, batches, OpenVINO {b.precision}, "
            f"{b.threads} threads",
            f"  ratio:     {b.ratio:8.2f}           median cosine between the two: {b.cosine:.4f}",
            f"  machine:   {machine.processor}, {machine.cores} cores ({features}), "
            f"torch {machine.torch}, OpenVINO {machine.openvino}",
        )
    )


def _plain(contents: Sequence[bytes], embedder: Embedder) -> NDArray[np.float32]:
    size = embedder.bundle.preprocessing.size
    vectors = []
    for content in contents:
        image = Image.open(io.BytesIO(content)).convert("RGB").resize((size, size))
        vectors.append(embedder.embed(np.asarray(image)[None]).vectors[0])
    return np.stack(vectors)


def _ours(contents: Sequence[bytes], embedder: Embedder) -> NDArray[np.float32]:
    vectors = np.empty((len(contents), embedder.bundle.vector_size), np.float32)
    for row, result in embed_all(enumerate(contents), embedder, decoders=DECODERS):
        if not isinstance(result, EmbeddedPhoto):
            raise result
        vectors[row] = result.vector
    return vectors


def _fastest(
    ways: Sequence[Callable[[Sequence[bytes]], NDArray[np.float32]]], contents: Sequence[bytes]
) -> list[tuple[float, NDArray[np.float32]]]:
    """Return, for each way, the seconds that its fastest round took, and the vectors it made."""
    vectors = [embed(contents[:_WARM_UP]) for embed in ways]
    seconds = [math.inf] * len(ways)
    for _ in range(ROUNDS):
        for i, embed in enumerate(ways):
            start = time.perf_counter()
            vectors[i] = embed(contents)
            seconds[i] = min(seconds[i], time.perf_counter() - start)
    return list(zip(seconds, vectors, strict=True))


@contextmanager
def _torch_threads(threads: int) -> Iterator[None]:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _readable(photos: Sequence[Path], bundle: Bundle, limit: int) -> list[bytes]:
    contents: list[bytes] = []
    for path in photos:
        content = path.read_bytes()
        with suppress(PhotoError):
            bundle.preprocessing.load(content)
            contents.append(content)
        if len(contents) >= limit:
            break
    if not contents:
        raise ValueError(f"None of the {len(photos)} photos can be read.")
    return contents


def _machine() -> Machine:
    import torch

    core = load_openvino().Core()
    return Machine(
        processor=core.get_property("CPU", "FULL_DEVICE_NAME"),
        cores=available_cores(),
        bf16="BF16" in processor_capabilities(),
        amx=bool(torch.cpu.get_capabilities().get("amx_bf16", False)),
        torch=version("torch"),
        openvino=version("openvino"),
    )
