"""`lookalike export`: a model bundle for serving elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from services.cli.terminal.console import output, print_json, print_table, stage_bars
from services.cli.terminal.opening import open_resources
from services.ingest.models.exporting import export_model

if TYPE_CHECKING:
    from services.ingest.models.exporting import Exported, ExportedPrecision


def export(
    out: Annotated[Path, typer.Argument(help="The folder to write; it must not exist.", metavar="OUT")],
    model: Annotated[
        str | None, typer.Option(help="A model version, or a bundle's folder.", show_default="the live model")
    ] = None,
    int8: Annotated[
        bool, typer.Option("--int8/--no-int8", help="With an int8 graph, made with the photos that were trained on.")
    ] = True,
    json: Annotated[bool, typer.Option("--json", help="Print what was written as JSON.")] = False,
) -> None:
    """Write a model as a bundle for serving elsewhere, and print what each precision takes and loses.

    Serve it with LOOKALIKE_MODEL=OUT; LOOKALIKE_PRECISION=int8 chooses the int8 graph.
    """
    with open_resources() as resources, stage_bars() as progress:
        exported = export_model(resources, out, model=model, int8=int8, progress=progress)
    if json:
        print_json(exported)
    else:
        _show(exported)


def _show(exported: Exported) -> None:
    columns = ("precision", "graph", "recall@1", "loss in points", "cosine to f32")
    title = f"Model {exported.version}; recall among photos of validation listings alone"
    print_table(title, columns, [_row(one) for one in exported.precisions])
    output.print(f"Written: {exported.path}", soft_wrap=True)


def _row(one: ExportedPrecision) -> tuple[str, ...]:
    size = f"{one.bytes / 1e6:.1f} MB"
    if one.quality is None:
        return one.precision, size, "not measured", "", ""
    quality = one.quality
    return one.precision, size, f"{quality.recall_at_1:.3f}", f"{quality.loss:.2f}", f"{quality.cosine:.4f}"
