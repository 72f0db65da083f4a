"""Lowers the priority of background threads below requests and embedding."""

from __future__ import annotations

import os
import sys
import threading

_NICENESS = 10
"""On the scale from 0 to 19."""


def lower_priority() -> None:
    """Lower the calling thread's priority. Only on Linux: elsewhere, it would affect the whole process."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
