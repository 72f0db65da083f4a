"""Opening and closing what a command works with."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from services.errors import BadInput
from services.resources import Resources
from services.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def open_resources(settings: Settings | None = None) -> Iterator[Resources]:
    """Give the resources that the environment's settings describe, and close them after."""
    resources = Resources(settings or read_settings())
    try:
        yield resources
    finally:
        resources.close()


def read_settings(**given: Any) -> Settings:
    """Return the settings of the environment; those that are given win.

    Raises:
        BadInput: one cannot be used.
    """
    try:
        return Settings(**given)
    except ValidationError as error:
        problems = (f"LOOKALIKE_{str(one['loc'][0]).upper()}: {one['msg']}" for one in error.errors())
        raise BadInput(f"{'; '.join(problems)}. Correct it in the environment or in .env.") from error
