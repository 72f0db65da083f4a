"""The search app: search, classification, listings, photos and the page."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from anyio import to_thread
from litestar.di import Provide

from services.indexing.recall_audit import AuditThread, RecallAuditor
from services.search.page.routes import page_routes
from services.search.rest.catalogue import CatalogueController, listing, newest_listings, query_photo
from services.search.rest.duplicates import get_duplicates
from services.search.rest.photo_urls import photo_urls_of
from services.search.rest.pictures import PICTURE_THREADS
from services.search.rest.search import SearchController
from services.search.service import SearchService
from services.web.app import AppPart
from services.web.app import create_app as create_web_app
from services.web.limits.threads import WorkerThreads
from services.web.metrics import set_recall
from services.web.query_fields import read_from_query
from services.wire import SearchParameters

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from contextlib import AbstractAsyncContextManager

    from litestar import Litestar

    from services.resources import Resources

_MAX_WAITING_SEARCHES = 128
"""Searches without a photo to embed that may wait for a thread: 0.6 s, at 10 ms each on two cores."""

_FETCH_THREADS = 64
"""Threads that fetch the photos of searches by URL; separate, so that no other call waits for a slow host."""


def search_part(resources: Resources) -> AppPart:
    """Return the search routes and services; while the app runs, a background thread audits recall."""
    settings = resources.settings
    auditor = RecallAuditor(resources.database, resources.live, report=set_recall)
    return AppPart(
        [
            SearchController,
            CatalogueController,
            listing,
            newest_listings,
            query_photo,
            get_duplicates,
            *page_routes(settings.ingest_url),
        ],
        {
            "search_service": SearchService(resources, auditor),
            "search_workers": WorkerThreads(settings.thread_count, queue=_MAX_WAITING_SEARCHES),
            "picture_workers": WorkerThreads(PICTURE_THREADS),
            "fetch_workers": WorkerThreads(_FETCH_THREADS, queue=_FETCH_THREADS),
            "photo_urls": Provide(photo_urls_of(resources), sync_to_thread=False),
            "search_fields": Provide(read_from_query(SearchParameters), sync_to_thread=False),
        },
        lifespans=[_auditing(auditor)],
    )


def _auditing(auditor: RecallAuditor) -> Callable[[Litestar], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(_app: Litestar) -> AsyncIterator[None]:
        auditing = AuditThread(auditor)
        auditing.start()
        try:
            yield
        finally:
            await to_thread.run_sync(auditing.stop)

    return lifespan


def create_app(resources: Resources) -> Litestar:
    """Create the search app on its own, as compose.yaml runs it."""
    return create_web_app(resources, title="Lookalike search", parts=[search_part(resources)])
