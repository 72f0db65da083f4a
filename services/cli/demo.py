"""`lookalike demo`: build a sample catalogue from nothing and serve a search over it."""

from __future__ import annotations

import shlex
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from db.locks import try_lock
from db.rows import generations
from ml.bundle.manifest import read_manifest
from ml.sample import MODEL
from ml.training.recipes import FINE_TUNED
from services.cli.models.train import metric_rows, print_split
from services.cli.serve import run
from services.cli.terminal.console import console, output, print_table, stage_bars
from services.cli.terminal.examples import command_on, print_examples, this_program
from services.cli.terminal.listening import DEFAULT_HOST, DEFAULT_PORT, ListenAddress, check_open_to, open_served
from services.cli.terminal.ports import check_port
from services.cli.terminal.reports import Reports, print_summary
from services.cli.terminal.resources import open_resources, read_settings
from services.cli.terminal.start_warnings import warn_of_no_detector
from services.errors import Conflict, ModelMissing
from services.ingest.cleaning.text import counted
from services.ingest.models.stored_quality import measure_stored
from services.ingest.models.training import train_and_promote
from services.ingest.pipeline.job_progress import JobCancelled
from services.ingest.sample import find_copies, ingest_sample, write_report
from services.search.sample import audit_sample_searches

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterator

    from services.ingest.pipeline.progress import Progress
    from services.resources import Resources

_DATA_DIR = Path("data/demo")
_RECORD = "demo.json"
_LOCK_RETRY_S = 0.2
_MOST_REPOSTS, _LISTINGS_PER_REPOST = 8, 13
"""How many items another seller has posted again: eight among 600."""


class DemoRecord(msgspec.Struct, frozen=True):
    """What the demo built. `demo.json` holds it once the build is complete.

    Attributes:
        listings: number of sample listings.
        model_version: the model that was live.
        metrics: its quality on listings that it was not trained on; empty if it may have been trained on them.
        seconds: from the start of the build until all photos could be searched.
    """

    listings: int
    model_version: str
    metrics: dict[str, float]
    seconds: float


def demo(
    serve: Annotated[
        bool, typer.Option("--serve/--no-serve", help="Serve the search page, from the first photo on.")
    ] = True,
    train: Annotated[
        bool, typer.Option("--train", help="Fine-tune the model on the demo's listings, make it live, and exit.")
    ] = False,
    data_dir: Annotated[Path, typer.Option(help="Folder for all files of the demo.")] = _DATA_DIR,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = DEFAULT_HOST,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on.")] = DEFAULT_PORT,
    listing_count: Annotated[int, typer.Option("--listings", help="Number of different items.", min=26)] = 600,
) -> None:
    """Build a sample catalogue and serve a search over it.

    Draws photos, cleans the listings, embeds and indexes the photos, measures the model and the search, and looks for
    duplicates. A second run starts at once.
    """
    address = ListenAddress(host, port)
    serve = serve and not train
    if serve:
        check_port(host, port, remedy='use --port {port} (make demo DEMO="--port {port}")')
    settings = read_settings(data_dir=data_dir)
    with open_served(address, settings) if serve else open_resources(settings, create=True) as resources:
        if train:
            _train(resources, listing_count)
            return
        if serve:
            check_open_to(resources, address)  # before the demo says that it is ready
        record = _finished_build(resources, listing_count)
        if record is not None:
            console.print(f"The demo with {record.listings} listings is ready in {data_dir}.")
            _print_ready(resources, record, address, is_served=serve)
        if not serve:
            if record is None:
                _build(resources, listing_count, address=address)
            _measure(resources)
            _find_duplicates(resources)
            warn_of_no_detector(resources)
        else:
            _serve(resources, listing_count, address, is_built=record is not None)


def _serve(resources: Resources, count: int, address: ListenAddress, *, is_built: bool) -> None:
    """Serve, and meanwhile build what is missing."""

    def build(stopping: threading.Event) -> None:
        try:
            if not is_built:
                _build(resources, count, address=address, stopping=stopping)
            _measure(resources, stopping)
            if not is_built:
                _find_duplicates(resources, stopping)
        except JobCancelled as error:
            if not stopping.is_set():
                console.print(str(error))

    resources.begin_with(MODEL)
    run(resources, address, work=build)


def _finished_build(resources: Resources, count: int | None) -> DemoRecord | None:
    """Return the record of a finished build with `count` listings, or with any number if `count` is None."""
    try:
        record = msgspec.json.decode((resources.settings.data_dir / _RECORD).read_bytes(), type=DemoRecord)
    except (FileNotFoundError, msgspec.DecodeError):
        return None
    with resources.database.read() as session:
        live = generations.live_generation(session)
    return record if live is not None and count in (None, record.listings) else None


def _build(
    resources: Resources, count: int, *, address: ListenAddress, stopping: threading.Event | None = None
) -> None:
    """Build the demo, unless another process has built it in the meantime.

    Args:
        resources: opened for the demo's data directory.
        count: number of listings.
        address: where the server listens, for the messages.
        stopping: set when the server of this process stops; None if this process does not serve.

    Raises:
        JobCancelled: the server stops.
    """
    started, home = time.monotonic(), resources.settings.data_dir
    with hold_build_lock(resources, stopping), stage_bars() as bars:
        if _finished_build(resources, count) is not None:
            return
        version = resources.begin_with(MODEL).model_version
        resources.load_live_model()  # fail now rather than after drawing the photos
        progress = _progress_while_serving(resources, bars, address.url, stopping)
        reposts = min(_MOST_REPOSTS, count // _LISTINGS_PER_REPOST)
        summary = ingest_sample(resources, home / "catalogue", listings=count, reposts=reposts, progress=progress)
        progress("measure quality", 0, None)
        metrics = measure_stored(resources, version) if version == read_manifest(MODEL).version else {}
    reports = Reports.beside(home / "rejects.csv", None)
    reports.save(resources, summary.job_id)
    print_summary(summary, reports)
    record = DemoRecord(count, version, metrics, time.monotonic() - started)
    (home / _RECORD).write_bytes(msgspec.json.encode(record))
    console.print(f"Built the demo in {record.seconds:.0f} s.")
    _print_ready(resources, record, address, is_served=stopping is not None)


@contextmanager
def hold_build_lock(resources: Resources, stopping: threading.Event | None) -> Iterator[None]:
    """Wait until no other process builds this demo, then hold its lock during the block.

    Raises:
        JobCancelled: `stopping` was set while waiting.
    """
    announced = False
    while (lock := try_lock(resources.database, "demo")) is None:
        if stopping is not None and stopping.is_set():
            raise JobCancelled
        if not announced:
            console.print("Another process is building this demo. Waiting for it to finish.")
            announced = True
        time.sleep(_LOCK_RETRY_S)
    try:
        yield
    finally:
        lock.release()


def _cancel_when(stopping: threading.Event | None, progress: Progress) -> Progress:
    """Return a progress callback that raises JobCancelled once `stopping` is set."""

    def checked(stage: str, done: int, total: int | None) -> None:
        if stopping is not None and stopping.is_set():
            raise JobCancelled
        progress(stage, done, total)

    return checked


def _progress_while_serving(
    resources: Resources, progress: Progress, url: str, stopping: threading.Event | None
) -> Progress:
    """Return a cancellable progress callback that also announces when the first photos can be searched."""
    announced, cancellable = stopping is None, _cancel_when(stopping, progress)

    def announcing(stage: str, done: int, total: int | None) -> None:
        nonlocal announced
        cancellable(stage, done, total)
        if not announced and any(opened.index.count() for opened in resources.live.current().opened.values()):
            announced = True
            console.print(f"You can search the first photos now, while more are added: {url}")

    return announcing


def _measure(resources: Resources, stopping: threading.Event | None = None) -> None:
    """Measure what the admin page shows, unless it is known: the recall of searches, and the model's report."""
    with stage_bars() as bars:
        resources.live.refresh()
        audit_sample_searches(resources)
        report = write_report(resources, _cancel_when(stopping, bars))
    if report is not None:
        console.print(f"Wrote the model's report: {report}")


def _find_duplicates(resources: Resources, stopping: threading.Event | None = None) -> None:
    """Compare the photos. With `stopping`, wait for the server in this process to compare them."""
    if not resources.settings.duplicates:
        return
    with stage_bars() as bars:
        pairs = find_copies(resources, _cancel_when(stopping, bars), served=stopping is not None)
    found = f"found copies in {counted(pairs, 'pair')} of listings"
    console.print(f"Compared all photos with their nearest neighbours: {found}, to review under /admin.")


def _train(resources: Resources, count: int) -> None:
    """Fine-tune the bundled model on the demo's listings, make it live, and print its quality before and after."""
    if _finished_build(resources, None) is None:
        _build(resources, count, address=ListenAddress(DEFAULT_HOST, DEFAULT_PORT))
    with resources.database.read() as session:
        live = generations.live_generation(session)
    if live is None:
        raise ModelMissing
    started = time.monotonic()
    with stage_bars() as progress:
        trained = train_and_promote(
            resources, weights=MODEL, config=FINE_TUNED, progress=progress, on_split=print_split
        )
        if trained is None:
            raise Conflict("The demo trains in one process only. Start it without torchrun.")
        held_out = set(trained.bundle.split.held_out) if trained.bundle.split else set()
        progress("measure quality", 0, None)
        before = measure_stored(resources, live.model_version, listing_ids=held_out)
        after = measure_stored(resources, trained.bundle.version, listing_ids=held_out)
    columns = ["", f"before ({live.model_version})", f"after ({trained.bundle.version})"]
    rows = [(name, old, new) for (name, old), (_, new) in zip(metric_rows(before), metric_rows(after), strict=True)]
    print_table(f"Quality on {len(held_out)} held-out listings", columns, rows)
    seconds = time.monotonic() - started
    output.print(
        f"Model {trained.bundle.version} is live as generation {trained.generation.id} after {seconds:.0f} s. "
        f"A running server uses it from now on. To return to model {live.model_version}:\n"
        f"  {command_on(resources)} index rollback\n"
        f"or, while a server runs: curl -X POST URL/v1/admin/indexes/{trained.generation.id}/rollback",
    )


def _print_ready(resources: Resources, record: DemoRecord, address: ListenAddress, *, is_served: bool) -> None:
    """Print the measured quality, and commands to try."""
    if record.metrics:
        title = f"Quality of model {record.model_version} on unseen listings"
        print_table(title, ["", "measured"], metric_rows(record.metrics))
    home = resources.settings.data_dir
    again = f"{this_program()} demo --train --data-dir {shlex.quote(str(home))}"
    with_make = home == _DATA_DIR and Path.cwd() == MODEL.parents[2]  # in the checkout, which has the Makefile
    print_examples(resources, address, is_served=is_served, training="make train" if with_make else again)
