"""`lookalike demo`: a sample catalogue, from nothing to a running search."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from db.locks import try_to_hold
from db.rows import generations, keys, photos
from ml.bundle.manifest import read_manifest
from ml.sample import MODEL
from ml.training.recipes import FINE_TUNED
from services.cli.ingest import save_rejects, show_summary
from services.cli.serve import DEFAULT_PORT, check_port, run
from services.cli.terminal.console import console, output, print_table, stage_bars
from services.cli.terminal.opening import open_resources, read_settings
from services.cli.train import figure_rows
from services.errors import Conflict, ModelMissing
from services.ingest.models.stored_quality import measure_stored
from services.ingest.models.training import train_and_promote
from services.ingest.pipeline.job_progress import JobCancelled
from services.ingest.sample import find_copies, ingest_sample

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterator

    from services.ingest.pipeline.progress import Progress
    from services.resources import Resources

_DATA_DIR = Path("data/demo")
_ASKS_EVERY_S = 0.2


class DemoRecord(msgspec.Struct, frozen=True):
    """What the demo built; it stands in `demo.json` once everything is done.

    Attributes:
        listings: number of sample listings.
        model_version: the model that was live.
        metrics: of that model, on listings that it has not seen; empty where it may have seen them.
        seconds: from the command to the last photo that could be searched.
    """

    listings: int
    model_version: str
    metrics: dict[str, float]
    seconds: float


def demo(
    serve: Annotated[bool, typer.Option("--serve/--no-serve", help="Serve it, from the first photo on.")] = True,
    train: Annotated[
        bool, typer.Option("--train", help="Fine-tune the model on the demo's listings, make it live, and end.")
    ] = False,
    data_dir: Annotated[Path, typer.Option(help="Where the demo keeps everything.")] = _DATA_DIR,
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
            return
        url = f"http://{host}:{port}"
        record = _built(resources, listing_count)
        if record is not None:
            console.print(f"The demo of {record.listings} listings is in {data_dir}; nothing to build.", soft_wrap=True)
            _show(resources, record, url)
        if not serve:
            if record is None:
                _build(resources, listing_count, url=url)
            _find_copies(resources)
        elif record is not None:
            run(resources, host=host, port=port)
        else:
            _build_and_serve(resources, listing_count, host=host, port=port)


def _build_and_serve(resources: Resources, count: int, *, host: str, port: int) -> None:
    def build(stopping: threading.Event) -> None:
        try:
            _build(resources, count, url=f"http://{host}:{port}", stopping=stopping)
            _find_copies(resources, stopping)
        except JobCancelled as error:
            if not stopping.is_set():
                console.print(str(error))

    resources.begin_with(MODEL)
    run(resources, host=host, port=port, beside=build)


def _built(resources: Resources, count: int | None) -> DemoRecord | None:
    """Return what an earlier run built, if it built all of it, and from `count` listings where that is given."""
    try:
        record = msgspec.json.decode((resources.settings.data_dir / "demo.json").read_bytes(), type=DemoRecord)
    except (FileNotFoundError, msgspec.DecodeError):
        return None
    with resources.database.read() as session:
        live = generations.live_generation(session)
    return record if live is not None and count in (None, record.listings) else None


def _build(resources: Resources, count: int, *, url: str, stopping: threading.Event | None = None) -> None:
    """Build the demo, unless another process has done so meanwhile.

    Args:
        resources: what it works with.
        count: number of listings.
        url: where it is or will be served.
        stopping: given where this process serves it already: set when the server stops.
    """
    started, home = time.monotonic(), resources.settings.data_dir
    with only_builder(resources, stopping), stage_bars() as bars:
        if _built(resources, count) is not None:
            return
        version = resources.begin_with(MODEL).model_version
        resources.load_live_model()  # refused now rather than after the photos are drawn
        progress = _watched(resources, bars, url, stopping)
        summary = ingest_sample(resources, home / "catalogue", listings=count, progress=progress)
        progress("measure", 0, None)
        metrics = measure_stored(resources, version) if version == read_manifest(MODEL).version else {}
    save_rejects(resources, summary.job_id, home / "rejects.csv")
    show_summary(summary, home / "rejects.csv")
    record = DemoRecord(count, version, metrics, time.monotonic() - started)
    (home / "demo.json").write_bytes(msgspec.json.encode(record))
    console.print(f"Built in {record.seconds:.0f} s.")
    _show(resources, record, url)


@contextmanager
def only_builder(resources: Resources, stopping: threading.Event | None) -> Iterator[None]:
    """Wait for another process that builds the demo, such as the one that serves it."""
    told = False
    while (held := try_to_hold(resources.database, "demo")) is None:
        if stopping is not None and stopping.is_set():
            raise JobCancelled
        if not told:
            console.print("Another process is building this demo; waiting for it.")
            told = True
        time.sleep(_ASKS_EVERY_S)
    try:
        yield
    finally:
        held.release()


def _until(stopping: threading.Event | None, bars: Progress) -> Progress:
    """Return progress that is shown as bars, and raises JobCancelled once the server stops."""

    def progress(stage: str, done: int, total: int | None) -> None:
        if stopping is not None and stopping.is_set():
            raise JobCancelled
        bars(stage, done, total)

    return progress


def _watched(resources: Resources, bars: Progress, url: str, stopping: threading.Event | None) -> Progress:
    """Return progress as `_until` does; where a server runs, it says when the first photos can be searched."""
    announced, shown = stopping is None, _until(stopping, bars)

    def progress(stage: str, done: int, total: int | None) -> None:
        nonlocal announced
        shown(stage, done, total)
        if not announced and any(opened.index.count() for opened in resources.live.current().opened.values()):
            announced = True
            console.print(f"The first photos can be searched, and more are coming: {url}", soft_wrap=True)

    return progress


def _find_copies(resources: Resources, stopping: threading.Event | None = None) -> None:
    """Look for copies; with `stopping`, the server that runs in this process does, and this waits for it."""
    if not resources.settings.duplicates:
        return
    with stage_bars() as bars:
        pairs = find_copies(resources, _until(stopping, bars), served=stopping is not None)
    found = "1 pair of copies" if pairs == 1 else f"{pairs} pairs of copies"
    console.print(f"Every photo was compared with those nearest to it: {found}.")


def _train(resources: Resources, count: int) -> None:
    """Fine-tune the shipped model on the catalogue's listings, print what it gained, and make it live."""
    if _built(resources, None) is None:
        _build(resources, count, url=f"http://127.0.0.1:{DEFAULT_PORT}")
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
    rows = [(name, old, new) for (name, old), (_, new) in zip(figure_rows(before), figure_rows(after), strict=True)]
    print_table(f"On {len(held_out)} listings that the new model has not seen", columns, rows)
    seconds = time.monotonic() - started
    output.print(
        f"Model {trained.bundle.version} is live as generation {trained.generation.id}, after {seconds:.0f} s; "
        "a server that runs uses it from now on. To go back:\n"
        f"  {_command(resources)} index rollback\n"
        f"or, while it is served: curl -X POST URL/v1/admin/indexes/{trained.generation.id}/rollback",
        soft_wrap=True,
    )


def _show(resources: Resources, record: DemoRecord, url: str) -> None:
    """Print what was measured, and four things to try."""
    if record.metrics:
        title = f"Model {record.model_version}, on listings that it has not seen: all of these"
        print_table(title, ["", "measured"], figure_rows(record.metrics))
    with resources.database.read() as session:
        guarded = keys.any_key(session)
    photo, listing_id = _example(resources)
    curl = "curl -s -H 'Authorization: Bearer KEY'" if guarded else "curl -s"
    output.print(f"\nSearch with your eyes: {url}", style="bold", soft_wrap=True)
    output.print("\nTo try, from another terminal:", style="bold")
    for title, command in (
        ("What looks like this photo?", f"{curl} -F image=@{photo} -F k=3 {url}/v1/search"),
        ("Which category is it?", f"{curl} -F image=@{photo} {url}/v1/classify"),
        (
            "More like this listing, for under 50 pounds",
            f"{curl} '{url}/v1/listings/{listing_id}/similar?price_max=50'",
        ),
        ("Fine-tune the model on these listings while the page stays open", _training_command(resources)),
    ):
        output.print(f"  {title}\n    {command}", soft_wrap=True)
    output.print(f"Every call: {url}/docs", soft_wrap=True)
    if guarded:
        output.print(
            f"There are API keys: for KEY put in one ({_command(resources)} keys create --role read).", soft_wrap=True
        )


def _command(resources: Resources) -> str:
    """Return how this very command is called for the demo's data."""
    return f"LOOKALIKE_DATA_DIR={resources.settings.data_dir} {sys.argv[0]}"


def _training_command(resources: Resources) -> str:
    home = resources.settings.data_dir
    return "make train" if home == _DATA_DIR else f"{sys.argv[0]} demo --train --data-dir {home}"


def _example(resources: Resources) -> tuple[Path, str]:
    """Return a photo's file in the catalogue, and its listing's id.

    Raises:
        Conflict: none of the photos is left.
    """
    folder = resources.settings.data_dir / "catalogue" / "photos"
    with resources.database.read() as session:
        for one in photos.labelled(session):
            (row,) = photos.photos_by_id(session, [one.photo_id])
            if (file := folder / row.source).is_file():
                return file, one.listing_id
    raise Conflict(f"The demo's photos are gone from {folder}. Remove {folder.parent.parent} and run it again.")
