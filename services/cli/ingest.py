"""`lookalike ingest`: load a listings file and its photos."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from services.cli.ingest_run import reported, run_reported
from services.cli.terminal.exit_codes import ExitCode
from services.cli.terminal.previews import print_preview
from services.cli.terminal.reports import Reports
from services.ingest.cleaning.text import clean_line
from services.ingest.feeds.columns import Columns
from services.ingest.feeds.mapping_files import columns_of_preset, read_columns
from services.ingest.feeds.presets import preset_names
from services.ingest.loading.inputs import MAX_REMOVED, IngestInputs, IngestOptions, parse_share
from services.ingest.loading.preview import preview as read_preview
from services.ingest.tables.formats import TABLE_FORMATS

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


_Listings = Annotated[Path, typer.Argument(help=f"Listings file: {TABLE_FORMATS}.")]
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
_MaxRejected = Annotated[
    str | None,
    typer.Option(
        metavar="SHARE",
        help="Largest share of the listings that may be rejected, such as 5%: above it, the exit code is 3.",
    ),
]
_Preview = Annotated[
    bool,
    typer.Option(
        "--preview",
        help="Write nothing: show how the first ten records will be read, or a mapping to copy if columns are missing.",
    ),
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
    max_rejected: _MaxRejected = None,
    preview: _Preview = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object, also when the ingest fails.")] = False,
) -> None:
    """Clean listings, store and embed their photos, and update the indexes.

    Run it again at any time: unchanged listings and photos are skipped, and an interrupted run continues.

    Exit codes: 0 done; 1 failed; 2 wrong options; 3 done, but more records were rejected than --max-rejected, no
    listing uses a photo, or a sync removed nothing as ids are unreadable; 4 a sync would remove too many; 5 another.
    """
    with reported(as_json=json and not preview) as report:
        _check(photo_dir and photo_zip, "use either --photo-dir or --photo-zip, not both")
        _check(not sync and (max_removed or missing), "--max-removed and --missing need --sync")
        options = IngestOptions(_mapping(columns, preset), preset, fetch_photos, photos is Photos.KEEP, keep_unpriced)
        options = replace(options, seller=clean_line(seller), sync=sync, dry_run=dry_run)
        options = replace(options, mark_sold=missing is Missing.SOLD, max_removed=_share(max_removed, MAX_REMOVED))
        inputs = IngestInputs(listings, photos_table, photo_dir or photo_zip, options)
        if preview:
            report.exit_code = _print_preview(inputs, as_json=json)
            return
        reports = Reports.beside(rejects, warnings)
        run_reported(inputs, reports, report, max_rejected=_share(max_rejected, 1.0), quiet=json)


def _print_preview(inputs: IngestInputs, *, as_json: bool) -> ExitCode:
    has_photo_table = inputs.photos_table is not None
    return print_preview(
        read_preview(inputs.listings, inputs.options, has_photo_table=has_photo_table), as_json=as_json
    )


def _mapping(columns: Path | None, preset: str) -> Columns:
    return read_columns(columns, preset=preset) if columns else columns_of_preset(preset)


def _check(is_wrong: object, message: str) -> None:
    if is_wrong:
        raise typer.BadParameter(message)


def _share(text: str | None, default: float) -> float:
    return default if text is None else parse_share(text)
