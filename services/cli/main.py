"""The `lookalike` command: its sub-commands, and how errors end them."""

from __future__ import annotations

import logging
import sys
from importlib.metadata import version
from typing import Annotated

import typer

from services.cli.commands import LazyCommands
from services.cli.terminal.console import console, fail, output
from services.cli.terminal.exit_codes import ExitCode, exit_code_of, exit_on_sigterm
from services.disk_errors import disk_problem
from services.errors import LookalikeError, is_storage_full
from services.redaction import redact_logs_and_tracebacks

app = typer.Typer(
    name="lookalike",
    cls=LazyCommands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


def _print_version(is_asked: bool) -> None:
    if is_asked:
        output.print(f"lookalike {version('lookalike')}")
        raise typer.Exit


@app.callback()
def lookalike(
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Visual search for marketplaces: clean listings, embed photos, find what looks alike."""


def main() -> None:
    """Run the command. A LookalikeError or an error of the disk becomes one line on standard error and an exit code."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s", stream=sys.stderr)
    redact_logs_and_tracebacks()
    exit_on_sigterm(ExitCode.TERMINATED)
    try:
        app()
    except LookalikeError as error:
        fail(str(error), exit_code_of(error))
    except Exception as error:
        if is_storage_full(error):
            fail(f"The disk is full ({error}). Free some space, then run the same command again.")
        if sentence := disk_problem(error) or _about_database(error):
            fail(sentence)
        raise
    except SystemExit as ended:
        if ended.code == ExitCode.INTERRUPTED:  # typer's exit code for KeyboardInterrupt
            console.print("\nStopped. Finished work is saved; run the same command again to continue.")
        raise


def _about_database(error: Exception) -> str:
    """Return what to tell of a database that does not answer or is damaged; empty for other errors."""
    from sqlalchemy.exc import OperationalError

    from db.session import DamagedDatabase

    if isinstance(error, DamagedDatabase):
        return str(error)
    return f"The database does not work: {error.orig}" if isinstance(error, OperationalError) else ""
