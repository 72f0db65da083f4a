"""The ingest app: listing changes, bulk ingest, jobs and administration."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from litestar.di import Provide

from services.ingest.duplicates.worker import DuplicateWorker
from services.ingest.jobs.runner import JobRunner
from services.ingest.pipeline.changes import ListingChanges
from services.ingest.pipeline.worker import EmbeddingWorker
from services.ingest.rest.bulk import BulkController
from services.ingest.rest.duplicates import DuplicateController
from services.ingest.rest.indexes import IndexesController
from services.ingest.rest.job_events import FollowedJobs
from services.ingest.rest.jobs import JobController
from services.ingest.rest.listings import ListingController
from services.ingest.rest.model import ModelController
from services.web.app import FORM_ALLOWANCE, AppPart, with_large_bodies
from services.web.app import create_app as create_web_app
from services.web.limits.threads import WorkerThreads
from services.web.query_fields import read_from_query
from services.wire import ListingDeletion

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from litestar import Litestar

    from services.resources import Resources


_CHANGE_THREADS = 16
"""Threads for changes of single listings; separate, so that searches never wait for photos that are being fetched."""


def ingest_part(resources: Resources) -> AppPart:
    """Return the handlers and background threads of the ingest service; the threads run for the life of the app."""
    settings = resources.settings
    most_listing_bytes = settings.max_listing_photos * settings.max_upload_bytes
    # Refresh at once, so that photos are searchable as soon as they are embedded.
    worker = EmbeddingWorker(resources, on_embedded=resources.live.refresh)
    runner = JobRunner(resources, worker)
    duplicates = DuplicateWorker(resources)

    @asynccontextmanager
    async def working(_app: Litestar) -> AsyncIterator[None]:
        try:
            worker.start()
            runner.start()
            if settings.duplicates:
                duplicates.start()
            yield
        finally:
            duplicates.stop()
            runner.stop()
            worker.stop()

    return AppPart(
        handlers=[
            with_large_bodies(BulkController, settings.max_bulk_bytes),
            with_large_bodies(ListingController, most_listing_bytes + FORM_ALLOWANCE),
            JobController,
            IndexesController,
            DuplicateController,
            ModelController,
        ],
        dependencies={
            "job_runner": runner,
            "followed_jobs": FollowedJobs(resources.database),
            "listing_changes": ListingChanges(resources, on_written=worker.wake),
            "change_workers": WorkerThreads(_CHANGE_THREADS),
            "deletion": Provide(read_from_query(ListingDeletion), sync_to_thread=False),
        },
        lifespans=[working],
    )


def create_app(resources: Resources) -> Litestar:
    """Return an app with only the ingest service."""
    return create_web_app(resources, title="Lookalike ingest", parts=[ingest_part(resources)])
