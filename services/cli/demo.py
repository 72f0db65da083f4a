"""`lookalike demo`: a sample catalogue, from nothing to a running search."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from db import generations, keys, photos
from ml.bundle import Bundle
from ml.recipes import FINE_TUNED
from ml.sample import MODEL
from services.cli.console import console, output, print_table, stage_bars
from services.cli.ingest import save_rejects, show_summary
from services.cli.opening import open_resources, read_settings
from services.cli.serve import DEFAULT_PORT, check_port, run
from services.errors import Conflict, ModelMissing
from services.ingest.job_progress import JobCancelled
from services.ingest.sample import find_copies, ingest_sample
from services.ingest.stored_quality import measure_stored
from services.ingest.training import train_and_promote

if TYPE_CHECKING:
    import threading

    from services.ingest.progress import Progress
    from services.resources import Resources


class DemoRecord(msgspec.Struct, frozen=True):
    """What the demo built; it stands in `demo.json` once everything is done."""

    listings: int
    model_version: str
    metrics: dict[str, float]
    seconds: float


def demo(
    serve: Annotated[bool, typer.Option("--serve/--no-serve", help="Serve it, from the first photo on.")] = True,
    train: Annotated[
        bool, typer.Option("--train", help="Fine-tune the model on a demo that stands, and make it live.")
    ] = False,
    data_dir: Annotated[Path, typer.Option(help="Where the demo keeps everything.")] = Path("data/demo"),
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = DEFAULT_PORT,
    listing_count: Annotated[int, typer.Option("--listings", help="Number of sample listings.", min=26)] = 600,
) -> None:
    """Draw a sample catalogue, clean it, embed and index its photos, look for copies, and serve it meanwhile."""
    if serve and not train:
        check_port(host, port, remedy='use --port {port} (make demo DEMO="--port {port}")')
    with open_resources(read_settings(data_dir=data_dir), creating=True) as resources:
        if train:
            _train(resources, listing_count)
        elif serve:
            _serve(resources, listing_count, host=host, port=port)
        elif (record := _standing(resources, listing_count)) is not None:
            _show(resources, record, f"http://{host}:{port}")
        else:
            _build(resources, listing_count)


def _serve(resources: Resources, count: int, *, host: str, port: int) -> None:
    url = f"http://{host}:{port}"
    if (record := _standing(resources, count)) is not None:
        _show(resources, record, url)
        run(resources, host=host, port=port)
        return
    resources.begin_with(Bundle.load(MODEL))

    def build(stopping: threading.Event) -> None:
        try:
            _build(resources, count, url=url, stopping=stopping)
        except JobCancelled:
            if not stopping.is_set():
                raise

    run(resources, host=host, port=port, beside=build)


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


def _build(
    resources: Resources, count: int, *, url: str | None = None, stopping: threading.Event | None = None
) -> None:
    """Build the demo; with `url`, the process serves it there meanwhile, until `stopping` is set."""
    started, home = time.monotonic(), resources.settings.data_dir
    version = resources.begin_with(Bundle.load(MODEL)).model_version
    with stage_bars() as bars:
        progress = _watched(resources, bars, url, stopping)
        job_id, ledger = ingest_sample(
            resources, home / "catalogue", listings=count, progress=progress, served=url is not None
        )
        progress("measure", 0, None)
        metrics = measure_stored(resources, version)
    save_rejects(resources, job_id, home / "rejects.csv")
    show_summary(ledger.summary(), home / "rejects.csv")
    record = DemoRecord(count, version, metrics, time.monotonic() - started)
    (home / "demo.json").write_bytes(msgspec.json.encode(record))
    console.print(f"Built in {record.seconds:.0f} s.")
    _show(resources, record, url or f"http://127.0.0.1:{DEFAULT_PORT}")
    if resources.settings.duplicates:
        with stage_bars() as bars:
            pairs = find_copies(resources, _watched(resources, bars, None, stopping), served=url is not None)
        console.print(f"Every photo was compared with those nearest to it: {pairs} pairs of copies.")


def _watched(resources: Resources, bars: Progress, url: str | None, stopping: threading.Event | None) -> Progress:
    """Return progress that is shown as bars, says once when photos can be searched, and ends the work when stopped."""
    announced = url is None

    def progress(stage: str, done: int, total: int | None) -> None:
        nonlocal announced
        if stopping is not None and stopping.is_set():
            raise JobCancelled
        if not announced and _any_searchable(resources):
            announced = True
            console.print(f"The first photos can be searched, and more are coming: {url}")
        bars(stage, done, total)

    return progress


def _any_searchable(resources: Resources) -> bool:
    live = resources.live.current()
    return any(opened.index.count() for opened in live.opened.values())


def _train(resources: Resources, count: int) -> None:
    """Fine-tune the shipped model on the catalogue's listings, print what it gained, and make it live."""
    if _standing(resources, count) is None:
        _build(resources, count)
    with resources.database.read() as session:
        live = generations.live_generation(session)
    if live is None:
        raise ModelMissing
    started = time.monotonic()
    with stage_bars() as progress:
        trained = train_and_promote(resources, weights=MODEL, config=FINE_TUNED, progress=progress)
        if trained is None:
            raise Conflict("The demo is trained by one process: start it without torchrun.")
        held_out = set(trained.bundle.split.held_out) if trained.bundle.split else set()
        progress("measure", 0, None)
        before = measure_stored(resources, live.model_version, listing_ids=held_out)
        after = measure_stored(resources, trained.bundle.version, listing_ids=held_out)
    columns = ["", f"before ({live.model_version})", f"after ({trained.bundle.version})"]
    rows = [(_name(name), _share(before[name]), _share(after[name])) for name in after if name in before]
    print_table(f"On {len(held_out)} listings that neither was trained on", columns, rows)
    seconds = time.monotonic() - started
    output.print(
        f"Model {trained.bundle.version} is live as generation {trained.generation.id}, after {seconds:.0f} s; "
        "a server that runs uses it from now on. To go back: lookalike index rollback",
        soft_wrap=True,
    )


def _show(resources: Resources, record: DemoRecord, url: str) -> None:
    rows = [(_name(name), _share(value)) for name, value in record.metrics.items()]
    print_table("On listings that the model has not seen: all of these", ["", "measured"], rows)
    _suggest(resources, url)


def _name(figure: str) -> str:
    return figure.replace("_", " ")


def _share(value: float) -> str:
    return f"{value:.3f}" if value <= 1 else f"{value:.0f}"


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
    output.print("  A model of your own, fine-tuned on these listings while the page stays open\n    make train")
    output.print(f"Every call: {url}/docs", soft_wrap=True)
    if guarded:
        home = resources.settings.data_dir
        output.print(
            f"There are API keys: for KEY put in one (LOOKALIKE_DATA_DIR={home} lookalike keys create --role read).",
            soft_wrap=True,
        )
