"""`lookalike export`: write a model bundle for serving elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from services.cli.terminal.console import output, print_json, print_table, stage_bars
from services.cli.terminal.resources import open_resources
from services.ingest.models.exporting import export_model

if TYPE_CHECKING:
    from services.ingest.models.exporting import Exported, ExportedPrecision


def export(
    out: Annotated[Path, typer.Argument(help="Folder to write; it must not exist yet.", metavar="OUT")],
    model: Annotated[
        str | None, typer.Option(help="Model version, or folder of a model bundle.", show_default="the live model")
    ] = None,
    int8: Annotated[
        bool, typer.Option("--int8/--no-int8", help="Include an int8 graph, calibrated on training photos.")
    ] = True,
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Write a model bundle for serving elsewhere, and print the size and quality loss of each precision.

    Serve the bundle with LOOKALIKE_MODEL=OUT. LOOKALIKE_PRECISION=int8 selects its int8 graph.
    """
    with open_resources(needs_model=model is None) as resources, stage_bars() as progress:
        exported = export_model(resources, out, model=model, int8=int8, progress=progress)
    if json:
        print_json(exported)
    else:
        _print(exported)


def _print(exported: Exported) -> None:
    columns = ("precision", "graph", "recall@1", "loss in points", "cosine to f32")
    title = f"Model {exported.version}; recall among the photos of validation listings only"
    print_table(title, columns, [_row(precision) for precision in exported.precisions])
    output.print(f"Written: {exported.path}")


def _row(precision: ExportedPrecision) -> tuple[str, ...]:
    size = f"{precision.bytes / 1e6:.1f} MB"
    quality = precision.quality
    if quality is None:
        return precision.precision, size, "not measured", "", ""
    return precision.precision, size, f"{quality.recall_at_1:.3f}", f"{quality.loss:.2f}", f"{quality.cosine:.4f}"
