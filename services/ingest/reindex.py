"""Reindex: embed what the model has not embedded yet, build a generation beside the live one, verify, promote.

Building the indexes anew and changing the model are this one operation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from db import embeddings, generations, jobs
from services.errors import ModelMissing
from services.indexing.generations import build_and_promote
from services.ingest.embedding import PhotoEmbedder
from services.ingest.job_outcome import recorded
from services.ingest.progress import Progress, StageCounter, silent

if TYPE_CHECKING:
    from db.generations import GenerationRecord
    from services.ingest.embedding import EmbeddingRun
    from services.resources import Resources


def reindex(
    resources: Resources,
    *,
    model_version: str | None = None,
    progress: Progress = silent,
) -> tuple[GenerationRecord, EmbeddingRun]:
    """Build and promote a generation for `model_version`, by default that of the live one.

    Raises:
        ModelMissing: no version is given and no generation is live.
        Conflict: the new indexes do not hold what the truth says; the live generation stays.
    """
    with resources.database.read() as session:
        live = generations.live_generation(session)
    if model_version is not None:
        version = model_version
    elif live is not None:
        version = live.model_version
    else:
        raise ModelMissing
    with resources.database.read() as session:
        missing = embeddings.missing_count(session, model_version=version)
    embedder = PhotoEmbedder(
        resources.database, resources.photo_files, resources.embedder_for(version), limits=resources.photo_limits
    )
    run = embedder.embed_missing(StageCounter(progress, "embed photos", missing))
    progress("build indexes", 0, None)
    return build_and_promote(resources.database, resources.stores, version), run


def run_reindex_job(resources: Resources, job_id: str, model_version: str | None, progress: Progress) -> None:
    """Run a reindex as a job, and keep its outcome with it."""
    with recorded(resources.database, job_id):
        generation, run = reindex(resources, model_version=model_version, progress=progress)
        resources.live.refresh()
        counts = {"photos_embedded": run.embedded, "photos_failed": len(run.failed), "generation": generation.id}
        with resources.database.write() as session:
            jobs.add_counts(session, job_id, counts)
