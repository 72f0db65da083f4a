"""`lookalike ingest`: load a listings file and its photos."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ml.sample import MODEL
from services.cli.terminal.console import console, output, print_json, stage_bars
from services.cli.terminal.reports import Reports, print_summary
from services.cli.terminal.resources import open_resources
from services.ingest.cleaning.text import clean_line
from services.ingest.feeds.columns import Columns
from services.ingest.feeds.presets import preset_names
from services.ingest.loading.inputs import MAX_REMOVED, IngestInputs, IngestOptions, parse_share
from services.ingest.pipeline.ingest_job import IngestResult, create_ingest_job, run_ingest

_WarningsFile = Annotated[
    Path | None,
    typer.Option(
        help="File to write warnings to: what was repaired, guessed or left out in accepted records. "
        "By default, warnings.csv beside the rejects."
    ),
]


class Photos(StrEnum):
    """What becomes of photos that the files no longer name."""

    REPLACE = "replace"
    KEEP = "keep"


class Missing(StrEnum):
    """What becomes of listings that the file no longer has."""

    REMOVE = "remove"
    SOLD = "sold"


_Listings = Annotated[Path, typer.Argument(help="Listings file: CSV, TSV, JSON Lines or Parquet, also as .gz.")]
_PhotosTable = Annotated[
    Path | None, typer.Option(help="Table that maps photo ids to listing ids, in any of these formats.")
]
_FetchPhotos = Annotated[bool, typer.Option("--fetch-photos", help="Download photos that the listings name by URL.")]
_Columns = Annotated[Path | None, typer.Option(help="TOML file that maps your column names to ours.")]
_Preset = Annotated[str, typer.Option(help=f"Column names of a well-known export: {', '.join(preset_names())}.")]
_KeepOrReplace = Annotated[
    Photos, typer.Option(help="Photos that the files no longer name: replace removes them, keep keeps them.")
]
_KeepUnpriced = Annotated[
    bool, typer.Option("--keep-unpriced", help="Accept listings with an unreadable price, without the price.")
]
_Seller = Annotated[
    str,
    typer.Option(
        help="The file is this seller's feed: its listings get this seller, and --sync removes no other seller's.",
    ),
]
_Sync = Annotated[bool, typer.Option("--sync", help="Remove listings that the file does not have.")]
_DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Write nothing: only count what would be new, updated, unchanged and removed.")
]
_MaxRemoved = Annotated[
    str | None,
    typer.Option(
        metavar="SHARE",
        help="With --sync: largest share of the listings that may be removed, such as 20% (the default) or 0.2.",
    ),
]
_Missing = Annotated[
    Missing | None,
    typer.Option(help="With --sync: remove missing listings (the default), or mark them sold.", show_default=False),
]
_Rejects = Annotated[Path, typer.Option(help="File to write rejected records to, with reasons.")]


def ingest(
    listings: _Listings,
    photos_table: _PhotosTable = None,
    photo_dir: Annotated[Path | None, typer.Option(help="Folder with the photos.")] = None,
    photo_zip: Annotated[Path | None, typer.Option(help="Zip or tar archive with the photos.")] = None,
    fetch_photos: _FetchPhotos = False,
    columns: _Columns = None,
    preset: _Preset = "",
    photos: _KeepOrReplace = Photos.REPLACE,
    keep_unpriced: _KeepUnpriced = False,
    seller: _Seller = "",
    sync: _Sync = False,
    dry_run: _DryRun = False,
    max_removed: _MaxRemoved = None,
    missing: _Missing = None,
    rejects: _Rejects = Path("rejects.csv"),
    warnings: _WarningsFile = None,
    json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Clean listings, store and embed their photos, and update the indexes.

    Run it again at any time: unchanged listings and photos are skipped, and an interrupted run continues.
    """
    _check(photo_dir and photo_zip, "use either --photo-dir or --photo-zip, not both")
    _check(not sync and (max_removed or missing), "--max-removed and --missing need --sync")
    reports = Reports.beside(rejects, warnings)
    options = IngestOptions(
        columns=Columns.from_toml(columns, preset=preset) if columns else Columns.of_preset(preset),
        preset=preset,
        fetch_photos=fetch_photos,
        keep_photos=photos is Photos.KEEP,
        keep_unpriced=keep_unpriced,
        seller=clean_line(seller),
        sync=sync,
        dry_run=dry_run,
        max_removed=MAX_REMOVED if max_removed is None else parse_share(max_removed),
        mark_sold=missing is Missing.SOLD,
    )
    _run(IngestInputs(listings, photos_table, photo_dir or photo_zip, options), reports, as_json=json)


def _check(is_wrong: object, message: str) -> None:
    if is_wrong:
        raise typer.BadParameter(message)


def _run(inputs: IngestInputs, reports: Reports, *, as_json: bool) -> None:
    with open_resources(create=True) as resources:
        job_id = create_ingest_job(resources, inputs)
        with stage_bars() as progress:
            result = run_ingest(resources, job_id, inputs, progress)
        reports.save(resources, job_id)
        if as_json:
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
