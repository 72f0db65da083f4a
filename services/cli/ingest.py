"""`lookalike ingest`: load a listings file and its photos."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ml.sample import MODEL
from services.cli.terminal.console import console, output, print_json, stage_bars
from services.cli.terminal.reports import Reports, print_summary
from services.cli.terminal.resources import open_resources
from services.ingest.feeds.columns import Columns
from services.ingest.loading.inputs import IngestInputs
from services.ingest.pipeline.ingest_job import IngestResult, create_ingest_job, run_ingest

WarningsFile = Annotated[
    Path | None,
    typer.Option(
        help="File to write warnings to: what was repaired, guessed or left out in accepted records. "
        "By default, warnings.csv beside the rejects."
    ),
]


def ingest(
    listings: Annotated[Path, typer.Argument(help="Listings file: CSV, TSV, JSON Lines or Parquet, also as .gz.")],
    photos_table: Annotated[
        Path | None, typer.Option(help="Table that maps photo ids to listing ids, in any of these formats.")
    ] = None,
    photo_dir: Annotated[Path | None, typer.Option(help="Folder with the photos.")] = None,
    photo_zip: Annotated[Path | None, typer.Option(help="Zip or tar archive with the photos.")] = None,
    fetch_photos: Annotated[
        bool, typer.Option("--fetch-photos", help="Download photos that the listings name by URL.")
    ] = False,
    columns: Annotated[Path | None, typer.Option(help="TOML file that maps your column names to ours.")] = None,
    rejects: Annotated[Path, typer.Option(help="File to write rejected records to, with reasons.")] = Path(
        "rejects.csv"
    ),
    warnings: WarningsFile = None,
    json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Clean listings, store and embed their photos, and update the indexes.

    Run it again at any time: unchanged listings and photos are skipped, and an interrupted run continues.
    """
    if photo_dir and photo_zip:
        raise typer.BadParameter("use either --photo-dir or --photo-zip, not both")
    reports = Reports.beside(rejects, warnings)
    inputs = IngestInputs(
        listings=listings,
        photos_table=photos_table,
        photos=photo_dir or photo_zip,
        fetch_photos=fetch_photos,
        columns=Columns.from_toml(columns) if columns else Columns(),
    )
    with open_resources(create=True) as resources:
        job_id = create_ingest_job(resources, inputs)
        with stage_bars() as progress:
            result = run_ingest(resources, job_id, inputs, progress)
        reports.save(resources, job_id)
        if json:
            print_json(result.summary)
        else:
            _print(result, reports)


def _print(result: IngestResult, reports: Reports) -> None:
    print_summary(result.summary, reports)
    if result.embedding_seconds is None:
        console.print(
            "There is no model yet, so no photos were embedded. Next: lookalike train. To try search without training, "
            f"set LOOKALIKE_MODEL={MODEL} (the demo's model, which knows only drawn items) and ingest again.",
            soft_wrap=True,
        )
        return
    embedded, seconds = result.summary.counts["photos_embedded"], result.embedding_seconds
    output.print(
        f"Embedded {embedded} photos in {seconds:.1f} s "
        f"({embedded / seconds:.0f} photos/s, from stored file to committed embedding); "
        f"{result.summary.counts['photos_failed']} failed."
    )
