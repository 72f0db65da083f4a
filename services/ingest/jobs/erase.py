"""Erases what deleted listings have left behind in the database, the indexes and the folders."""

from __future__ import annotations

import shutil
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from more_itertools import chunked

from db.compaction import DatabaseInUse, rewrite
from db.rows import generations, jobs, listings
from db.rows.access import audit
from db.session import VALUES_PER_QUERY
from db.vectors.damage import remove_index
from ml.bundle.manifest import BundleError, read_manifest
from ml.sample import MODEL
from ml.training.run.run_folder import RunBusy, RunFolder
from services.errors import Conflict
from services.indexing.pruning import prune
from services.ingest.jobs.tidy import tidy
from services.ingest.pipeline.progress import silent
from services.ingest.pipeline.reindex import reindex
from services.ingest.pipeline.uploads import sweep_uploads

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from services.ingest.jobs.tidy import TidyResult
    from services.ingest.pipeline.progress import Progress
    from services.resources import Resources

_NOW = timedelta(0)


class NotErased(Conflict):
    """Another process works with the data."""

    def __init__(self, problem: str) -> None:
        super().__init__(f"Not everything can be erased: {problem}. Stop the server and workers, then run it again.")


@dataclass(frozen=True, slots=True)
class Erased:
    """What was removed and what stays.

    Attributes:
        generation: the number of the new generation; None if no model is live.
        models: folders of models that name deleted listings among those that they were trained or measured on.
    """

    removed: TidyResult
    generation: int | None
    models: tuple[Path, ...]


def erase(resources: Resources, progress: Progress = silent) -> Erased:
    """Remove all that is left of deleted listings.

    That is: unused photos, reports of jobs and models, names of files, free space of the database, and indexes that
    have held deleted vectors; the live ones are built anew.

    Raises:
        NotErased: a job is unfinished, or another process has the indexes or the SQLite file open.
        OSError: the photo store or an engine cannot be reached.
    """
    _check_alone(resources)
    progress("remove", 0, None)
    removed = tidy(resources, feed_kept_for=_NOW, photos_kept_for=_NOW, reports_kept_for=_NOW)
    resources.photo_files.sweep_temporary()
    sweep_uploads(resources.uploads, keep=(), older_than=_NOW)
    shutil.rmtree(resources.settings.data_dir / "reports", ignore_errors=True)
    _remove_trainings(resources.models.folder)
    with resources.database.write() as session:
        jobs.erase_texts(session)
        audit.erase_listings(session)
    generation = _rebuild_indexes(resources, progress)
    progress("rewrite the database", 0, None)
    try:
        rewrite(resources.database)
    except DatabaseInUse as error:
        raise NotErased(str(error)) from error
    return Erased(removed, generation, tuple(_models_naming_deleted(resources)))


def _check_alone(resources: Resources) -> None:
    with resources.database.read() as session:
        if unfinished := jobs.unfinished_jobs(session):
            raise NotErased(f"job {unfinished[0].id} ({unfinished[0].kind}) is not finished")
        has_model = generations.live_generation(session) is not None
    if has_model:
        resources.live.refresh()
        for engine, problem in resources.live.current().unavailable.items():
            raise NotErased(f"the {engine} index cannot be opened ({problem})")


def _remove_trainings(models: Path) -> None:
    """Remove unfinished models, and trainings that were interrupted: they have decoded photos."""
    for folder in models.glob("run-*"):
        try:
            RunFolder(folder).claim()
        except RunBusy as error:
            raise NotErased(str(error)) from error
        shutil.rmtree(folder, ignore_errors=True)
    for folder in models.glob("new-*"):
        shutil.rmtree(folder, ignore_errors=True)


def _models_naming_deleted(resources: Resources) -> Iterator[Path]:
    """Yield the models that name listings which the catalogue does not have; the shipped one names drawn items only."""
    shipped = read_manifest(MODEL).version
    for folder in sorted(resources.models.folder.glob("*")):
        with suppress(BundleError):
            manifest = read_manifest(folder)
            split = None if manifest.version == shipped else manifest.split
            named = () if split is None else (*split.train, *split.validation, *split.held_out)
            with resources.database.read() as session:
                some = chunked(named, VALUES_PER_QUERY)
                if any(len(listings.known_ids(session, ids)) < len(ids) for ids in some):
                    yield folder


def _rebuild_indexes(resources: Resources, progress: Progress) -> int | None:
    with resources.database.read() as session:
        live = generations.live_generation(session)
    if live is not None:
        live, _ = reindex(resources, model_version=live.model_version, force=True, progress=progress)
        resources.live.refresh()
        resources.live.close_retired()
        prune(resources.database, resources.stores, keep=0)
    for engine in (resources.settings.data_dir / "indexes").glob("*"):
        for folder in engine.glob("*"):  # left by earlier versions, damage or other settings
            if live is None or folder.name != live.collection:
                remove_index(folder)
    return None if live is None else live.id
