"""`lookalike worker`: embed photos, together with other workers."""

from __future__ import annotations

import signal

from services.cli.terminal.console import console
from services.cli.terminal.resources import check_first_model, open_resources, read_settings
from services.cli.terminal.wait_for_stores import wait_for_stores
from services.ingest.pipeline.worker import EmbeddingWorker


def worker() -> None:
    """Embed new photos until stopped.

    Any number of workers can run, on any machine that can reach the database, the photos and the indexes.
    """
    settings = read_settings()
    check_first_model(settings)
    with open_resources(settings, create=True) as resources:
        wait_for_stores(resources)
        resources.ensure_generation()
        resources.load_live_model()
        embedding_worker = EmbeddingWorker(resources)
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, lambda *_: embedding_worker.stop())
        console.print("Embedding new photos. Press Ctrl-C to stop; the current batch is finished first.")
        embedding_worker.run()
