"""The ingest app: bulk ingest, jobs, administration."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from litestar import Router
from litestar.di import Provide

from services.ingest.controllers import AdminController, BulkController, JobController
from services.ingest.runner import JobRunner
from services.web.app import create_app as create_web_app

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from contextlib import AbstractAsyncContextManager

    from litestar import Litestar

    from services.resources import Resources


class IngestParts:
    """What the ingest app adds to an app: its routes, and the thread that runs its jobs while the app lives."""

    def __init__(self, resources: Resources) -> None:
        self._resources, self._runner = resources, JobRunner(resources)

    @property
    def routes(self) -> Router:
        """Every route of the ingest app."""
        return Router(
            path="/",
            route_handlers=[
                Router(
                    path="/",
                    route_handlers=[BulkController],
                    request_max_body_size=self._resources.settings.max_bulk_bytes,
                ),
                JobController,
                AdminController,
            ],
            dependencies={"job_runner": Provide(lambda: self._runner, sync_to_thread=False)},
        )

    @property
    def lifespan(self) -> Callable[[Litestar], AbstractAsyncContextManager[None]]:
        """Starts and stops the job thread with the app."""

        @asynccontextmanager
        async def run_jobs(_app: Litestar) -> AsyncIterator[None]:
            self._runner.start()
            try:
                yield
            finally:
                self._runner.stop()

        return run_jobs


def create_app(resources: Resources) -> Litestar:
    """Return the ingest app alone, as the stack runs it."""
    parts = IngestParts(resources)
    return create_web_app(resources, title="Lookalike ingest", controllers=[parts.routes], lifespans=[parts.lifespan])
