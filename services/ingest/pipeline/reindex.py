"""Reindex: embed what the model has not embedded yet, build a generation beside the live one, verify, promote.

Building the indexes anew and changing the model are this one operation; going back is its second half.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from db.models import GenerationState
from db.rows import embeddings, generations, jobs
from services.errors import Conflict, ModelMissing
from services.indexing.consistency import live_drift, repair_live
from services.indexing.generations import build_and_promote, check_promotable, known_generation, promote_again
from services.ingest.pipeline.embedding import PhotoEmbedder
from services.ingest.pipeline.outcome import record_outcome
from services.ingest.pipeline.progress import Progress, StageCounter, silent

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlmodel import Session

    from db.rows.generations import GenerationRecord
    from services.ingest.pipeline.embedding import EmbeddingRun
    from services.resources import Resources


_DECISIVE = ("category_accuracy", "same_listing_recall_at_1")
_WORSE_BY_AT_MOST = 0.05
"""Each model is measured on held-out listings of its own; of a few hundred, shares differ by so much by chance."""


def reindex(
    resources: Resources,
    *,
    model_version: str | None = None,
    force: bool = False,
    progress: Progress = silent,
    promoting: Callable[[Session, int], None] = lambda _session, _generation: None,
) -> tuple[GenerationRecord, EmbeddingRun]:
    """Build and promote a generation for `model_version`, by default that of the live one.

    `force` promotes it though its quality falls short; that is recorded with the generation. `promoting` is called with
    its id in the transaction that promotes it.

    Raises:
        ModelMissing: no version is given and no generation is live.
        Conflict: the new indexes do not hold what the truth says, find too little of it, or the new model is worse than
            the live one; the live generation stays.
    """
    with resources.database.read() as session:
        live = generations.live_generation(session)
    if model_version is not None:
        version = model_version
    elif live is not None:
        version = live.model_version
    else:
        raise ModelMissing
    if live is not None and version != live.model_version and not force:
        _check_model(resources, version, live.model_version)
    run = embed_missing(resources, version, progress)
    progress("build indexes", 0, None)
    generation = build_and_promote(
        resources.database,
        resources.stores,
        version,
        force=force,
        checkpoint=lambda: progress("promote", 0, None),
        promoting=promoting,
    )
    return generation, run


def _check_model(resources: Resources, version: str, live: str) -> None:
    """Raise Conflict where a model was measured to be worse than the live one, by more than chance allows."""
    new, old = (dict(resources.models.metrics(one)) for one in (version, live))
    for name in _DECISIVE:
        if name in new and name in old and new[name] < old[name] - _WORSE_BY_AT_MOST:
            raise Conflict(
                f"Model {version} is worse than the live one: {name.replace('_', ' ')} {new[name]:.3f} instead of "
                f"{old[name]:.3f}. The live generation is unchanged; `lookalike reindex --force --model` with the "
                "model's folder promotes it all the same."
            )


def promote(resources: Resources, generation_id: int, *, progress: Progress = silent) -> GenerationRecord:
    """Make a previous generation the live one again; photos that came since are embedded with its model first.

    Raises:
        NotFound: there is no such generation.
        Conflict: it is not a previous one, or its indexes do not hold what the truth says; the live one stays live.
    """
    generation = known_generation(resources.database, generation_id)
    check_promotable(generation)
    embed_missing(resources, generation.model_version, progress)
    progress("update indexes", 0, None)
    resources.live.close_retired()
    promote_again(resources.database, resources.stores, generation)
    return generation


def embed_missing(resources: Resources, version: str, progress: Progress) -> EmbeddingRun:
    """Embed every photo that the model has not embedded yet."""
    with resources.database.read() as session:
        missing = embeddings.missing_count(session, model_version=version)
    embedder = PhotoEmbedder(
        resources.database, resources.photo_files, resources.embedder_for(version), limits=resources.photo_limits
    )
    return embedder.embed_missing(StageCounter(progress, "embed photos", missing))


def run_promote_job(resources: Resources, job_id: str, generation_id: int, progress: Progress) -> None:
    """Promote a previous generation as a job, and keep its outcome with it.

    One that is live was promoted by the job already, which was killed before it could say so: a live one is never asked
    for.
    """
    with record_outcome(resources.database, job_id):
        if known_generation(resources.database, generation_id).state != GenerationState.LIVE:
            promote(resources, generation_id, progress=progress)
        resources.live.refresh()
        with resources.database.write() as session:
            jobs.add_counts(session, job_id, {"generation": generation_id})


def run_repair_job(resources: Resources, job_id: str, progress: Progress) -> None:
    """Repair the live indexes as a job, and keep with it what was missing and what was too much."""
    with record_outcome(resources.database, job_id):
        progress("repair indexes", 0, None)
        resources.live.refresh()
        live = resources.live.current()
        found = live_drift(resources.database, live)
        repair_live(resources.database, live, found)
        resources.live.persist()
        counts = {f"{one.engine}_put_in": len(one.missing) + len(one.different) for one in found}
        counts |= {f"{one.engine}_taken_out": len(one.extra) for one in found}
        with resources.database.write() as session:
            jobs.add_counts(session, job_id, counts)


def run_reindex_job(
    resources: Resources, job_id: str, model_version: str | None, progress: Progress, *, force: bool = False
) -> None:
    """Run a reindex as a job, and keep its outcome with it.

    A job that was killed after its generation was promoted does not build another one: that would prune the one before,
    and with it the way back.
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
