"""The embedding benchmark as lines of text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.bench.embed_work import QUERY_SIZE

if TYPE_CHECKING:
    from services.bench.embed import EmbedBenchmark, PrecisionBenchmark


def render(benchmark: EmbedBenchmark) -> str:
    """Return what was compared, each way's figures, and the machine."""
    b = benchmark
    return "\n".join(
        (
            f"Embedding {b.photos} photos at {b.size} px, from bytes to vectors",
            f"  plain:      {b.plain_rate:8.1f} photos/s  one at a time, Pillow, eager torch f32, {b.threads} threads",
            *(line for one in b.precisions for line in _lines(one, b)),
            f"  decoding:   {b.decode_limit:8.1f} photos/s  without the network, {b.threads} threads",
            f"  machine:    {b.machine}",
        )
    )


def _lines(one: PrecisionBenchmark, b: EmbedBenchmark) -> tuple[str, ...]:
    width, height = QUERY_SIZE
    lines = (
        f"  ours, {one.precision + ':':5} {one.rate:8.1f} photos/s  {one.ratio:.2f} x plain; {b.decoders} decoders, "
        f"batches, OpenVINO, {b.threads} threads",
        f"              {one.network_limit:8.1f} photos/s  network alone; ours reaches {one.share:.2f} of the lesser "
        f"of this and decoding",
        f"              {one.p50_ms:8.1f} ms        to decode and embed one photo of {width} x {height} "
        f"(p99 {one.p99_ms:.1f} ms)",
        f"              {one.cosine_to_plain:8.4f}           median cosine to the plain way's vectors",
    )
    if one.quality is None:
        return lines
    found = one.quality
    return (
        *lines,
        f"              {found.recall_at_1:8.4f}           same-listing recall@1 of {found.photos} photos: "
        f"{found.loss:+.2f} points lost to f32, median cosine {found.cosine:.4f}",
    )
