"""The exit codes of the commands."""

from __future__ import annotations

from enum import IntEnum

import typer

from services.errors import RemovalRefused, SyncRunning


class ExitCode(IntEnum):
    """Why a command ended."""

    DONE = 0
    FAILED = 1
    WRONG_OPTIONS = 2
    NEEDS_ATTENTION = 3
    """An ingest is done, but more records were rejected than allowed, or a sync removed nothing for want of ids."""
    REMOVAL_REFUSED = 4
    SYNC_RUNNING = 5
    INTERRUPTED = 130


def exit_code_of(error: BaseException) -> ExitCode:
    """Return the code with which a command ends that raised this error."""
    codes = (
        (RemovalRefused, ExitCode.REMOVAL_REFUSED),
        (SyncRunning, ExitCode.SYNC_RUNNING),
        (typer.BadParameter, ExitCode.WRONG_OPTIONS),
        (KeyboardInterrupt, ExitCode.INTERRUPTED),
    )
    return next((code for kind, code in codes if isinstance(error, kind)), ExitCode.FAILED)
