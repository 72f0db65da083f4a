"""The exit codes of the commands."""

from __future__ import annotations

import signal
import sys
import threading
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
    TERMINATED = 143
    """SIGTERM ended the command, except one that serves or works until it is stopped."""


def exit_code_of(error: BaseException) -> ExitCode:
    """Return the code with which a command ends that raised this error."""
    codes = (
        (RemovalRefused, ExitCode.REMOVAL_REFUSED),
        (SyncRunning, ExitCode.SYNC_RUNNING),
        (typer.BadParameter, ExitCode.WRONG_OPTIONS),
        (KeyboardInterrupt, ExitCode.INTERRUPTED),
    )
    return next((code for kind, code in codes if isinstance(error, kind)), ExitCode.FAILED)


def exit_on_sigterm(code: ExitCode) -> None:
    """Make SIGTERM end the command by SystemExit, so that it closes what it opened, such as the database.

    By default SIGTERM ends the process at once, and SQLite's last changes stay in its write-ahead log.
    """

    def end(*_: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # a second one must not interrupt the closing
        sys.exit(code)

    if threading.current_thread() is threading.main_thread():  # tests run commands in other threads
        signal.signal(signal.SIGTERM, end)
