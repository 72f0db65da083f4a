"""`lookalike bench`: speed against named baselines, on the photos at hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from services.bench.embed_text import render
from services.bench.ingest import bench_embedding, bench_ingesting
from services.cli.bench_search import bench_search
from services.cli.terminal.console import output, print_json, stage_bars
from services.cli.terminal.resources import open_resources

if TYPE_CHECKING:
    from services.bench.ingest import IngestBenchmark

bench_app = typer.Typer(help="Measure speed against named baselines.", no_args_is_help=True)
bench_app.command("search")(bench_search)

_Json = Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")]


@bench_app.command("embed")
def bench_embed(
    limit: Annotated[int, typer.Option(help="Number of photos to time.", min=10)] = 200,
    recall_photos: Annotated[
        int, typer.Option(help="Number of photos to compare the precisions' recall on; 0 for none.", min=0)
    ] = 1000,
    model: Annotated[
        str | None, typer.Option(help="A model version, or a bundle's folder.", show_default="the live model")
    ] = None,
    json: _Json = False,
) -> None:
    """Embed stored photos in each precision and the plain way (one at a time, eager float32 torch), and compare."""
    with open_resources() as resources:
        benchmark = bench_embedding(resources, model=model, limit=limit, recall_limit=recall_photos)
    if json:
        print_json(benchmark)
    else:
        output.print(render(benchmark), soft_wrap=True)


@bench_app.command("ingest")
def bench_ingest(
    limit: Annotated[int, typer.Option(help="Number of photos.", min=10)] = 1000,
    model: Annotated[
        str | None, typer.Option(help="A model version, or a bundle's folder.", show_default="the live model")
    ] = None,
    json: _Json = False,
) -> None:
    """Embed stored files into a scratch database, and compare with what decoding and the network allow."""
    with open_resources() as resources, stage_bars() as progress:
        benchmark = bench_ingesting(resources, model=model, limit=limit, progress=progress)
    if json:
        print_json(benchmark)
    else:
        _show(benchmark)


def _show(b: IngestBenchmark) -> None:
    output.print(
        f"From {b.photos} stored files to committed embeddings, in {b.precision}\n"
        f"  end to end: {b.rate:8.1f} photos/s  {b.share:.2f} of the lesser of\n"
        f"  decoding:   {b.decode_limit:8.1f} photos/s  without the network, {b.threads} threads\n"
        f"  network:    {b.network_limit:8.1f} photos/s  photos decoded beforehand, {b.threads} threads",
        soft_wrap=True,
    )
