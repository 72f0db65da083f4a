"""Naming a process of this machine in the database, so that another can tell later whether it is gone."""

from __future__ import annotations

import hashlib
import os
import platform
from functools import cache
from pathlib import Path

_STARTED_FIELD = 19
"""Of /proc/<pid>/stat, after the command's closing bracket: clock ticks from boot to the process's start (proc(5))."""


def process_name() -> str:
    """Return this process's name: machine, process id, and when it started.

    The last tells a process from a later one of the same number: in a container, every one is number 1.
    """
    return f"{_machine()}:{os.getpid()}:{_started(os.getpid())}"


def is_gone(name: str) -> bool:
    """Say whether the process was one of this machine and no longer runs; of other machines nothing is known."""
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
    """Return the machine's name, and what tells apart those whose processes have numbers of their own.

    Containers may share a name and not see each other's processes, and a machine that was started anew has others.
    """
    sees = hashlib.sha256(f"{_system('sys/kernel/random/boot_id')} {_namespace()}".encode()).hexdigest()[:8]
    return f"{platform.node()}/{sees}"


def _namespace() -> str:
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return ""


def _started(pid: int) -> str:
    """Return when the process started, as the system says it; the same for all where it does not."""
    stat = _system(f"{pid}/stat")
    return stat.rpartition(")")[2].split()[_STARTED_FIELD] if stat else "0"


def _system(name: str) -> str:
    try:
        return Path("/proc", name).read_text()
    except OSError:
        return ""
