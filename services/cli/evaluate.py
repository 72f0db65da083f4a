"""`lookalike evaluate`: what a model is worth on listings that it has not seen, beside published baselines."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ml.evaluation.report.page import NAMES
from services.cli.terminal.console import console, output, print_json, print_table, stage_bars
from services.cli.terminal.opening import open_resources
from services.cli.train import choose_weights
from services.ingest.models.evaluation import EvaluationRequest, evaluate_model

if TYPE_CHECKING:
    from ml.evaluation.intervals import Estimate
    from ml.evaluation.report.figures import CategoryReport, RetrievalReport
    from services.ingest.models.evaluation import Evaluation


def evaluate(
    model: Annotated[
        str | None, typer.Option(help="A model version, or a bundle's folder.", show_default="the live model")
    ] = None,
    weights: Annotated[
        str, typer.Option(help="ImageNet weights for the baselines: a file, `download`, or `none` to skip them.")
    ] = "download",
    out: Annotated[
        Path | None, typer.Option(help="Folder for the report.", show_default="reports/VERSION in the data directory")
    ] = None,
    unseen: Annotated[
        bool, typer.Option("--unseen", help="Measure on every listing that the model has not seen, not its split's.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
) -> None:
    """Measure a model on held-out listings, and write report.html and report.json.

    Held out are the listings that the model's own split keeps for this; with --unseen, all that are neither among nor
    the same item as those it was trained or validated on.
    """
    with open_resources() as resources, stage_bars() as progress:
        chosen = choose_weights(weights, resources, progress)
        wanted = EvaluationRequest(model=model, weights=chosen, out=out, unseen=unseen)
        evaluation = evaluate_model(resources, wanted, progress=progress)
    if json:
        print_json(evaluation.report)
    else:
        _show(evaluation)
    console.print(f"Report: {evaluation.page}")


def _show(evaluation: Evaluation) -> None:
    report = evaluation.report
    split, category = report.setup.split, report.category
    rows = [("accuracy", _estimate(category.accuracy)), ("macro-F1", _estimate(category.macro_f1)), *_errors(category)]
    print_table(f"Category of {category.photos} photos of {split.measured} listings ({split.rule})", ["", ""], rows)
    if report.retrieval is not None:
        _show_retrieval(report.retrieval)


def _errors(category: CategoryReport) -> list[tuple[str, str]]:
    before = [] if category.before is None else [("before temperature scaling", f"{category.before.error:.3f}")]
    return [("expected calibration error", f"{category.after.error:.3f}"), *before]


def _show_retrieval(retrieval: RetrievalReport) -> None:
    ratios = {ratio.figure: ratio.ratio for ratio in retrieval.ratios}
    columns = ["", "ours", *(way.name for way in retrieval.baselines), *(["ratio"] if ratios else [])]
    rows = [
        (
            name,
            _estimate(getattr(retrieval.ours, figure)),
            *(f"{getattr(way, figure).value:.3f}" for way in retrieval.baselines),
            *([_estimate(ratios[figure])] if ratios else []),
        )
        for figure, name in NAMES.items()
    ]
    print_table(f"Search: {retrieval.queries} photos, each among {retrieval.gallery}", columns, rows)
    if retrieval.skipped:
        output.print(f"No baselines: {retrieval.skipped}")
    else:
        output.print("The ratio is ours over the better baseline. In brackets: 95 % intervals.")


def _estimate(estimate: Estimate | None) -> str:
    return "-" if estimate is None else f"{estimate.value:.3f} ({estimate.low:.3f}–{estimate.high:.3f})"
