"""`lookalike worker`: embed photos, beside other workers."""

from __future__ import annotations

import signal

from services.cli.terminal.console import console
from services.cli.terminal.opening import open_resources
from services.cli.terminal.waiting import await_stores
from services.ingest.pipeline.worker import EmbeddingWorker


def worker() -> None:
    """Embed photos as they come, until stopped. Any number of workers may run, on any machine that sees the stores."""
    with open_resources(creating=True) as resources:
        await_stores(resources)
        resources.ensure_generation()
        resources.load_live_model()
        working = EmbeddingWorker(resources)
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, lambda *_: working.stop())
        console.print("Embedding photos as they come. Stop it with Ctrl-C: it finishes what it has begun.")
        working.run()
