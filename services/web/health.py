"""Liveness and readiness checks."""

from __future__ import annotations

from typing import Annotated

import msgspec
from litestar import Controller, get
from litestar.di import NamedDependency
from litestar.params import SkipValidation
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from db.session import DamagedDatabase
from services.errors import ServiceUnavailable
from services.redaction import redacted
from services.web.ports import WebResources
from services.web.problems import problem_responses
from services.wire.fields import example


class Alive(msgspec.Struct):
    """The process is running."""

    status: Annotated[str, example("alive")] = "alive"


class Ready(msgspec.Struct):
    """The process can answer searches: its live generation, the open engines, and why each other engine is not open."""

    generation: Annotated[int, example(3)]
    model_version: Annotated[str, example("resnet50-2026-03-01")]
    engines: Annotated[list[str], example(["faiss", "qdrant"])]
    unavailable: dict[str, str]
    status: Annotated[str, example("ready")] = "ready"


class HealthController(Controller):
    """Health checks for load balancers and orchestrators."""

    path = "/health"
    tags = ("health",)

    @get(
        "/live",
        sync_to_thread=False,
        response_description="The process is running",
        summary="Check that the process runs",
    )
    def live(self) -> Alive:
        """Answer 200 as long as the process runs."""
        return Alive()

    @get(
        "/ready",
        sync_to_thread=True,
        summary="Check that the server can answer searches",
        response_description="The server can answer searches",
        responses=problem_responses(503),
    )
    def ready(self, resources: NamedDependency[SkipValidation[WebResources]]) -> Ready:
        """Answer 200 if the database answers undamaged, a generation is live and an index is open; otherwise 503."""
        try:
            with resources.database.read() as session:
                session.connection().execute(text("SELECT 1"))
        except DamagedDatabase as error:
            raise ServiceUnavailable(str(error)) from error
        except SQLAlchemyError as error:
            raise ServiceUnavailable("The database does not answer. Try again in a moment.") from error
        if resources.database.damage is not None:
            raise ServiceUnavailable(DamagedDatabase.advice(resources.database.damage))
        current = resources.live.current()
        if not current.opened:
            problems = "; ".join(f"{engine}: {problem}" for engine, problem in current.unavailable.items())
            raise ServiceUnavailable(f"No index is open ({problems or 'none is configured'}).")
        return Ready(
            generation=current.generation.id,
            model_version=current.generation.model_version,
            engines=sorted(current.opened),
            unavailable={engine: redacted(problem) for engine, problem in current.unavailable.items()},
        )
