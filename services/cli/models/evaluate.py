"""`lookalike evaluate`: measure a model on listings that it has not seen, and compare it with published baselines."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ml.evaluation.intervals import WELL_MEASURED, points_of_error
from ml.evaluation.report.page import FIGURE_NAMES
from services.cli.models.train import find_weights
from services.cli.terminal.console import console, output, print_json, print_table, stage_bars
from services.cli.terminal.resources import open_resources
from services.ingest.cleaning.text import counted
from services.ingest.models.evaluation import EvaluationRequest, evaluate_model

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ml.evaluation.intervals import Estimate
    from ml.evaluation.report.figures import CategoryReport, OodReport, RetrievalReport, SplitUse
    from services.ingest.models.evaluation import Evaluation


def evaluate(
    model: Annotated[
        str | None, typer.Option(help="Model version, or folder of a model bundle.", show_default="the live model")
    ] = None,
    weights: Annotated[
        str, typer.Option(help="ImageNet weights for the baselines: a file, `download`, or `none` for no baselines.")
    ] = "download",
    out: Annotated[
        Path | None, typer.Option(help="Folder for the report.", show_default="reports/VERSION in the data directory")
    ] = None,
    unseen: Annotated[
        bool, typer.Option("--unseen", help="Measure on all listings that the model has not seen.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the report's figures as JSON.")] = False,
) -> None:
    """Measure a model on held-out listings, and write report.html and report.json.

    By default it measures on the listings that the model's own split held out.
    With --unseen: on all listings that are neither training nor validation listings, nor the same item as one of them.
    """
    with open_resources(needs_model=model is None) as resources, stage_bars() as progress:
        baseline_weights = find_weights(weights, resources, progress)
        request = EvaluationRequest(model=model, weights=baseline_weights, out=out, unseen=unseen)
        evaluation = evaluate_model(resources, request, progress=progress)
    if json:
        print_json(evaluation.report)
    else:
        _print(evaluation)
    console.print(f"Report: {evaluation.page}")


def _print(evaluation: Evaluation) -> None:
    report = evaluation.report
    split, category = report.setup.split, report.category
    rows = [
        ("accuracy", _estimate(category.accuracy)),
        ("macro-F1", _estimate(category.macro_f1)),
        *_calibration_rows(category),
    ]
    title = f"Category of {counted(category.photos, 'photo')} of {counted(split.measured, 'listing')} ({split.rule})"
    print_table(title, ["", ""], rows)
    if report.retrieval is not None:
        _print_retrieval(report.retrieval)
    if report.ood is not None:
        _print_ood(report.ood)
    for note in split_notes(split):
        output.print(note)


def split_notes(split: SplitUse) -> Iterator[str]:
    """Say which listings were left out, and how little few listings can measure."""
    if split.too_alike:
        yield (
            f"{counted(split.too_alike, 'listing')} not measured: one item with a listing that the model was trained "
            "or calibrated on."
        )
    if split.measured < WELL_MEASURED:
        yield (
            f"{counted(split.measured, 'listing')} can measure a share only to within "
            f"{points_of_error(split.measured)} points; {WELL_MEASURED} measure it to within 10."
        )


def _calibration_rows(category: CategoryReport) -> list[tuple[str, str]]:
    before = [] if category.before is None else [("before temperature scaling", f"{category.before.error:.3f}")]
    after = f"{category.after.error:.3f} (perfectly calibrated: {category.after.floor:.3f})"
    return [("expected calibration error", after), *before]


def _print_retrieval(retrieval: RetrievalReport) -> None:
    ratios = {ratio.figure: ratio.ratio for ratio in retrieval.ratios}
    columns = ["", "ours", *(baseline.name for baseline in retrieval.baselines), *(["ratio"] if ratios else [])]
    rows = [
        (
            name,
            _estimate(getattr(retrieval.ours, figure)),
            *(f"{getattr(baseline, figure).value:.3f}" for baseline in retrieval.baselines),
            *([_estimate(ratios[figure])] if ratios else []),
        )
        for figure, name in FIGURE_NAMES.items()
    ]
    print_table(f"Search by {counted(retrieval.queries, 'photo')} among {retrieval.gallery:,}", columns, rows)
    if retrieval.skipped:
        output.print(f"No baselines: {retrieval.skipped}")
    else:
        output.print("Ratio: ours over the better baseline. In brackets: 95 % intervals.")


def _print_ood(ood: OodReport) -> None:
    own = ("held-out photos (false alarms)", _estimate(ood.false_alarms), "", "")
    drawn = [
        (f"drawn pictures: {one.kind}", f"{one.detected:.3f}", f"{one.auroc:.3f}", f"{one.false_positive_rate:.3f}")
        for one in ood.foreign
    ]
    print_table("Photos unlike the catalogue", ["", "called unlike", "AUROC", "FPR95"], [own, *drawn])


def _estimate(estimate: Estimate | None) -> str:
    return "-" if estimate is None else f"{estimate.value:.3f} ({estimate.low:.3f}–{estimate.high:.3f})"
