"""The `lookalike` command: its sub-commands, and what every one of them does with an error."""

from __future__ import annotations

import logging
import sys

import typer

from services.cli import (
    bench,
    bench_batching,
    bench_duplicates,
    bench_freshness,
    bench_import,
    demo,
    duplicates,
    evaluate,
    export,
    index,
    ingest,
    keys,
    search,
    serve,
    train,
    worker,
)
from services.cli.terminal.console import console, fail
from services.errors import LookalikeError, is_storage_full

app = typer.Typer(
    name="lookalike",
    help="Visual search for marketplaces: clean listings, embed photos, find what looks alike.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command("demo")(demo.demo)
app.command("ingest")(ingest.ingest)
app.command("train")(train.train)
app.command("evaluate")(evaluate.evaluate)
app.command("export")(export.export)
app.command("serve")(serve.serve)
app.command("worker")(worker.worker)
app.command("search")(search.search)
app.command("classify")(search.classify)
app.command("duplicates")(duplicates.duplicates)
app.command("reindex")(index.reindex)
app.command("verify")(index.verify)
app.add_typer(index.index_app, name="index")
app.add_typer(index.db_app, name="db")
app.add_typer(keys.keys_app, name="keys")
bench.bench_app.command("requests")(bench_batching.bench_requests)
bench.bench_app.command("freshness")(bench_freshness.bench_freshness)
bench.bench_app.command("import")(bench_import.bench_import)
bench.bench_app.command("duplicates")(bench_duplicates.bench_duplicates)
app.add_typer(bench.bench_app, name="bench")


_INTERRUPTED = 130


def main() -> None:
    """Run the command; an error of ours becomes one line on standard error and exit code 1."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s", stream=sys.stderr)
    try:
        app()
    except LookalikeError as error:
        fail(str(error))
    except Exception as error:
        if not is_storage_full(error):
            raise
        fail(f"There is no room left on the disk ({error}). Free some, and run the same command again.")
    except SystemExit as ended:
        if ended.code == _INTERRUPTED:  # typer has turned KeyboardInterrupt into this
            console.print("\nStopped. What was done so far is kept; run the same command to go on.")
        raise
