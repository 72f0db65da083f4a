"""Waits for the database and Qdrant, which may start later than the services that need them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

from services.cli.terminal.console import console
from services.errors import Conflict, ServiceUnavailable
from services.resources import EngineAway

if TYPE_CHECKING:
    from collections.abc import Callable

    from services.resources import Resources

Value = TypeVar("Value")

_RETRY_EVERY_S = 1.0


def wait_for_stores(resources: Resources) -> None:
    """Wait at most `LOOKALIKE_WAIT_S` seconds until the database has this version's tables and Qdrant answers.

    Afterwards, go on without a Qdrant server if FAISS can answer.

    Raises:
        ServiceUnavailable: a store that is needed still does not answer.
        Conflict: the tables are still those of another version.
    """
    try:
        retry_until_ready(resources.check_stores, resources.settings.wait_s)
    except EngineAway as error:
        if not error.is_replaced:
            raise
        console.print(f"Warning: {error}. FAISS answers until then.")


def retry_until_ready(attempt: Callable[[], Value], wait_s: float) -> Value:
    """Call `attempt` until it no longer raises ServiceUnavailable or Conflict, at most for `wait_s` seconds."""
    deadline, announced = time.monotonic() + wait_s, False
    while True:
        try:
            return attempt()
        except (ServiceUnavailable, Conflict) as error:
            if time.monotonic() >= deadline:
                raise
            if not announced:
                console.print(f"Waiting up to {wait_s:.0f} s: {error}")
                announced = True
        time.sleep(_RETRY_EVERY_S)
