"""Says at the start of a server what it lacks."""

from __future__ import annotations

import shlex
from contextlib import contextmanager
from typing import TYPE_CHECKING

from db.locks import try_lock
from ml.sample import MODEL
from services.cli.terminal.console import console
from services.cli.terminal.examples import command_on
from services.errors import ModelMissing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from services.resources import Resources
    from services.settings import Settings


def warn_of_missing_parts(resources: Resources) -> None:
    """Warn when no model is live, when an index cannot be opened, or when the live model has no OOD detector."""
    try:
        current = resources.live.current()
    except ModelMissing as error:
        _warn(f"searches answer 503. {error}")
        return
    for engine, problem in current.unavailable.items():
        others = " and ".join(sorted(current.opened))
        _warn(f"the {engine} index is not open: {problem}. {f'Searches use {others}.' if others else ''}".rstrip())
    warn_of_no_detector(resources)


def warn_of_no_detector(resources: Resources) -> None:
    """Warn when the live model cannot tell photos that are unlike its training photos."""
    version = resources.live.current().generation.model_version
    manifest = resources.models.manifest(version)
    if manifest is not None and manifest.ood is None:
        program = command_on(resources)
        _warn(
            f"model {version} cannot tell which photos are unlike its training photos, so `in_distribution` and "
            f"`ood_score` are null: an older version trained it, or its listings were too few.\n"
            f"  To train a new one: {program} train\n"
            f"  In a demo, to use the model of this version: {program} reindex --model {shlex.quote(str(MODEL))}"
        )


@contextmanager
def only_server(resources: Resources) -> Iterator[None]:
    """Warn when another server uses the same SQLite database, for as long as the block runs."""
    if resources.settings.sqlite_file is None:
        yield
        return
    lock = try_lock(resources.database, "server")
    if lock is None:
        _warn(
            f"another server uses {resources.settings.data_dir}. Only one of the two keeps Qdrant Edge and runs "
            "jobs. Stop the other one, or set LOOKALIKE_DATA_DIR to another folder."
        )
    try:
        yield
    finally:
        if lock is not None:
            lock.release()


def warn_of_embedded_stores(settings: Settings) -> None:
    """Warn when a process that serves one app uses stores that other processes cannot open."""
    servers = {
        "LOOKALIKE_DATABASE_URL (PostgreSQL)": settings.sqlite_file is None,
        "LOOKALIKE_QDRANT_URL": bool(settings.qdrant_url),
    }
    if missing := " and ".join(name for name, is_set in servers.items() if not is_set):
        _warn(
            "separate apps share their data only through a database server and a Qdrant server. "
            f"Set {missing}, or serve both apps in one process."
        )


def _warn(text: str) -> None:
    console.print(f"Warning: {text}")
