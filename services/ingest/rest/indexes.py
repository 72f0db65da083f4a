"""The calls that administer the indexes: rebuild, list, make live, repair, and compare with the database."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

from litestar import Controller, Request, get, post
from litestar.di import NamedDependency

from db.models import GenerationState, Role, utc_now
from db.rows import embeddings, generations, jobs
from db.rows.recall import by_hour
from services.errors import Conflict, ResourceNotFound
from services.indexing.ann_recall import ann_recall
from services.indexing.consistency import live_drift
from services.indexing.generations import check_promotable, known_generation, previous_generation
from services.indexing.live import as_index_unavailable
from services.ingest.jobs.runner import JobRunner
from services.ingest.rest import operations
from services.resources import Resources
from services.web.limits.threads import WorkerThreads
from services.web.parameters import in_path, query
from services.web.problems import problem_responses
from services.web.requests import converted
from services.wire import (
    DriftAnswer,
    GenerationAnswer,
    IndexRecall,
    JobQueued,
    RecallAnswer,
    ReindexRequest,
    SearchRecall,
)

if TYPE_CHECKING:
    from db.rows.generations import GenerationRecord

GenerationId = Annotated[int, in_path(1)]


class IndexesController(Controller):
    """The indexes: rebuild, list, make live, repair, and compare with the database."""

    path = "/v1/admin"
    tags = ("admin",)
    opt = {"role": Role.ADMIN}  # noqa: RUF012

    @post(
        "/reindex",
        status_code=202,
        operation_class=operations.REINDEX,
        response_description="The job was queued",
        responses=problem_responses(404),
        summary="Rebuild the indexes",
    )
    async def reindex(
        self,
        request: Request[Any, Any, Any],
        resources: NamedDependency[Resources],
        job_runner: NamedDependency[JobRunner],
        workers: NamedDependency[WorkerThreads],
    ) -> JobQueued:
        """Queue a job that builds a new generation next to the live one, verifies it and makes it live."""
        # Not a parameter of the call: Litestar would read 0 and "true" as booleans.
        body = await request.json() if await request.body() else {}
        reindex = converted(body, ReindexRequest, strict=True)
        return JobQueued(await workers.run(_queue_reindex, resources, job_runner, reindex))

    @get(
        "/indexes",
        sync_to_thread=True,
        response_description="Every generation",
        summary="List the generations, newest first",
    )
    def indexes(self, resources: NamedDependency[Resources]) -> list[GenerationAnswer]:
        """Return every generation: one is live, previous ones can be made live again."""
        with resources.database.read() as session:
            known = generations.generations_with_current_counts(session)
            models = {one.model_version for one in known if one.state == GenerationState.PREVIOUS}
            to_embed = {model: embeddings.missing_count(session, model_version=model) for model in models}
            rate = jobs.photos_embedded_per_second(session)
        return [
            _generation(one, to_embed[one.model_version] if one.state == GenerationState.PREVIOUS else 0, rate)
            for one in known
        ]

    @post(
        "/indexes/{generation:int}/promote",
        status_code=202,
        sync_to_thread=True,
        response_description="The job was queued",
        responses=problem_responses(404, 409),
        summary="Make a previous generation live again",
    )
    def promote_index(
        self,
        generation: GenerationId,
        resources: NamedDependency[Resources],
        job_runner: NamedDependency[JobRunner],
    ) -> JobQueued:
        """Queue a job that makes the generation live: from then on its model answers searches.

        Until then the live generation answers. The job first embeds the photos that the model lacks, then updates and
        verifies the indexes of the generation.
        """
        check_promotable(known_generation(resources.database, generation))
        return JobQueued(job_runner.queue_promote(generation))

    @post(
        "/indexes/{generation:int}/rollback",
        status_code=202,
        sync_to_thread=True,
        response_description="The job was queued",
        responses=problem_responses(404, 409),
        summary="Return to the generation that was live before",
    )
    def roll_back_index(
        self,
        generation: GenerationId,
        resources: NamedDependency[Resources],
        job_runner: NamedDependency[JobRunner],
    ) -> JobQueued:
        """Queue a job that makes the generation live that was live before this one; see the call `promote_index`.

        The path names the live generation, so a repeated request does not go back twice.
        """
        if known_generation(resources.database, generation).state != GenerationState.LIVE:
            raise Conflict(f"Generation {generation} is not live: another request has already changed that.")
        return JobQueued(job_runner.queue_promote(previous_generation(resources.database).id))

    @post(
        "/consistency/repair",
        status_code=202,
        sync_to_thread=True,
        response_description="The job was queued",
        summary="Repair the indexes",
    )
    def repair_indexes(self, job_runner: NamedDependency[JobRunner]) -> JobQueued:
        """Queue a job that adds missing photos to the live indexes and removes extra ones."""
        return JobQueued(job_runner.queue_repair())

    @get(
        "/recall",
        sync_to_thread=True,
        response_description="The recall of each open index, and of the searches of each hour",
        summary="Measure the recall of the indexes",
    )
    def recall_history(
        self,
        resources: NamedDependency[Resources],
        hours: Annotated[
            int,
            query("How far back searches count, in hours.", 24, ge=1, le=24 * 90),
        ] = 24,
    ) -> RecallAnswer:
        """Compare each open index with an exact search, for a hundred stored photos.

        The answer also has the recall of the users' audited searches, hour by hour.
        """
        live = resources.live.current()
        version = live.generation.model_version
        indexes = []
        for engine, opened in live.opened.items():
            with as_index_unavailable(engine):
                recall = ann_recall(resources.database, opened.index, model_version=version)
            indexes.append(IndexRecall(engine, recall))
        return RecallAnswer(indexes, _searches(resources, timedelta(hours=hours)))

    @get(
        "/consistency",
        sync_to_thread=True,
        response_description="Each open index",
        summary="Compare the indexes with the database",
    )
    def consistency(self, resources: NamedDependency[Resources]) -> list[DriftAnswer]:
        """Return how each index that this process has open differs from the database."""
        resources.live.refresh()
        found = live_drift(resources.database, resources.live.current())
        return [DriftAnswer(**asdict(one)) for one in found]


def _generation(one: GenerationRecord, to_embed: int, rate: float | None) -> GenerationAnswer:
    """`rate` is in photos per second."""
    return GenerationAnswer(
        one.id,
        one.state,
        one.model_version,
        one.photos,
        one.created_at,
        one.promoted_at,
        one.forced,
        photos_to_embed=to_embed,
        seconds_to_embed=round(to_embed / rate, 1) if rate else None,
    )


def _searches(resources: Resources, back: timedelta) -> list[SearchRecall]:
    with resources.database.read() as session:
        hours = by_hour(session, since=utc_now() - back)
    return [
        SearchRecall(one.generation, one.plan, one.shape, one.hour, one.tally.queries, one.tally.recall)
        for one in hours
    ]


def _queue_reindex(resources: Resources, job_runner: JobRunner, reindex: ReindexRequest) -> str:
    with resources.database.read() as session:
        if reindex.model_version and generations.model_path(session, reindex.model_version) is None:
            raise ResourceNotFound("registered model", reindex.model_version, remedy="`lookalike train` registers one.")
    return job_runner.queue_reindex(reindex.model_version, force=reindex.force)
