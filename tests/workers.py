"""Runs `lookalike worker` as a process."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from services.resources import Resources


@contextmanager
def working(resources: Resources, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a worker while the block runs."""
    settings = resources.settings
    environment = os.environ | {
        "LOOKALIKE_DATA_DIR": str(settings.data_dir),
        "LOOKALIKE_DATABASE_URL": settings.database_url,
        "LOOKALIKE_THREADS": "1",
    }
    process = subprocess.Popen([sys.executable, "-m", "services.cli", "worker"], env=environment, cwd=folder)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
