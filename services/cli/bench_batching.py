"""`lookalike bench requests`: what embedding concurrent requests together gains."""

from __future__ import annotations

from typing import Annotated

import typer

from services.cli.terminal.console import output, print_json
from services.cli.terminal.resources import open_resources
from services.errors import BadInput


def bench_requests(
    threads: Annotated[
        list[int] | None, typer.Option(help="Requests at once; repeat it for several rows. [default: 1 2 4 8 16 32]")
    ] = None,
    requests: Annotated[int, typer.Option(help="Requests per row, round and way.", min=1)] = 256,
    json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
) -> None:
    """Embed single photos from many threads at once, batched and one by one, and print rates and latencies of both."""
    from services.bench.requests import bench_requests as measure
    from services.bench.requests import render

    with open_resources() as resources:
        try:
            benchmark = measure(
                resources.embedder(),
                threads=threads or (1, 2, 4, 8, 16, 32),
                requests=requests,
                limits=resources.batch_limits,
            )
        except ValueError as error:
            raise BadInput(f"--threads: {error}. LOOKALIKE_MAX_WAITING_PHOTOS says how many may wait.") from error
    if json:
        print_json(benchmark)
    else:
        output.print(render(benchmark))
