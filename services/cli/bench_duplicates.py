"""`lookalike bench duplicates`: how well copies of photos are recognised, by what was done to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from services.bench.duplicates import bench_finding
from services.cli.terminal.console import output, print_json, print_table, stage_bars
from services.cli.terminal.resources import open_resources

if TYPE_CHECKING:
    from services.bench.duplicates import DuplicateBenchmark


def bench_duplicates(
    limit: Annotated[int, typer.Option(help="Photos to edit, in every way.", min=1)] = 500,
    json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
) -> None:
    """Edit photos as sellers do, look for each copy's original among all photos, and count what reviews decided."""
    with open_resources() as resources, stage_bars() as progress:
        measured = bench_finding(resources, limit=limit, progress=progress)
    if json:
        print_json(measured)
    else:
        _show(measured)


def _show(measured: DuplicateBenchmark) -> None:
    rows = [
        (
            one.edit,
            one.copies,
            f"{one.candidates / max(one.copies, 1):.3f}",
            f"{one.recall:.3f}",
            f"{one.precision:.3f}",
            f"{one.identical / max(one.copies, 1):.3f}",
            one.wrong_identical,
        )
        for one in measured.edits
    ]
    print_table(
        f"Copies of {measured.photos} photos, looked for among {measured.gallery}",
        ["edit", "copies", "among candidates", "recall", "precision", "identical", "wrong identical"],
        rows,
    )
    print_table(
        "Pairs of listings found among the photos as they are",
        ["verdict", "pairs", "accepted", "rejected", "precision"],
        [(one.verdict, one.pairs, one.accepted, one.rejected, _share(one.precision)) for one in measured.reviews],
    )
    output.print(f"{measured.lost} pairs that a review accepted are not found now")
    output.print(f"{measured.cpu_ms:.0f} ms of the processor to compare a photo with those nearest to it")


def _share(share: float | None) -> str:
    return "—" if share is None else f"{share:.3f}"
