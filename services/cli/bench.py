"""`lookalike bench`: measure speed and accuracy against named baselines."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar

import typer

from services.bench import duplicates, embed, freshness, imports, ingest, ood, requests, search
from services.bench.report import ResultTable
from services.cli.terminal.console import output, print_json, print_table, stage_bars
from services.cli.terminal.listening import DEFAULT_PORT
from services.cli.terminal.resources import open_resources
from services.ingest.pipeline.progress import StageCounter

if TYPE_CHECKING:
    from collections.abc import Callable

    from services.bench.report import BenchmarkReport

bench_app = typer.Typer(help="Measure speed and accuracy against named baselines.", no_args_is_help=True)

Benchmark = TypeVar("Benchmark")

Json = Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")]
Model = Annotated[
    str | None, typer.Option(help="Model version, or folder of a model bundle.", show_default="the live model")
]


@bench_app.command("embed")
def bench_embed(
    limit: Annotated[int, typer.Option(help="Number of photos to time.", min=10)] = 200,
    recall_photos: Annotated[
        int, typer.Option(help="Number of photos for comparing the precisions' recall; 0 for none.", min=0)
    ] = 1000,
    model: Model = None,
    json: Json = False,
) -> None:
    """Compare embedding in each precision with the plain way.

    The plain way embeds one photo at a time, in eager float32 torch.
    """
    with open_resources() as resources:
        benchmark = embed.measure_embedding(resources, model=model, limit=limit, recall_limit=recall_photos)
    _print(benchmark, embed.render, json=json)


@bench_app.command("ingest")
def bench_ingest(
    limit: Annotated[int, typer.Option(help="Number of photos.", min=10)] = 1000,
    model: Model = None,
    json: Json = False,
) -> None:
    """Compare embedding stored files into a database with the limits of decoding and the network.

    It writes to a temporary database.
    """
    with open_resources() as resources, stage_bars() as progress:
        benchmark = ingest.measure_ingest(resources, model=model, limit=limit, progress=progress)
    _print(benchmark, ingest.render, json=json)


@bench_app.command("search")
def bench_search(
    count: Annotated[int, typer.Option(help="Number of photos in the index.", min=1000)] = 100_000,
    queries: Annotated[int, typer.Option(help="Number of searches per row.", min=1)] = 200,
    engine: Annotated[Literal["faiss", "qdrant", "both"], typer.Option(help="Engine to measure.")] = "both",
    qdrant_url: Annotated[
        str, typer.Option(help="URL of a Qdrant server.", show_default="Qdrant Edge in a temporary folder")
    ] = "",
    json: Json = False,
) -> None:
    """Compare the hits of each engine with the true ones, under every kind of filter.

    The indexes hold random embeddings that resemble the stored ones.
    Building Qdrant's graph takes minutes for 100,000 photos.
    """
    with open_resources() as resources, stage_bars() as progress:
        benchmark = search.measure_search(
            resources.database,
            count=count,
            queries=queries,
            engines=engine,
            qdrant_url=qdrant_url,
            progress=progress,
        )
    _print(benchmark, search.render, json=json)


@bench_app.command("requests")
def bench_requests(
    threads: Annotated[
        list[int] | None,
        typer.Option(help="Number of concurrent requests; repeat it for more rows. [default: 1 2 4 8 16 32]"),
    ] = None,
    number: Annotated[int, typer.Option("--requests", help="Number of requests per row, round and way.", min=1)] = 256,
    json: Json = False,
) -> None:
    """Compare embedding concurrent requests in batches with embedding them one by one."""
    with open_resources(needs_model=True) as resources:
        benchmark = requests.measure_requests(
            resources.embedder(),
            threads=threads or (1, 2, 4, 8, 16, 32),
            requests=number,
            limits=resources.batch_limits,
        )
    _print(benchmark, requests.render, json=json)


@bench_app.command("freshness")
def bench_freshness(
    url: Annotated[str, typer.Option(help="URL of a running server.")] = f"http://127.0.0.1:{DEFAULT_PORT}",
    search_url: Annotated[
        str, typer.Option(help="URL of the search service, if it runs separately.", show_default="the same server")
    ] = "",
    key: Annotated[
        str, typer.Option(help="API key that may write.", envvar=["LOOKALIKE_API_KEY", "LOOKALIKE_KEY"])
    ] = "",
    changes: Annotated[int, typer.Option(help="Number of listings to add and delete.", min=1)] = 100,
    json: Json = False,
) -> None:
    """Measure how soon a running server finds new listings, and no longer finds deleted ones."""
    with stage_bars() as progress:
        benchmark = freshness.measure_freshness(
            url,
            search_url=search_url,
            key=key,
            changes=changes,
            progress=StageCounter(progress, "change listings", changes),
        )
    _print(benchmark, freshness.render, json=json)


@bench_app.command("import")
def bench_import(
    listings: Annotated[int, typer.Option(help="Number of listings, with one photo each.", min=10)] = 100_000,
    json: Json = False,
) -> None:
    """Measure the speed and memory of a bulk import of generated listings.

    It runs `lookalike ingest` with small photos, temporary SQLite, FAISS and Qdrant Edge stores, and a fake network.
    """
    with stage_bars() as progress:
        benchmark = imports.measure_import(listings, progress)
    _print(benchmark, imports.render, json=json)


@bench_app.command("duplicates")
def bench_duplicates(
    limit: Annotated[int, typer.Option(help="Number of photos to edit in every way.", min=1)] = 500,
    json: Json = False,
) -> None:
    """Measure how well edited copies of photos are recognised, and count the review decisions."""
    with open_resources() as resources, stage_bars() as progress:
        benchmark = duplicates.measure_duplicates(resources, limit=limit, progress=progress)
    _print(benchmark, duplicates.render, json=json)


@bench_app.command("ood")
def bench_ood(
    foreign: Annotated[
        list[Path] | None,
        typer.Option(help="Folder with photos that belong in no category; repeat it for more sets."),
    ] = None,
    limit: Annotated[int, typer.Option(help="Number of photos of each folder, drawn at random.", min=1)] = 500,
    model: Model = None,
    json: Json = False,
) -> None:
    """Compare scores that tell foreign photos from the catalogue's (out-of-distribution detection).

    It draws foreign pictures itself, too: plain ones, squares, gradients, noise and text.
    The catalogue's photos are those of listings that the model was not trained on.
    """
    with open_resources() as resources, stage_bars() as progress:
        benchmark = ood.measure_ood(resources, model=model, folders=foreign or [], limit=limit, progress=progress)
    _print(benchmark, ood.render, json=json)


def _print(benchmark: Benchmark, render: Callable[[Benchmark], BenchmarkReport], *, json: bool) -> None:
    if json:
        print_json(benchmark)
        return
    for part in render(benchmark):
        if isinstance(part, ResultTable):
            print_table(part.title, part.columns, part.rows)
        else:
            output.print(part)
