"""Opening and closing what a command works with."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError
from pydantic_settings import DotEnvSettingsSource, EnvSettingsSource

from services.errors import BadInput, LookalikeError
from services.resources import Resources
from services.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

log = logging.getLogger(__name__)

_PREFIX = "LOOKALIKE_"
_NOT_SETTINGS = ("LOOKALIKE_API_KEY", "LOOKALIKE_KEY", "LOOKALIKE_TEST_")
"""Beginnings of variables that have other readers: options of commands, and the tests."""


class NoDatabase(LookalikeError):
    """There is nothing yet for the command to work on."""

    def __init__(self, file: Path) -> None:
        super().__init__(
            f"There is no database at {file}. Run this where your data directory is, or name that in "
            "LOOKALIKE_DATA_DIR. A new one begins with `lookalike ingest`; `lookalike train` then makes a model."
        )


@contextmanager
def open_resources(settings: Settings | None = None, *, creating: bool = False) -> Iterator[Resources]:
    """Give the resources that the environment's settings describe, and close them after.

    Only a command that is `creating` makes a database in an empty place; any other was started in a wrong one.

    Raises:
        NoDatabase: there is none.
    """
    settings = settings or read_settings()
    if not creating and settings.sqlite_file is not None and not settings.sqlite_file.exists():
        raise NoDatabase(settings.sqlite_file)
    resources = Resources(settings)
    try:
        yield resources
    finally:
        resources.close()


def place_of_database(resources: Resources) -> str:
    """Return the database's file, or its URL without the password."""
    return str(resources.settings.sqlite_file or resources.database.engine.url.render_as_string())


def read_settings(**given: Any) -> Settings:
    """Return the settings of the environment; those that are given win. Variables that are none are warned of.

    Raises:
        BadInput: one cannot be used.
    """
    _warn_of_unknown()
    try:
        return Settings(**given)
    except ValidationError as error:
        problems = (f"LOOKALIKE_{str(one['loc'][0]).upper()}: {one['msg']}" for one in error.errors())
        raise BadInput(f"{'; '.join(problems)}. Correct it in the environment or in .env.") from error


def _warn_of_unknown() -> None:
    """Warn of what is named like a setting, in the environment or in .env, and is none: most likely a slip."""
    given = {*EnvSettingsSource(Settings).env_vars, *DotEnvSettingsSource(Settings).env_vars}
    for variable in sorted(name.upper() for name in given):
        name = variable.removeprefix(_PREFIX).lower()
        if (
            variable.startswith(_PREFIX)
            and name not in Settings.model_fields
            and not variable.startswith(_NOT_SETTINGS)
        ):
            meant = get_close_matches(name, Settings.model_fields, n=1)
            hint = f"Do you mean {_PREFIX}{meant[0].upper()}?" if meant else "The README lists the settings."
            log.warning("%s is no setting and has no effect. %s", variable, hint)
