"""`lookalike db`: migrate and tidy the database."""

from __future__ import annotations

import logging
from typing import Annotated

import typer
from sqlalchemy.exc import OperationalError

from db import migrate
from db.integrity import Damage, find_damage
from db.session import DamagedDatabase, Database
from services.cli.terminal.audited import audited
from services.cli.terminal.console import console, output, print_json, print_table, stage_bars
from services.cli.terminal.resources import existing_database, open_resources, read_settings
from services.cli.terminal.wait_for_stores import retry_until_ready
from services.errors import Conflict, LookalikeError
from services.ingest.cleaning.text import counted
from services.ingest.jobs.erase import erase as erase_deleted
from services.ingest.jobs.tidy import tidy as remove_unused
from services.resources import DatabaseAway

log = logging.getLogger(__name__)

db_app = typer.Typer(help="Manage the database.", no_args_is_help=True)


@db_app.command("upgrade")
def upgrade() -> None:
    """Migrate the database to the tables of this version."""
    settings = read_settings()
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    database = Database(settings.sql_url)
    before, after = retry_until_ready(lambda: _upgrade(database), settings.wait_s)
    if before != after:
        with audited(database) as command:
            command.resource = f"revision {after}"
    database.close()
    if before == after:
        console.print(f"The database is up to date (revision {after}).")
    else:
        console.print(f"Upgraded the database: {before or 'empty'} -> {after}")


class DamageFound(LookalikeError):
    """The database is damaged."""

    def __init__(self, count: int) -> None:
        super().__init__(
            f"The database is damaged: {counted(count, 'problem')}. docs/deployment.md says how to restore it."
        )


@db_app.command("check")
def check(json: Annotated[bool, typer.Option("--json", help="Print the problems as JSON.")] = False) -> None:
    """Check that the whole database can be read and agrees with itself; the exit code is 1 if not.

    It reads every row, may run while the server runs, and changes nothing. On PostgreSQL, `CREATE EXTENSION amcheck`
    lets it check the indexes too.
    """
    settings = existing_database(read_settings())
    database = Database(settings.sql_url)
    try:
        found = _damage(database)
    finally:
        database.close()
    if json:
        print_json(found)
    else:
        print_table("Problems of the database", ["place", "problem"], [(one.place, one.problem) for one in found])
    if found:
        raise DamageFound(len(found))
    console.print("The database is sound.")


def _damage(database: Database) -> list[Damage]:
    try:
        if not migrate.is_current(database):
            raise Conflict("The tables of the database do not fit this version. Run `lookalike db upgrade` first.")
    except DamagedDatabase:
        log.debug("the revision cannot be read; the check says why")
    except OperationalError as error:
        raise DatabaseAway(database, error) from error
    return find_damage(database)


@db_app.command("tidy")
def tidy(
    erase: Annotated[
        bool,
        typer.Option(
            "--erase",
            help="Also leave nothing of deleted listings: rewrite the database and the indexes. Stop the server first.",
        ),
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print what was removed as JSON.")] = False,
) -> None:
    """Remove change events that every index has read, photo files that no listing uses, and old records.

    LOOKALIKE_REPORTS_DAYS says how long rejects and warnings are kept, LOOKALIKE_AUDIT_DAYS the audit log.

    `lookalike serve` does this daily.
    """
    with open_resources() as resources, audited(resources.database) as command:
        if erase:
            with stage_bars() as progress:
                erased = erase_deleted(resources, progress)
            removed = erased.removed
            command.resource = None if erased.generation is None else f"generation {erased.generation}"
            for model in erased.models:
                console.print(
                    f"{model} names listings that the catalogue does not have. If it was trained here, train a new "
                    "model, then delete it."
                )
        else:
            removed = remove_unused(resources)
    if json:
        print_json(removed)
    else:
        output.print(
            f"Removed: {counted(removed.events, 'event')}, {counted(removed.photos, 'photo')}; rejects and warnings: "
            f"{removed.reports:,}; audit log: {counted(removed.audit_entries, 'call')}."
        )


def _upgrade(database: Database) -> tuple[str | None, str]:
    try:
        return migrate.upgrade(database)
    except OperationalError as error:
        raise DatabaseAway(database, error) from error
