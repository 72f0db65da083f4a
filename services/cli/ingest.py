"""`lookalike ingest`: load a listings file and its photos."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from db.rows import jobs
from ml.sample import MODEL
from services.cli.terminal.console import console, output, print_json, print_table, stage_bars
from services.cli.terminal.resources import open_resources
from services.errors import BadInput
from services.ingest.feeds.columns import Columns
from services.ingest.feeds.rejects import write_rejects
from services.ingest.loading.inputs import IngestInputs
from services.ingest.pipeline.ingest_job import IngestResult, create_ingest_job, run_ingest

if TYPE_CHECKING:
    from services.ingest.loading.ledger import IngestSummary
    from services.resources import Resources


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
    json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Clean listings, store and embed their photos, and update the indexes.

    Run it again at any time: unchanged listings and photos are skipped, and an interrupted run continues.
    """
    if photo_dir and photo_zip:
        raise typer.BadParameter("use either --photo-dir or --photo-zip, not both")
    if not rejects.parent.is_dir():
        raise BadInput(f"--rejects {rejects}: the folder {rejects.parent} does not exist. Create it first.")
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
        save_rejects(resources, job_id, rejects)
        if json:
            print_json(result.summary)
        else:
            _print(result, rejects)


def _print(result: IngestResult, rejects: Path) -> None:
    print_summary(result.summary, rejects)
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


def print_summary(summary: IngestSummary, rejects: Path) -> None:
    """Print the counts of an ingest run, and the reasons for its rejects."""
    counts = summary.counts
    print_table(
        "Ingest",
        ["", "read", "accepted", "rejected", "duplicates", "new", "changed", "unchanged"],
        [_row(counts, "listings", "updated"), _row(counts, "photos", "replaced")],
    )
    if summary.reasons:
        print_table("Rejected or not embedded", ["reason", "records"], summary.reasons.items())
        output.print(f"File, line and reason of each record: {rejects}", soft_wrap=True)


def _row(counts: dict[str, int], kind: str, changed: str) -> list[object]:
    names = ("read", "accepted", "rejected", "duplicates", "new", changed, "unchanged")
    return [kind, *(counts[f"{kind}_{name}"] for name in names)]


def save_rejects(resources: Resources, job_id: str, path: Path) -> None:
    """Write the rejected records of a job to a CSV file."""
    with resources.database.read() as session:
        write_rejects(path, jobs.rejects_of(session, job_id))
