"""Records commands that change something in the audit log."""

from __future__ import annotations

import getpass
import logging
import shlex
import socket
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from db.models import AuditEntry
from db.rows.access import audit
from services.cli.terminal.exit_codes import ExitCode, exit_code_of
from services.redaction import redacted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from db.session import Database

log = logging.getLogger(__name__)

_LINE_LENGTH = 2000


@dataclass(slots=True)
class AuditedCommand:
    """A command that runs. What it sets as `resource` and `exit_code` goes into its entry."""

    resource: str | None = None
    exit_code: int = ExitCode.DONE


@contextmanager
def audited(database: Database) -> Iterator[AuditedCommand]:
    """Record the command line, who started it, and how the block ended."""
    line = redacted(shlex.join(sys.argv[1:]))[:_LINE_LENGTH]
    entry = AuditEntry(method=audit.COMMAND, path=line, request_id="", caller=_user())
    with database.write() as session:
        entry_id = audit.begin_entry(session, entry)
    command = AuditedCommand()
    try:
        yield command
    except BaseException as error:
        command.exit_code = exit_code_of(error)
        raise
    finally:
        _end(database, entry_id, command)


def _end(database: Database, entry_id: int, command: AuditedCommand) -> None:
    try:
        with database.write() as session:
            audit.end_entry(session, entry_id, status=command.exit_code, resource=command.resource)
    except SQLAlchemyError as error:  # the error of the command says more
        log.warning("The audit log lacks the outcome of this command: %s", error)


def _user() -> str:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # the user of a container may have no name
        user = "?"
    return f"{user}@{socket.gethostname()}"
