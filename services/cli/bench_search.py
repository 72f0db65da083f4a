"""`lookalike bench search`: recall and speed of every engine under every kind of filter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from services.bench.search import measure_search
from services.cli.terminal.console import output, print_json, print_table, stage_bars
from services.cli.terminal.resources import open_resources

if TYPE_CHECKING:
    from services.bench.search import SearchBenchmark


def bench_search(
    count: Annotated[int, typer.Option(help="Photos in the collection.", min=1000)] = 100_000,
    queries: Annotated[int, typer.Option(help="Searches per row.", min=1)] = 200,
    engine: Annotated[Literal["faiss", "qdrant", "both"], typer.Option(help="What to measure.")] = "both",
    qdrant_url: Annotated[
        str, typer.Option(help="A Qdrant server.", show_default="Qdrant Edge in a temporary folder")
    ] = "",
    json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
) -> None:
    """Draw a collection like the live generation's embeddings, and compare every engine's hits with the true ones.

    Building Qdrant's graph takes minutes at 100,000 photos.
    """
    with open_resources() as resources, stage_bars() as progress:
        measured = measure_search(
            resources.database,
            count=count,
            queries=queries,
            engines=engine,
            qdrant_url=qdrant_url,
            progress=progress,
        )
    if json:
        print_json(measured)
    else:
        _show(measured)


def _show(b: SearchBenchmark) -> None:
    print_table(
        f"Cosine to the nth neighbour: 10th, 50th and 90th percentile of {b.fitted_on} photos",
        ["n", "stored", "drawn"],
        [(one.rank, _three(one.stored), _three(one.drawn)) for one in b.likeness],
    )
    print_table(
        f"Indexes of {b.count} drawn photos, with payloads",
        ["index", "build s", "bytes/photo in files", "parameters"],
        [
            (
                one.name,
                f"{one.seconds:.1f}",
                "" if one.bytes_per_vector is None else f"{one.bytes_per_vector:.0f}",
                ", ".join(f"{name} {value}" for name, value in one.parameters.items()),
            )
            for one in b.indexes
        ],
    )
    shapes = [one.shape for one in b.searches]
    print_table(
        f"Searches for 10 hits, one at a time, {b.queries} queries in each row",
        ["filter", "passes %", "plan", "ann recall@10", "p50 ms", "p95 ms"],
        [
            (s.shape, f"{100 * s.share:.2f}", s.plan, f"{s.ann_recall:.4f}", f"{s.p50_ms:.2f}", f"{s.p95_ms:.2f}")
            for s in sorted(b.searches, key=lambda one: shapes.index(one.shape))
        ],
    )
    output.print(f"machine: {b.machine}", soft_wrap=True)


def _three(cosines: tuple[float, ...]) -> str:
    return "  ".join(f"{cosine:.3f}" for cosine in cosines)
