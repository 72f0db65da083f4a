"""Is the process alive, and can it answer?"""

from __future__ import annotations

import msgspec
from litestar import Controller, get
from litestar.di import NamedDependency
from litestar.params import SkipValidation
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from services.errors import ServiceUnavailable
from services.web.openapi.responses import answered
from services.web.ports import Parts
from services.web.problems import problem_responses


class Alive(msgspec.Struct):
    """The process answers."""

    status: str = "alive"


class Ready(msgspec.Struct):
    """The process can answer searches: the live generation, and the engines that are open."""

    generation: int
    model_version: str
    engines: list[str]
    unavailable: dict[str, str]
    status: str = "ready"


_ALIVE = answered(200, Alive(), description="It is alive")
_READY = answered(
    200,
    Ready(generation=3, model_version="resnet50-2026-03-01", engines=["faiss", "qdrant"], unavailable={}),
    description="It can answer",
)


class HealthController(Controller):
    """For load balancers and orchestrators."""

    path = "/health"
    tags = ("health",)

    @get("/live", sync_to_thread=False, responses=_ALIVE, summary="Is the process alive?")
    def live(self) -> Alive:
        """Answer as long as the process runs."""
        return Alive()

    @get("/ready", sync_to_thread=True, summary="Can it answer?", responses={**_READY, **problem_responses(503)})
    def ready(self, resources: NamedDependency[SkipValidation[Parts]]) -> Ready:
        """Answer 200 when the database answers, a generation is live and at least one index is open."""
        try:
            with resources.database.read() as session:
                session.connection().execute(text("SELECT 1"))
        except SQLAlchemyError as error:
            raise ServiceUnavailable("The database does not answer.") from error
        current = resources.live.current()
        if not current.opened:
            raise ServiceUnavailable(f"No index is open: {dict(current.unavailable)}")
        return Ready(
            generation=current.generation.id,
            model_version=current.generation.model_version,
            engines=sorted(current.opened),
            unavailable=dict(current.unavailable),
        )
