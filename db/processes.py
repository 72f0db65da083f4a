"""Naming a process of this machine in the database, so that another can tell later whether it is gone."""

from __future__ import annotations

import os
import platform


def process_name() -> str:
    """Return this process's name: machine and process id."""
    return f"{platform.node()}:{os.getpid()}"


def is_gone(name: str) -> bool:
    """Say whether the process was one of this machine and no longer runs; of other machines nothing is known."""
    host, _, pid = name.rpartition(":")
    if host != platform.node():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
