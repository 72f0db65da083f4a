"""Reads the settings, and opens and closes the resources that a command works with."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError
from pydantic_settings import DotEnvSettingsSource, EnvSettingsSource

from ml.bundle.manifest import BundleError, read_manifest
from services.errors import BadInput, LookalikeError, ModelUnusable
from services.redaction import redacted
from services.resources import Resources
from services.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

log = logging.getLogger(__name__)

_PREFIX = "LOOKALIKE_"
_NOT_SETTINGS = ("LOOKALIKE_API_KEY", "LOOKALIKE_KEY", "LOOKALIKE_TEST_")
"""Prefixes of variables that command options and the tests read."""


class NoDatabase(LookalikeError):
    """The data directory has no database."""

    def __init__(self, file: Path) -> None:
        super().__init__(
            f"There is no database at {file}. Run the command where your data directory is, or set LOOKALIKE_DATA_DIR. "
            "To start a new one: `lookalike ingest` creates a database, `lookalike train` trains a model."
        )


@contextmanager
def open_resources(
    settings: Settings | None = None, *, create: bool = False, needs_model: bool = False
) -> Iterator[Resources]:
    """Open the resources that the settings describe, and close them at the end of the block.

    Args:
        settings: read from the environment where they are None.
        create: create a missing SQLite database. Other commands were most likely started in the wrong folder.
        needs_model: begin with LOOKALIKE_MODEL if no model is live.

    Raises:
        NoDatabase: the SQLite file is missing.
        ModelUnusable: LOOKALIKE_MODEL is needed and is no valid model bundle.
    """
    settings = settings or read_settings()
    resources = Resources(settings if create else existing_database(settings))
    try:
        if needs_model:
            resources.ensure_generation()
        yield resources
    finally:
        resources.close()


def existing_database(settings: Settings) -> Settings:
    """Return the settings if their database exists, as far as that can be seen without connecting.

    Raises:
        NoDatabase: the SQLite file is missing.
    """
    if settings.sqlite_file is not None and is_new(settings):
        raise NoDatabase(settings.sqlite_file)
    return settings


def is_new(settings: Settings) -> bool:
    """Say whether opening the settings' resources would create a database."""
    return settings.sqlite_file is not None and not settings.sqlite_file.exists()


def check_first_model(settings: Settings) -> None:
    """Check the LOOKALIKE_MODEL that a database which does not exist yet would begin with.

    Raises:
        ModelUnusable: it is not a model bundle.
    """
    if settings.model is None or not is_new(settings):
        return
    try:
        read_manifest(settings.model)
    except BundleError as error:
        raise ModelUnusable(str(settings.model), str(error)) from error


def database_location(resources: Resources) -> str:
    """Return the database's file, or its URL without the password."""
    return redacted(str(resources.settings.sqlite_file or resources.database.engine.url.render_as_string()))


def read_settings(**overrides: Any) -> Settings:
    """Read the settings from the environment; `overrides` take precedence. Unknown variables are logged as warnings.

    Raises:
        BadInput: a value is invalid.
    """
    _warn_of_unknown_variables()
    try:
        return Settings(**overrides)
    except ValidationError as error:
        problems = (f"LOOKALIKE_{str(one['loc'][0]).upper()}: {one['msg']}" for one in error.errors())
        raise BadInput(f"{'; '.join(problems)}. Correct the value in the environment or in .env.") from error


def _warn_of_unknown_variables() -> None:
    """Warn of `LOOKALIKE_*` variables in the environment or in .env that are not settings, most likely misspelt."""
    variables = {*EnvSettingsSource(Settings).env_vars, *DotEnvSettingsSource(Settings).env_vars}
    for variable in sorted(name.upper() for name in variables):
        name = variable.removeprefix(_PREFIX).lower()
        if not variable.startswith(_PREFIX) or variable.startswith(_NOT_SETTINGS) or name in Settings.model_fields:
            continue
        close = get_close_matches(name, Settings.model_fields, n=1)
        hint = f"Did you mean {_PREFIX}{close[0].upper()}?" if close else "docs/settings.md lists the settings."
        log.warning("%s is not a setting and has no effect. %s", variable, hint)
