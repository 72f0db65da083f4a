"""Says at the start of a server what it lacks."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from db.locks import try_lock
from services.cli.terminal.console import console
from services.errors import ModelMissing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from services.resources import Resources
    from services.settings import Settings


def warn_of_missing_parts(resources: Resources) -> None:
    """Warn when no model is live, or when an index cannot be opened."""
    try:
        current = resources.live.current()
    except ModelMissing as error:
        _warn(f"searches answer 503. {error}")
        return
    for engine, problem in current.unavailable.items():
        others = " and ".join(sorted(current.opened))
        _warn(f"the {engine} index is not open: {problem}. {f'Searches use {others}.' if others else ''}".rstrip())


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
