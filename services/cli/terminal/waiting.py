"""Waiting for the database and Qdrant, which may start later than the services that need them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

from services.cli.terminal.console import console
from services.errors import Conflict, ServiceUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from services.resources import Resources

Value = TypeVar("Value")

_EVERY_S = 1.0


def await_stores(resources: Resources) -> None:
    """Wait as long as the settings say until the database, at this version's tables, and Qdrant answer.

    Raises:
        Unavailable: one still does not.
        Conflict: the tables are still not those of this version.
    """
    patiently(resources.check_stores, resources.settings.wait_s)


def patiently(attempt: Callable[[], Value], wait_s: float) -> Value:
    """Return what `attempt` returns; while it says that something is away or not ready, try for `wait_s` seconds."""
    deadline, told = time.monotonic() + wait_s, False
    while True:
        try:
            return attempt()
        except (ServiceUnavailable, Conflict) as error:
            if time.monotonic() >= deadline:
                raise
            if not told:
                console.print(f"Waiting: {error}", soft_wrap=True)
                told = True
        time.sleep(_EVERY_S)
