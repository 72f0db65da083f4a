"""Runs ingest jobs end to end: listings, photos, embeddings, indexes. The commands, server and demo all use it."""

from __future__ import annotations

import time
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from db.models import JobState
from db.processes import process_name
from db.rows import embeddings, generations, jobs, photo_queue
from services.errors import ListingsFileError
from services.ingest.feeds.feed import open_listings
from services.ingest.feeds.photo_tables import check_photo_table
from services.ingest.loading.dry_run import find_photos
from services.ingest.loading.ledger import Ledger
from services.ingest.loading.listing_loader import read_into, write_listings
from services.ingest.loading.named_photos import read_photo_names, unused_photos_notice
from services.ingest.loading.photo_loader import PhotoLoader
from services.ingest.loading.placeholders import set_placeholders_aside
from services.ingest.loading.spool import Spool
from services.ingest.loading.sync import only_sync, plan_removal, refuse_foreign, remove_missing
from services.ingest.photos.sources import check_exists, open_photos
from services.ingest.photos.web import WebPhotos
from services.ingest.pipeline.job_progress import JobProgress
from services.ingest.pipeline.outcome import record_outcome
from services.ingest.pipeline.progress import Progress, StageCounter, silent
from services.ingest.pipeline.worker import running_worker, wait_until_embedded

if TYPE_CHECKING:
    from collections.abc import Callable

    from services.ingest.loading.inputs import IngestInputs
    from services.ingest.loading.ledger import IngestSummary
    from services.ingest.photos.sources import PhotoSource
    from services.ingest.pipeline.worker import EmbeddingWorker
    from services.resources import Resources


@dataclass(frozen=True, slots=True)
class IngestResult:
    """What an ingest job did.

    Attributes:
        embedding_seconds: from the last stored photo to the last committed embedding; None without a model.
    """

    summary: IngestSummary
    embedding_seconds: float | None


def check_files(inputs: IngestInputs) -> None:
    """Open the files of an ingest, to refuse it before anything is written. Archives of photos are not unpacked.

    Raises:
        ListingsFileError: a file cannot be read.
        MissingColumns: a column of the mapping is missing.
    """
    _check_photo_place(inputs)
    if inputs.photos is not None:
        check_exists(inputs.photos)
    if inputs.photos_table is not None:
        check_photo_table(inputs.photos_table, inputs.options.columns)
    open_listings(inputs.listings, inputs.options.columns, has_photo_table=inputs.photos_table is not None)


def create_ingest_job(resources: Resources, inputs: IngestInputs) -> str:
    """Record an ingest job that this process is about to run, and return its id. No other process will run it."""
    names = {name: str(getattr(inputs, name) or "") for name in ("listings", "photos_table", "photos")}
    stored = {**names, "process": process_name(), "dry_run": inputs.options.dry_run}
    with resources.database.write() as session:
        return jobs.create_job(session, "ingest", stored, state=JobState.RUNNING)


def run_ingest(
    resources: Resources,
    job_id: str,
    inputs: IngestInputs,
    progress: Progress = silent,
) -> IngestResult:
    """Run an ingest job in this process and record its outcome.

    Raises:
        ListingsFileError: a file cannot be read; the job failed, and nothing of that file was written.
        JobCancelled: somebody cancelled the job.
    """
    resources.photo_files.sweep_temporary()
    with record_outcome(resources.database, job_id):
        return ingest_files(resources, job_id, inputs, progress=JobProgress(resources.database, job_id, progress))


def ingest_files(
    resources: Resources,
    job_id: str,
    inputs: IngestInputs,
    *,
    progress: Progress,
    worker: EmbeddingWorker | None = None,
    source: PhotoSource | None = None,
    photo_count: int | None = None,
) -> IngestResult:
    """Bring the files into the database, wait until their photos are embedded, and update the indexes.

    Work that an earlier job did on the same files is not repeated.

    Args:
        worker: a running worker to embed the photos; by default one that runs while this job waits for them.
        source, photo_count: see `load_files`.

    Raises:
        ListingsFileError: a file cannot be read; nothing of that file was written.
        ForeignListings, RemovalRefused, SyncRunning: see `load_files`.
        LookalikeError: the photos cannot be embedded, for example because the model cannot be run.
        OSError, OperationalError: the disk is full.
    """
    ledger = load_files(resources, job_id, inputs, progress, source=source, photo_count=photo_count)
    if inputs.options.dry_run:
        return IngestResult(ledger.summary(), None)
    set_placeholders_aside(
        resources.database, ledger, inputs.listings.name, min_listings=resources.settings.placeholder_listings
    )
    resources.ensure_generation()
    embedding_seconds = _embed(resources, job_id, progress=progress, worker=worker)
    ledger.count_embedded()
    progress("update indexes", 0, None)
    resources.live.refresh()
    resources.live.persist()
    return IngestResult(ledger.summary(), embedding_seconds)


def _embed(resources: Resources, job_id: str, *, progress: Progress, worker: EmbeddingWorker | None) -> float | None:
    """Wait until the job's photos are embedded and return the seconds; None without a model."""
    started = time.monotonic()
    if not _adopt_pending(resources, job_id):
        return None
    resources.embedder()  # fail here, not in the worker, if the model cannot be run
    with nullcontext(worker) if worker is not None else running_worker(resources) as running:
        wait_until_embedded(resources.database, job_id, worker=running, progress=progress)
    return time.monotonic() - started


def load_files(
    resources: Resources,
    job_id: str,
    inputs: IngestInputs,
    progress: Progress,
    *,
    source: PhotoSource | None = None,
    photo_count: int | None = None,
) -> Ledger:
    """Bring the files into the database and return the job's ledger; the photos stay pending until a worker comes.

    Args:
        source: where the photos come from; by default what `inputs` names.
        photo_count: the number of photos that the files name, if known.

    Raises:
        ListingsFileError: a file cannot be read; nothing of that file was written.
        ForeignListings, RemovalRefused, SyncRunning: see `loading.sync`; nothing was written.
    """
    ledger, options = Ledger(resources.database, job_id), inputs.options
    with ExitStack() as stack:
        # Open everything before writing anything.
        if options.sync and not options.dry_run:
            stack.enter_context(only_sync(resources.database, options))
        source = source or stack.enter_context(_open_source(inputs, resources))
        if inputs.photos_table is not None:
            check_photo_table(inputs.photos_table, options.columns)
        spool = stack.enter_context(Spool())
        progress("read listings", 0, None)
        read_into(spool, inputs, ledger)
        if options.seller:
            refuse_foreign(resources.database, spool, file=inputs.listings.name, seller=options.seller)
        write = partial(
            _write, resources, inputs, spool, source=source, ledger=ledger, progress=progress, photo_count=photo_count
        )
        if options.sync:
            _sync(resources, inputs, spool, write=write, ledger=ledger, progress=progress)
        else:
            write()
    return ledger


def _sync(
    resources: Resources,
    inputs: IngestInputs,
    spool: Spool,
    *,
    write: Callable[[], None],
    ledger: Ledger,
    progress: Progress,
) -> None:
    """Write the files, then remove what they lack; refuse a removal that is too large before writing anything."""
    database, options = resources.database, inputs.options
    removal = plan_removal(database, spool, ledger, file=inputs.listings.name, options=options)
    ledger.count("listings_before", removal.existing)
    if not options.dry_run:
        removal.check(options, ledger)
    write()
    progress("remove listings", 0, len(removal.missing))  # the last chance to cancel: no removal is left half done
    remove_missing(database, removal, ledger, options=options)
    if options.dry_run:
        removal.check(options, ledger)


def _write(
    resources: Resources,
    inputs: IngestInputs,
    spool: Spool,
    *,
    source: PhotoSource,
    ledger: Ledger,
    progress: Progress,
    photo_count: int | None,
) -> None:
    """Write the listings and store their photos; a dry run counts what that would do."""
    database, is_dry = resources.database, inputs.options.dry_run
    named = read_photo_names(spool, inputs, ledger, database=database)
    counter = StageCounter(progress, "compare listings" if is_dry else "write listings", len(spool))
    write_listings(database, spool, inputs.listings, ledger=ledger, advance=counter, dry_run=is_dry)
    counter = StageCounter(progress, "find photos" if is_dry else "store photos", photo_count)
    if is_dry:
        file = inputs.listings.name
        find_photos(database, named, source, file=file, spool=spool, ledger=ledger, advance=counter)
    else:
        PhotoLoader(resources, source, ledger=ledger).load(named, inputs.listings.name, counter)
    ledger.flush()
    if notice := unused_photos_notice(inputs, ledger.summary().counts):
        ledger.warn(notice)
        ledger.flush()


def _check_photo_place(inputs: IngestInputs) -> None:
    if inputs.photos is None and inputs.photos_table is not None and not inputs.options.fetch_photos:
        raise ListingsFileError(
            inputs.photos_table,
            "a photo table without photos",
            "Say where the photos are: a folder or an archive of photos, or fetch photos that are named by URL",
        )


def _open_source(inputs: IngestInputs, resources: Resources) -> PhotoSource:
    _check_photo_place(inputs)
    limit = resources.photo_limits.max_bytes
    local = open_photos(inputs.photos, max_bytes=limit) if inputs.photos else None
    fetcher = resources.photo_fetcher if inputs.options.fetch_photos else None
    return WebPhotos(local, fetcher, max_bytes=limit)


def _adopt_pending(resources: Resources, job_id: str) -> bool:
    """Assign to this job the photos that ended jobs left pending, or that the live model has not embedded.

    Returns False when no generation is live.
    """
    with resources.database.write() as session:
        live = generations.live_generation(session)
        if live is None:
            return False
        embeddings.requeue_missing(session, model_version=live.model_version, job_id=job_id)
        photo_queue.reassign_leftover_photos(session, job_id=job_id)
    return True
