"""Opening and closing what a command works with."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from services.resources import Resources
from services.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def open_resources(settings: Settings | None = None) -> Iterator[Resources]:
    """Give the resources that the environment's settings describe, and close them after."""
    resources = Resources(settings or Settings())
    try:
        yield resources
    finally:
        resources.close()
