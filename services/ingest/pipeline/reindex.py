"""Reindex: embed the photos that the model lacks, build a generation beside the live one, verify and promote it.

The same operation rebuilds the indexes and changes the model. Going back to a previous generation is `promote`.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from db.rows import embeddings, generations
from ml.evaluation.intervals import chance_difference
from services.errors import Conflict, ModelMissing
from services.indexing.generations import build_and_promote, check_promotable, known_generation, promote_again
from services.ingest.pipeline.embedding import PhotoEmbedder
from services.ingest.pipeline.progress import Progress, StageCounter, silent

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlmodel import Session

    from db.rows.generations import GenerationRecord
    from ml.bundle.manifest import Manifest
    from services.ingest.pipeline.embedding import EmbeddingRun
    from services.resources import Resources


_COMPARED_METRICS = ("category_accuracy", "same_listing_recall_at_1")
_TOLERATED_LOSS = 0.05
"""Each model is measured on listings of its own, so a smaller loss is tolerated however many there are."""


def reindex(
    resources: Resources,
    *,
    model_version: str | None = None,
    force: bool = False,
    progress: Progress = silent,
    promoting: Callable[[Session, int], None] = lambda _session, _generation: None,
) -> tuple[GenerationRecord, EmbeddingRun]:
    """Build and promote a generation for `model_version`, by default the live one's.

    Args:
        force: promote the generation even if its quality is too low; the generation records that it was forced.
        promoting: called with the new generation's id, in the transaction that promotes it.

    Raises:
        ModelMissing: `model_version` is None and no generation is live.
        Conflict: the new indexes differ from the database or their recall is too low, or the new model is worse than
            the live one. The live generation stays.
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
        checkpoint=lambda: progress("make live", 0, None),
        promoting=promoting,
    )
    return generation, run


def _check_model(resources: Resources, version: str, live: str) -> None:
    """Raise Conflict if the model measures worse than the live model, beyond chance."""
    new, old = (resources.models.manifest(one) for one in (version, live))
    if new is None or old is None:
        return
    counts = _measured_listings(new), _measured_listings(old)
    for name in _COMPARED_METRICS:
        if name not in new.metrics or name not in old.metrics:
            continue
        shares = new.metrics[name], old.metrics[name]
        if shares[1] - shares[0] > max(_TOLERATED_LOSS, chance_difference(shares, counts)):
            folder = shlex.quote(str(resources.models.path(version)))
            raise Conflict(
                f"Model {version} is worse than the live one: its {name.replace('_', ' ')} is {shares[0]:.3f} instead "
                f"of {shares[1]:.3f}, measured on {counts[0]:,} and {counts[1]:,} listings. The live generation is "
                f"unchanged. To make the model live anyway: lookalike reindex --force --model {folder}"
            )


def _measured_listings(manifest: Manifest) -> int:
    """Return how many listings the metrics were measured on; without a split, at most as many as photos."""
    return len(manifest.split.held_out) if manifest.split else round(manifest.metrics.get("held_out_photos", 0))


def promote(resources: Resources, generation_id: int, *, progress: Progress = silent) -> GenerationRecord:
    """Make a previous generation live again, after embedding the photos that its model lacks.

    Raises:
        ResourceNotFound: there is no such generation.
        Conflict: its state is not `previous`, or its indexes differ from the database. The live generation stays.
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
