"""`lookalike bench import`: how fast bulk import is, and whether its memory is flat, with a fake network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from services.bench.imports import measure_import
from services.cli.terminal.console import output, print_json, print_table, stage_bars

if TYPE_CHECKING:
    from services.bench.imports import ImportBenchmark, StageFigures


def bench_import(
    listings: Annotated[int, typer.Option(help="Listings to import, with one photo each.", min=10)] = 100_000,
    json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
) -> None:
    """Import generated listings in bulk into scratch SQLite, FAISS and Qdrant Edge; FixedEmbedder, a fake, embeds.

    Everything but the network is what `lookalike ingest` runs. The photos are small and no two are alike.
    """
    with stage_bars() as progress:
        measured = measure_import(listings, progress)
    if json:
        print_json(measured)
    else:
        _show(measured)


def _show(measured: ImportBenchmark) -> None:
    rows = [_row(figures) for figures in measured.stages]
    whole = ("in all", f"{measured.seconds:.1f}", f"{measured.rows_per_second:.0f}", "", "")
    print_table(
        f"Import of {measured.listings} listings with {measured.photos} photos",
        ["stage", "seconds", "rows/s", "MiB, first tenth", "MiB, last tenth"],
        [*rows, whole],
    )
    held = ", ".join(f"{engine} {photos}" for engine, photos in measured.indexed.items())
    output.print(
        f"embedded by {measured.embedder}\n"
        f"  inside it:       {measured.embedder_seconds:.1f} s of the processor; "
        f"{100 * measured.share_outside_embedder:.1f} % of the time was spent outside\n"
        f"  indexed photos:  {held}\n"
        f"  resident memory: {measured.memory_before_mib:.0f} MiB before, "
        f"{measured.memory_peak_mib:.0f} MiB at its peak",
        soft_wrap=True,
    )


def _row(figures: StageFigures) -> tuple[str, ...]:
    numbers = (figures.rows_per_second, figures.first_tenth_mib, figures.last_tenth_mib)
    return (
        figures.stage,
        f"{figures.seconds:.1f}",
        *("" if number is None else f"{number:.0f}" for number in numbers),
    )
