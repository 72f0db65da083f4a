"""`lookalike demo`: a sample catalogue, from nothing to a running search."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from db import generations, keys, photos
from ml.sample import render_sample
from services.cli.console import console, output, stage_bars
from services.cli.ingest import save_rejects, show_summary
from services.cli.opening import open_resources, read_settings
from services.cli.serve import DEFAULT_PORT, check_port, run
from services.cli.train import choose_weights, print_quality
from services.errors import Conflict
from services.ingest.ledger import Ledger
from services.ingest.pipeline import IngestInputs, create_ingest_job, run_ingest
from services.ingest.training import train_and_promote

if TYPE_CHECKING:
    from services.resources import Resources


class DemoRecord(msgspec.Struct, frozen=True):
    """What the demo built; it stands in `demo.json` once everything is done."""

    listings: int
    model_version: str
    metrics: dict[str, float]
    seconds: float


def demo(
    serve: Annotated[bool, typer.Option("--serve/--no-serve", help="Serve when everything stands.")] = True,
    data_dir: Annotated[Path, typer.Option(help="Where the demo keeps everything.")] = Path("data/demo"),
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = DEFAULT_PORT,
    listing_count: Annotated[int, typer.Option("--listings", help="Number of sample listings.", min=26)] = 600,
    weights: Annotated[str, typer.Option(help="ImageNet weights file, `download`, or `none`.")] = "none",
) -> None:
    """Render a sample catalogue, clean it, train on it, embed and index it, then serve it."""
    if serve:
        check_port(host, port, remedy='use --port {port} (make demo DEMO="--port {port}")')
    with open_resources(read_settings(data_dir=data_dir), creating=True) as resources:
        record = _standing(resources, listing_count) or _build(resources, listing_count, weights)
        print_quality(record.metrics)
        _suggest(resources, f"http://{host}:{port}")
        if serve:
            run(resources, host=host, port=port)


def _standing(resources: Resources, count: int) -> DemoRecord | None:
    """Return what an earlier run built, if it built all of it and from as many listings."""
    try:
        record = msgspec.json.decode((resources.settings.data_dir / "demo.json").read_bytes(), type=DemoRecord)
    except (FileNotFoundError, msgspec.DecodeError):
        return None
    with resources.database.read() as session:
        live = generations.live_generation(session)
    if live is None or record.listings != count:
        return None
    console.print(f"The demo of {record.listings} listings stands in {resources.settings.data_dir}; nothing to build.")
    return record


def _build(resources: Resources, count: int, weights: str) -> DemoRecord:
    started, home = time.monotonic(), resources.settings.data_dir
    catalogue = home / "catalogue"
    inputs = IngestInputs(catalogue / "listings.csv", catalogue / "photos.csv", catalogue / "photos")
    with stage_bars() as progress:
        render_sample(catalogue, listings=count, progress=progress)
        job_id = create_ingest_job(resources, inputs)
        run_ingest(resources, job_id, inputs, progress)
        chosen = choose_weights(weights, resources, progress)
        trained = train_and_promote(resources, weights=chosen, progress=progress)
    if trained is None:
        raise Conflict("The demo is built by one process: start it without torchrun.")
    ledger = Ledger(resources.database, job_id)
    ledger.count_embedded()
    save_rejects(resources, job_id, home / "rejects.csv")
    show_summary(ledger.summary(), home / "rejects.csv")
    if chosen is None:
        console.print("Trained from random weights at a small size: demo quality, good enough to see it work.")
    record = DemoRecord(count, trained.bundle.version, dict(trained.bundle.metrics), time.monotonic() - started)
    (home / "demo.json").write_bytes(msgspec.json.encode(record))
    console.print(f"Built from nothing in {record.seconds:.0f} s.")
    return record


def _suggest(resources: Resources, url: str) -> None:
    """Print three things to try, with photos and listings that exist, and a place for the key where one is needed."""
    with resources.database.read() as session:
        guarded = keys.any_key(session)
        first = photos.labelled(session)[0]
        (row,) = photos.photos_by_id(session, [first.photo_id])
    photo, listing_id = resources.settings.data_dir / "catalogue" / "photos" / row.source, first.listing_id
    curl = "curl -s -H 'Authorization: Bearer KEY'" if guarded else "curl -s"
    output.print(f"\nSearch with your eyes: {url}", style="bold", soft_wrap=True)
    output.print("\nThree things to try, from another terminal:", style="bold")
    for title, command in (
        ("What looks like this photo?", f"{curl} -F image=@{photo} -F k=3 {url}/v1/search"),
        ("Which category is it?", f"{curl} -F image=@{photo} {url}/v1/classify"),
        (
            "More like this listing, for under 50 pounds",
            f"{curl} '{url}/v1/listings/{listing_id}/similar?price_max=50'",
        ),
    ):
        output.print(f"  {title}\n    {command}", soft_wrap=True)
    output.print(f"Every call: {url}/docs", soft_wrap=True)
    if guarded:
        home = resources.settings.data_dir
        output.print(
            f"There are API keys: for KEY put in one (LOOKALIKE_DATA_DIR={home} lookalike keys create --role read).",
            soft_wrap=True,
        )
