"""Work in the background that gives way to requests and to embedding."""

from __future__ import annotations

import os
import sys
import threading

_NICENESS = 10
"""Of 0 to 19."""


def lower_priority() -> None:
    """Let the calling thread have the processor when nobody else wants it, where threads have a priority: on Linux."""
    if sys.platform == "linux":  # elsewhere it would be the whole process's
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
