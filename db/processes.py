"""Process names for the database, by which another process on the same machine can tell whether one has ended."""

from __future__ import annotations

import hashlib
import os
import platform
from functools import cache
from pathlib import Path

_STARTED_FIELD = 19
"""Index in /proc/<pid>/stat, after the command's closing bracket, of the start time in clock ticks since boot
(proc(5))."""


def process_name() -> str:
    """Return this process's name: machine, process id and start time.

    The start time tells it from a later process with the same id: in a container, every main process has id 1.
    """
    return f"{_machine()}:{os.getpid()}:{_started(os.getpid())}"


def is_gone(name: str) -> bool:
    """Say whether the process has ended; False for a process of another machine, which cannot be checked."""
    machine, _, process = name.partition(":")
    pid, _, started = process.partition(":")
    if machine != _machine() or not started:
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return _started(int(pid)) != started


@cache
def _machine() -> str:
    """Return the machine's name with a hash of its boot id and process namespace.

    Containers may share a name without seeing each other's processes, and a reboot starts the process ids again.
    """
    scope = hashlib.sha256(f"{_read_proc('sys/kernel/random/boot_id')} {_namespace()}".encode()).hexdigest()[:8]
    return f"{platform.node()}/{scope}"


def _namespace() -> str:
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return ""


def _started(pid: int) -> str:
    """Return the process's start time in clock ticks since boot, or "0" on systems without /proc."""
    stat = _read_proc(f"{pid}/stat")
    return stat.rpartition(")")[2].split()[_STARTED_FIELD] if stat else "0"


def _read_proc(name: str) -> str:
    try:
        return Path("/proc", name).read_text()
    except OSError:
        return ""
