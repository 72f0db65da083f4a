"""Naming a process of this machine in the database, so that another can tell later whether it is gone."""

from __future__ import annotations

import os
import platform
from pathlib import Path

_STARTED_FIELD = 19
"""Of /proc/<pid>/stat, after the command's closing bracket: clock ticks from boot to the process's start (proc(5))."""


def process_name() -> str:
    """Return this process's name: machine, process id, and when it started.

    The last tells a process from a later one of the same number: in a container, every one is number 1.
    """
    return f"{platform.node()}:{os.getpid()}:{_started(os.getpid())}"


def is_gone(name: str) -> bool:
    """Say whether the process was one of this machine and no longer runs; of other machines nothing is known."""
    host, _, process = name.partition(":")
    pid, _, started = process.partition(":")
    if host != platform.node() or not started:
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return _started(int(pid)) != started


def _started(pid: int) -> str:
    """Return when the process started, as the system says it; the same for all where it does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return "0"
    return stat.rpartition(")")[2].split()[_STARTED_FIELD]
