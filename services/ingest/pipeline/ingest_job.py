"""One ingest run, end to end: listings, photos, embeddings, indexes. The CLI and the REST jobs both call it."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from db.models import JobState, PhotoState
from db.processes import process_name
from db.rows import embeddings, generations, jobs, photos
from services.errors import ListingsFileError
from services.ingest.files.columns import Columns
from services.ingest.files.listings import check_photo_table
from services.ingest.photos.sources import open_photos
from services.ingest.photos.web import WebPhotos
from services.ingest.pipeline.embedding import EmbeddingRun, PhotoEmbedder
from services.ingest.pipeline.job_progress import JobProgress
from services.ingest.pipeline.ledger import Ledger
from services.ingest.pipeline.loading import Spool, load_photos, named_photos, read_into, write_listings
from services.ingest.pipeline.outcome import record_outcome
from services.ingest.pipeline.progress import Progress, StageCounter, silent

if TYPE_CHECKING:
    from pathlib import Path

    from services.ingest.photos.sources import PhotoSource
    from services.ingest.pipeline.ledger import IngestSummary
    from services.resources import Resources


@dataclass(frozen=True, slots=True)
class IngestInputs:
    """The files of an ingest run.

    Attributes:
        listings: CSV, TSV, JSON Lines or Parquet, also gzipped.
        photos_table: CSV of photo id and listing id; None when the listing rows name their photos.
        photos: folder, zip or tar that holds the photos; None when no photos are given.
        fetch_photos: photos named by URL are fetched.
        columns: how the tables' columns map to ours.
    """

    listings: Path
    photos_table: Path | None = None
    photos: Path | None = None
    fetch_photos: bool = False
    columns: Columns = field(default_factory=Columns)


@dataclass(frozen=True, slots=True)
class IngestResult:
    """What a run did, and how fast it embedded; `run` is None when there is no model to embed with."""

    summary: IngestSummary
    run: EmbeddingRun | None


def create_ingest_job(resources: Resources, inputs: IngestInputs) -> str:
    """Record an ingest job that this process is about to run, and return its id. No other process will run it."""
    names = {name: str(getattr(inputs, name) or "") for name in ("listings", "photos_table", "photos")}
    with resources.database.write() as session:
        return jobs.create_job(session, "ingest", {**names, "process": process_name()}, state=JobState.RUNNING)


def run_ingest(
    resources: Resources,
    job_id: str,
    inputs: IngestInputs,
    progress: Progress = silent,
) -> IngestResult:
    """Run an ingest job: what was done by an earlier run of the same files is not done again.

    Args:
        resources: what it works with.
        job_id: the job that keeps the account.
        inputs: the files.
        progress: is told how the stages go.

    Raises:
        ListingsFileError: a file cannot be read; the job is failed, and nothing of that file was written.
        JobCancelled: somebody cancelled the job.
    """
    progress = JobProgress(resources.database, job_id, progress)
    resources.photo_files.sweep_temporary()
    with record_outcome(resources.database, job_id):
        ledger = load_files(resources, job_id, inputs, progress)
        run = _embed_and_index(resources, ledger, progress)
    return IngestResult(ledger.summary(), run)


def _embed_and_index(resources: Resources, ledger: Ledger, progress: Progress) -> EmbeddingRun | None:
    """Embed what is pending with the live model and bring the indexes in line; without a model, do nothing."""
    resources.ensure_generation()
    with resources.database.write() as session:
        live = generations.live_generation(session)
        if live is None:
            return None
        embeddings.requeue_missing(session, model_version=live.model_version, job_id=ledger.job_id)
        photos.take_over_leftovers(session, job_id=ledger.job_id)
        pending = photos.state_counts(session)[PhotoState.PENDING]
    embedder = PhotoEmbedder(
        resources.database, resources.photo_files, resources.embedder(), limits=resources.photo_limits
    )
    run = embedder.embed_pending(StageCounter(progress, "embed photos", pending))
    account_and_index(resources, ledger, progress)
    return run


def account_and_index(resources: Resources, ledger: Ledger, progress: Progress) -> None:
    """Put what became of a job's photos on its account, and bring the indexes in line."""
    ledger.count_embedded()
    progress("update indexes", 0, None)
    resources.live.refresh()
    resources.live.persist()


def load_files(
    resources: Resources,
    job_id: str,
    inputs: IngestInputs,
    progress: Progress,
    *,
    photos: PhotoSource | None = None,
    photo_count: int | None = None,
) -> Ledger:
    """Bring the files into the truth, and return the job's account; the photos are left for workers to embed.

    `photos` is an open source to take in place of the one that `inputs` names; `photo_count` says how many photos the
    files name, where that is known.

    Raises:
        ListingsFileError: a file cannot be read; nothing of that file was written.
    """
    ledger = Ledger(resources.database, job_id)
    with ExitStack() as stack:
        # Everything is opened before anything is written.
        source = photos or stack.enter_context(_photo_source(inputs, resources))
        if inputs.photos_table is not None:
            check_photo_table(inputs.photos_table, inputs.columns)
        spool = stack.enter_context(Spool())
        progress("read listings", 0, None)
        read_into(spool, inputs.listings, inputs.columns, ledger)
        counter = StageCounter(progress, "write listings", len(spool))
        write_listings(resources.database, spool, inputs.listings, ledger=ledger, advance=counter)
        load_photos(
            resources.database,
            resources.photo_files,
            source,
            named_photos(spool, inputs.photos_table, inputs.columns),
            limits=resources.photo_limits,
            ledger=ledger,
            advance=StageCounter(progress, "store photos", photo_count),
        )
        ledger.flush()
    return ledger


def _photo_source(inputs: IngestInputs, resources: Resources) -> PhotoSource:
    if inputs.photos is None and inputs.photos_table is not None and not inputs.fetch_photos:
        raise ListingsFileError(
            inputs.photos_table, "a photo table without photos", "Say where the photos are: --photo-dir or --photo-zip"
        )
    limit = resources.photo_limits.max_bytes
    given = open_photos(inputs.photos, max_bytes=limit) if inputs.photos else None
    return WebPhotos(given, resources.photo_fetcher if inputs.fetch_photos else None)
