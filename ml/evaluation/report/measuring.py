"""Measures the sections of the report from arrays. Pure: nothing here reads a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ml.bundle.calibration import NEVER_CONFIDENT, uncalibrated
from ml.bundle.score_map import FITTED_NEIGHBOURS, ScoreMap, retrieved_pairs
from ml.evaluation.evaluate import UNKNOWN
from ml.evaluation.intervals import Estimate, bootstrap, mean_of, ratio_of
from ml.evaluation.report.figures import (
    CategoryFigures,
    CategoryReport,
    Confident,
    ForeignFigures,
    OodReport,
    Ratio,
    Reliability,
    RetrievalFigures,
    RetrievalReport,
    ScoreReport,
)
from ml.metrics import (
    auroc,
    calibration_floor,
    confusion_matrix,
    expected_calibration_error,
    false_positive_rate_at_95,
    macro_f1,
    reliability,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from ml.bundle.calibration import Calibration
    from ml.bundle.ood import OodDetector
    from ml.embedding.embedder import Embeddings
    from ml.evaluation.retrieval import RetrievalOutcome

_OBSERVED_BINS = 25


def category_report(
    probabilities: NDArray[np.float32],
    actual: NDArray[np.int64],
    *,
    categories: Sequence[str],
    unknown: Sequence[str],
    groups: NDArray[np.int64],
    calibration: Calibration | None,
    threshold: float,
) -> CategoryReport:
    """Measure category prediction.

    Args:
        probabilities: (n, c), as served.
        actual: (n,), columns of `probabilities`, or UNKNOWN.
        unknown: categories of the photos that the network does not know.
        groups: (n,), the groups that the bootstrap resamples.
        threshold: the lowest probability of a confident prediction.
    """
    predicted, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1)
    right = predicted == actual
    matrix = confusion_matrix(predicted[actual != UNKNOWN], actual[actual != UNKNOWN], len(categories))
    thresholds = calibration.confident_from_by_category if calibration else {}
    before = uncalibrated(probabilities, calibration.temperature) if calibration else None
    return CategoryReport(
        photos=len(actual),
        accuracy=bootstrap(mean_of(right), groups),
        macro_f1=bootstrap(lambda weights: macro_f1(predicted, actual, weights), groups),
        categories=_by_category(predicted, actual, categories=categories, thresholds=thresholds),
        unknown_categories=tuple(unknown),
        confusion=tuple(map(tuple, matrix.tolist())),
        temperature=calibration.temperature if calibration else None,
        before=None if before is None else _reliability(before.max(axis=1), right),
        after=_reliability(confidence, right),
        confident=_confident(confidence, right, threshold, measured=calibration is not None),
    )


def retrieval_figures(
    outcome: RetrievalOutcome, groups: NDArray[np.int64], *, name: str, method: str
) -> RetrievalFigures:
    """Measure one search method; the bootstrap resamples `groups`, (q,)."""
    estimates = {figure: bootstrap(mean_of(values), groups) for figure, values in per_query(outcome).items()}
    return RetrievalFigures(name=name, method=method, **estimates)


def per_query(outcome: RetrievalOutcome) -> dict[str, NDArray[np.float64]]:
    """Return the values (q,) whose means are the figures; the names are fields of `RetrievalFigures`."""
    return {
        **{f"recall_at_{k}": outcome.same_listing[:, :k].any(axis=1).astype(np.float64) for k in (1, 5, 10)},
        "mean_average_precision": outcome.average_precision,
        "category_precision_at_5": outcome.same_category[:, :5].mean(axis=1),
    }


def retrieval_report(
    ours: RetrievalOutcome,
    baselines: Mapping[tuple[str, str], RetrievalOutcome],
    *,
    groups: NDArray[np.int64],
    name: tuple[str, str],
    gallery: int,
    photos: int,
    skipped: str | None,
    baseline_precision: str | None,
) -> RetrievalReport:
    """Measure our search and the baselines; `name` and the keys of `baselines` are pairs of name and method."""
    return RetrievalReport(
        queries=len(ours.queries),
        gallery=gallery,
        photos=photos,
        ours=retrieval_figures(ours, groups, name=name[0], method=name[1]),
        baselines=tuple(retrieval_figures(outcome, groups, name=n, method=m) for (n, m), outcome in baselines.items()),
        ratios=tuple(_ratios(ours, {n: outcome for (n, _), outcome in baselines.items()}, groups)),
        skipped=skipped,
        baseline_precision=baseline_precision,
    )


def score_report(
    vectors: NDArray[np.float32],
    queries: NDArray[np.int64],
    *,
    items: NDArray[np.int64],
    contents: NDArray[np.int64],
    score_map: ScoreMap,
) -> ScoreReport | None:
    """Compare the scores of each query's first ten results with the share of the same item; None without results.

    `ml.bundle.calibration.calibrate` explains the arguments; here the queries are held-out photos.
    """
    similarities, same_item = retrieved_pairs(vectors, queries, items=items, contents=contents, k=FITTED_NEIGHBOURS)
    if not len(similarities):
        return None
    order = np.argsort(similarities, kind="stable")
    bins = np.array_split(order, min(_OBSERVED_BINS, len(order)))
    return ScoreReport(
        pairs=len(similarities),
        scores=_reliability(score_map(similarities), same_item),
        curve=tuple(zip(score_map.cosines, score_map.probabilities, strict=True)),
        observed=tuple((float(similarities[b].mean()), float(same_item[b].mean()), len(b)) for b in bins),
    )


def ood_report(
    held_out: Embeddings,
    foreign: Mapping[str, Embeddings],
    *,
    detector: OodDetector,
    groups: NDArray[np.int64],
) -> OodReport:
    """Measure an OOD detector on held-out photos, and on foreign pictures by kind; the bootstrap resamples `groups`."""
    scores = detector.scores(held_out.vectors)
    unsure = -held_out.probabilities.max(axis=1)
    return OodReport(
        k=detector.calibration.k,
        references=len(detector.references),
        false_alarm_rate=detector.calibration.false_alarm_rate,
        false_alarms=bootstrap(mean_of(scores > 1), groups),
        foreign=tuple(
            _foreign_figures(
                kind, (scores, detector.scores(one.vectors)), baseline=(unsure, -one.probabilities.max(axis=1))
            )
            for kind, one in foreign.items()
        ),
    )


def _foreign_figures(
    kind: str,
    scores: tuple[NDArray[np.float32], NDArray[np.float32]],
    *,
    baseline: tuple[NDArray[np.float32], NDArray[np.float32]],
) -> ForeignFigures:
    """Compare the scores, and the baseline's, of held-out photos with those of foreign pictures."""
    return ForeignFigures(
        kind=kind,
        pictures=len(scores[1]),
        auroc=auroc(*scores),
        false_positive_rate=false_positive_rate_at_95(*scores),
        detected=float((scores[1] > 1).mean()),
        baseline_auroc=auroc(*baseline),
        baseline_false_positive_rate=false_positive_rate_at_95(*baseline),
    )


def _ratios(
    ours: RetrievalOutcome, baselines: Mapping[str, RetrievalOutcome], groups: NDArray[np.int64]
) -> list[Ratio]:
    figures = {name: per_query(outcome) for name, outcome in baselines.items()}
    ratios = []
    for figure, values in per_query(ours).items() if figures else ():
        better = max(figures, key=lambda name: float(figures[name][figure].mean()))
        below = figures[better][figure]
        ratio = bootstrap(ratio_of(values, below), groups, is_share=False) if below.any() else None
        ratios.append(Ratio(figure, better, _finite(ratio)))
    return ratios


def _finite(estimate: Estimate | None) -> Estimate | None:
    """Return None for an estimate with an infinite bound: some resamples divided by 0."""
    return estimate if estimate is not None and np.isfinite([estimate.low, estimate.high]).all() else None


def _by_category(
    predicted: NDArray[np.int64],
    actual: NDArray[np.int64],
    *,
    categories: Sequence[str],
    thresholds: Mapping[str, float],
) -> tuple[CategoryFigures, ...]:
    rows = []
    for column, category in enumerate(categories):
        is_predicted, is_true = predicted == column, actual == column
        hits, predictions, support = (int(flags.sum()) for flags in (is_predicted & is_true, is_predicted, is_true))
        rows.append(
            CategoryFigures(
                category=category,
                precision=hits / predictions if predictions else None,
                recall=hits / support if support else None,
                f1=2 * hits / max(predictions + support, 1),
                support=support,
                confident_from=thresholds.get(category),
            )
        )
    return tuple(rows)


def _confident(
    confidence: NDArray[np.float32], right: NDArray[np.bool_], threshold: float, *, measured: bool
) -> Confident:
    confident = confidence >= threshold
    share_right = float(right[confident].mean()) if confident.any() else None
    return Confident(min(threshold, NEVER_CONFIDENT), measured, float(confident.mean()), share_right)


def _reliability(confidence: NDArray[np.float32] | NDArray[np.float64], right: NDArray[np.bool_]) -> Reliability:
    bins = reliability(confidence, right)
    return Reliability(bins, expected_calibration_error(bins), calibration_floor(confidence))
