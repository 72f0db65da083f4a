"""The jobs that change the live indexes: promote, repair and reindex. Each records its outcome."""

from __future__ import annotations

from typing import TYPE_CHECKING

from db.models import GenerationState
from db.rows import jobs
from services.indexing.consistency import live_drift, repair_live
from services.indexing.generations import known_generation
from services.ingest.pipeline.outcome import record_outcome
from services.ingest.pipeline.reindex import promote, reindex

if TYPE_CHECKING:
    from services.ingest.pipeline.progress import Progress
    from services.resources import Resources


def run_promote_job(resources: Resources, job_id: str, generation_id: int, progress: Progress) -> None:
    """Promote a previous generation.

    A generation that is live already was promoted by this job, which was killed before it could record that: nobody can
    queue the promotion of a live generation.
    """
    with record_outcome(resources.database, job_id):
        if known_generation(resources.database, generation_id).state != GenerationState.LIVE:
            promote(resources, generation_id, progress=progress)
        resources.live.refresh()
        with resources.database.write() as session:
            jobs.add_counts(session, job_id, {"generation": generation_id})


def run_repair_job(resources: Resources, job_id: str, progress: Progress) -> None:
    """Repair the live indexes; the counts of the job are the photos put in and taken out of each."""
    with record_outcome(resources.database, job_id):
        progress("repair indexes", 0, None)
        resources.live.refresh()
        live = resources.live.current()
        drifts = live_drift(resources.database, live)
        repair_live(resources.database, live, drifts)
        resources.live.persist()
        counts = {f"{drift.engine}_put_in": len(drift.missing) + len(drift.different) for drift in drifts}
        counts |= {f"{drift.engine}_taken_out": len(drift.extra) for drift in drifts}
        with resources.database.write() as session:
            jobs.add_counts(session, job_id, counts)


def run_reindex_job(
    resources: Resources, job_id: str, model_version: str | None, progress: Progress, *, force: bool = False
) -> None:
    """Reindex, unless an earlier run of this job was killed after it had promoted its generation.

    Building a second generation would prune the previous one, and with it the way back.
    """
    with record_outcome(resources.database, job_id):
        with resources.database.read() as session:
            promoted = jobs.promoted_generation(session, job_id)
        if promoted is None:
            generation, run = reindex(
                resources,
                model_version=model_version,
                force=force,
                progress=progress,
                promoting=lambda session, generation_id: jobs.set_promoted(session, job_id, generation_id),
            )
            counts = {"photos_embedded": run.embedded, "photos_failed": len(run.failed), "generation": generation.id}
        else:
            counts = {"generation": promoted}
        resources.live.refresh()
        with resources.database.write() as session:
            jobs.add_counts(session, job_id, counts)
