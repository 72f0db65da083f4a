"""Ingests the demo's catalogue while it is drawn, evaluates its model and finds copies."""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

from db.rows import duplicates, embeddings, generations
from ml.network.openvino_runtime import available_cores
from ml.sample import render_listing, write_sample_tables
from ml.sample.render import LISTINGS, PHOTOS, PHOTOS_TABLE
from services.errors import ModelMissing
from services.indexing.duplicate_finder import DuplicateFinder
from services.ingest.loading.inputs import IngestInputs
from services.ingest.models.evaluation import EvaluationRequest, evaluate_model, latest_report
from services.ingest.models.held_out import CannotEvaluate
from services.ingest.photos.sources import FolderPhotos
from services.ingest.pipeline.ingest_job import create_ingest_job, ingest_files
from services.ingest.pipeline.job_progress import JobProgress
from services.ingest.pipeline.outcome import record_outcome
from services.ingest.pipeline.worker import running_worker

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType
    from typing import Self

    from ml.sample import SampleCatalogue
    from services.ingest.loading.ledger import IngestSummary
    from services.ingest.pipeline.progress import Progress
    from services.resources import Resources

_COMPARISON_POLL_S = 0.1
"""Poll interval while the server's threads compare photos."""


class DrawnPhotos:
    """A photo source that draws the photos of a sample in the background, in the order of the listings.

    Use it as a context manager: drawing starts on entry and stops on exit. `read` waits for its photo.
    """

    def __init__(self, sample: SampleCatalogue, *, threads: int) -> None:
        self._sample, self._folder = sample, FolderPhotos(sample.photos)
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="draw")
        self._drawn: dict[str, Future[None]] = {}
        self.label = self._folder.label

    def __enter__(self) -> Self:
        for listing in self._sample.listings:
            drawn = self._pool.submit(render_listing, listing, self._sample.photos)
            self._drawn |= {f"{photo_id}.jpg": drawn for photo_id in listing.photo_ids}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._pool.shutdown(cancel_futures=True)

    def find(self, id_or_name: str) -> str | None:
        """Return the file name of a photo, or None if there is no such photo."""
        name = f"{id_or_name}.jpg"
        return name if name in self._drawn else self._folder.find(id_or_name)

    def read(self, name: str) -> bytes:
        """Return the bytes of a photo, once it is drawn; see `PhotoSource.read`.

        Raises:
            CancelledError: the context ended before the photo was drawn.
        """
        if name in self._drawn:
            self._drawn[name].result()
        return self._folder.read(name)


def ingest_sample(
    resources: Resources, home: Path, *, listings: int, reposts: int = 0, progress: Progress
) -> IngestSummary:
    """Draw the sample catalogue in `home` and ingest it as one job; embedding begins while photos are still drawn.

    Listings and photos that are known already are not stored or embedded again. The worker of a server, in this
    process or another one, takes its share of the photos.

    Args:
        resources: must have a live generation.
        home: folder for the tables and photos of the catalogue.
        listings: number of listings of different items.
        reposts: further listings, of items that another seller has posted already.
        progress: what it raises ends the job.

    Raises:
        ModelUnusable: the live model cannot be run with these settings.
        OSError: the disk is full, or an index cannot be reached.
    """
    sample = write_sample_tables(home, listings=listings, reposts=reposts)
    inputs = IngestInputs(home / LISTINGS, home / PHOTOS_TABLE, home / PHOTOS)
    job_id = create_ingest_job(resources, inputs)
    with (
        record_outcome(resources.database, job_id),
        running_worker(resources, on_embedded=resources.live.refresh) as worker,
        DrawnPhotos(sample, threads=available_cores()) as drawn,
    ):
        result = ingest_files(
            resources,
            job_id,
            inputs,
            progress=JobProgress(resources.database, job_id, progress),
            worker=worker,
            source=drawn,
            photo_count=sample.photo_records,
        )
    return result.summary


def write_report(resources: Resources, progress: Progress) -> Path | None:
    """Evaluate the live model on every listing that it has not seen, and return the report's page.

    Returns None if the model has a report already, or there is no listing that it has not seen.

    Raises:
        ModelMissing: no generation is live.
        ModelUnusable: the live model cannot be run with these settings.
        BadInput: the report cannot be written.
    """
    if latest_report(resources.settings, resources.live.current().generation.model_version) is not None:
        return None
    try:
        return evaluate_model(resources, EvaluationRequest(unseen=True), progress=progress).page
    except CannotEvaluate:
        return None


def find_copies(resources: Resources, progress: Progress, *, served: bool) -> int:
    """Find copies of photos, or wait until a server has (`served`), and return the number of pairs of listings.

    Raises:
        ModelMissing: no generation is live.
    """
    if served:
        _wait_until_compared(resources, progress)
    else:
        finder = DuplicateFinder(
            resources.database, resources.live, resources.photo_files, limits=resources.photo_limits
        )
        finder.find(lambda found: progress("look for copies", found.photos, None))
    with resources.database.read() as session:
        return len(duplicates.links(session))


def _wait_until_compared(resources: Resources, progress: Progress) -> None:
    """Wait until every embedded photo has been compared with its nearest neighbours."""
    while True:
        with resources.database.read() as session:
            live = generations.live_generation(session)
            if live is None:
                raise ModelMissing
            total = embeddings.embedding_count(session, model_version=live.model_version)
            left = duplicates.unsearched_count(session, model_version=live.model_version)
        progress("look for copies", total - left, total)
        if not left:
            return
        time.sleep(_COMPARISON_POLL_S)
