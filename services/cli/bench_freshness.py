"""`lookalike bench freshness`: how soon a change is searchable."""

from __future__ import annotations

from typing import Annotated

import typer

from services.bench.freshness import measure_freshness
from services.cli.serve import DEFAULT_PORT
from services.cli.terminal.console import print_json, print_table, stage_bars
from services.ingest.pipeline.progress import StageCounter


def bench_freshness(
    url: Annotated[str, typer.Option(help="A running server.")] = f"http://127.0.0.1:{DEFAULT_PORT}",
    search_url: Annotated[
        str, typer.Option(help="The search service, where it is served apart.", show_default="the same server")
    ] = "",
    key: Annotated[str, typer.Option(help="An API key that may write.", envvar="LOOKALIKE_KEY")] = "",
    changes: Annotated[int, typer.Option(help="Listings to add and delete again.", min=1)] = 100,
    json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
) -> None:
    """Add listings to a running server, wait until each is found by its photo, and delete it again."""
    with stage_bars() as progress:
        found = measure_freshness(
            url,
            search_url=search_url,
            key=key,
            changes=changes,
            progress=StageCounter(progress, "change listings", changes),
        )
    if json:
        print_json(found)
        return
    rows = [
        ("added, embedded and found", f"{1000 * found.added_p50:.0f} ms", f"{1000 * found.added_p99:.0f} ms"),
        ("deleted and not found", f"{1000 * found.deleted_p50:.0f} ms", f"{1000 * found.deleted_p99:.0f} ms"),
    ]
    print_table(f"{found.changes} changes, seen by searches of {found.engine}", ["", "p50", "p99"], rows)
