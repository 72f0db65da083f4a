"""Builds the whole report from embedded photos. Pure: nothing here reads a file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ml.bundle.calibration import NEVER_CONFIDENT
from ml.embedding.embedder import Embeddings
from ml.evaluation.evaluate import columns_of
from ml.evaluation.report.figures import Confusion, MissedPair, PhotoShown, Report
from ml.evaluation.report.measuring import category_report, ood_report, retrieval_report, score_report
from ml.evaluation.report.tradeoffs import tradeoffs
from ml.evaluation.retrieval import gallery_of, integer_codes, search_all

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from ml.bundle.bundle import Bundle
    from ml.evaluation.baselines import BaselineVectors
    from ml.evaluation.report.figures import CategoryReport, OodReport, RetrievalReport, ScoreReport, Setup
    from ml.evaluation.retrieval import Gallery, RetrievalOutcome
    from ml.labelled import LabelledPhoto

EXAMPLES = 12
"""Examples of each kind of mistake in the report."""

_PUBLISHED = "ResNet-50 with ImageNet weights; photos padded with black, resized to 256, cropped to the middle 224"
POOLED = ("pooled, L2", f"{_PUBLISHED}; 2048 pooled features by Euclidean distance")
LOGITS = ("logits, L2", f"{_PUBLISHED}; 1000 class logits by Euclidean distance")


@dataclass(frozen=True, slots=True)
class EmbeddedPhotos:
    """The n photos as one precision embeds them.

    Attributes:
        vectors: float32 (n, d), unit length.
        probabilities: float32 (n, c).
        rate: photos per second, from bytes to vector.
    """

    vectors: NDArray[np.float32]
    probabilities: NDArray[np.float32]
    rate: float


@dataclass(frozen=True, slots=True)
class Baselines:
    """The baselines' vectors and their precision, or None and the reason (`skipped`)."""

    vectors: BaselineVectors | None
    skipped: str | None = None
    precision: str | None = None


@dataclass(frozen=True, slots=True)
class ReportInputs:
    """The inputs of a report.

    Attributes:
        photos: all n photos, including the training photos.
        titles: of the listings, by id.
        items: (n,), a code for the item of each photo; photos of one listing, and equal photos, show one item.
        held_out: rows to measure on; at least one.
        runs: by precision; the first is the precision that serves.
        foreign: embeddings of `foreign_pictures`, by kind, in the precision that serves; none without an OOD detector.
    """

    photos: Sequence[LabelledPhoto]
    titles: Mapping[str, str]
    items: NDArray[np.int64]
    held_out: NDArray[np.int64]
    runs: Mapping[str, EmbeddedPhotos]
    baselines: Baselines
    foreign: Mapping[str, Embeddings]

    @property
    def served(self) -> EmbeddedPhotos:
        """The run of the precision that serves."""
        return next(iter(self.runs.values()))

    def groups(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the items of these rows, coded from 0; the bootstrap resamples them."""
        return np.unique(self.items[rows], return_inverse=True)[1].astype(np.int64)

    def shown(self, row: int) -> PhotoShown:
        photo = self.photos[row]
        title = self.titles.get(photo.listing_id, "")
        return PhotoShown(photo.photo_id, photo.listing_id, title, photo.category, photo.sha256)


def build_report(inputs: ReportInputs, *, bundle: Bundle, setup: Setup) -> Report:
    """Measure a model.

    Args:
        inputs: its embedded photos.
        bundle: the model.
        setup: how the photos were embedded, for the report.
    """
    gallery = gallery_of(inputs.photos)
    queries = gallery.rows_with_match(inputs.held_out)
    outcome = search_all(gallery, inputs.served.vectors, queries) if len(queries) else None
    others = np.setdiff1d(np.arange(len(inputs.photos)), inputs.held_out)
    return Report(
        setup=setup,
        category=_category(inputs, bundle),
        retrieval=_retrieval(inputs, gallery, outcome, name=f"model {bundle.version}") if outcome else None,
        scores=_scores(inputs, bundle),
        ood=_ood(inputs, bundle),
        confusions=tuple(_confusions(inputs, bundle)),
        missed=tuple(_missed(inputs, gallery, outcome, bundle=bundle)) if outcome else (),
        tradeoffs=tradeoffs(
            {precision: run.vectors for precision, run in inputs.runs.items()},
            gallery,
            queries=queries,
            fit_on=others,
            rates={precision: run.rate for precision, run in inputs.runs.items()},
        )
        if outcome
        else (),
    )


def _category(inputs: ReportInputs, bundle: Bundle) -> CategoryReport:
    rows, calibration = inputs.held_out, bundle.calibration
    names = [inputs.photos[row].category for row in rows]
    return category_report(
        inputs.served.probabilities[rows],
        columns_of(names, bundle.categories),
        categories=bundle.categories,
        unknown=sorted(set(names) - set(bundle.categories)),
        groups=inputs.groups(rows),
        calibration=calibration,
        threshold=calibration.confident_from if calibration else NEVER_CONFIDENT,
    )


def _retrieval(inputs: ReportInputs, gallery: Gallery, outcome: RetrievalOutcome, *, name: str) -> RetrievalReport:
    vectors = inputs.baselines.vectors
    baselines = {POOLED: vectors.pooled, LOGITS: vectors.logits} if vectors else {}
    precision, size = next(iter(inputs.runs)), inputs.served.vectors.shape[1]
    return retrieval_report(
        outcome,
        {key: search_all(gallery, values, outcome.queries, distance="l2") for key, values in baselines.items()},
        groups=inputs.groups(outcome.queries),
        name=(name, f"as served, in {precision}; vectors of {size} components by cosine"),
        gallery=len(gallery),
        photos=len(inputs.photos),
        skipped=inputs.baselines.skipped,
        baseline_precision=inputs.baselines.precision,
    )


def _scores(inputs: ReportInputs, bundle: Bundle) -> ScoreReport | None:
    if bundle.calibration is None or bundle.calibration.score_map is None:
        return None
    return score_report(
        inputs.served.vectors,
        inputs.held_out,
        items=inputs.items,
        contents=integer_codes([photo.sha256 for photo in inputs.photos]),
        score_map=bundle.calibration.score_map,
    )


def _ood(inputs: ReportInputs, bundle: Bundle) -> OodReport | None:
    if bundle.ood is None:
        return None
    rows, served = inputs.held_out, inputs.served
    return ood_report(
        Embeddings(served.vectors[rows], served.probabilities[rows]),
        inputs.foreign,
        detector=bundle.ood,
        groups=inputs.groups(rows),
    )


def _confusions(inputs: ReportInputs, bundle: Bundle) -> Iterable[Confusion]:
    """Yield the wrong predictions with the highest probability, one for each item."""
    probabilities = inputs.served.probabilities[inputs.held_out]
    predicted, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1)
    actual = columns_of([inputs.photos[row].category for row in inputs.held_out], bundle.categories)
    order = np.argsort(-confidence, kind="stable")
    for index in _first_of_each_item(order[(predicted != actual)[order]], inputs.items[inputs.held_out]):
        photo = inputs.shown(int(inputs.held_out[index]))
        yield Confusion(photo, bundle.categories[predicted[index]], float(confidence[index]))


def _missed(
    inputs: ReportInputs, gallery: Gallery, outcome: RetrievalOutcome, *, bundle: Bundle
) -> Iterable[MissedPair]:
    """Yield the queries whose first match has the worst rank, one for each item."""
    order = np.argsort(-outcome.rank, kind="stable")
    for index in _first_of_each_item(order[outcome.rank[order] > 1], inputs.items[outcome.queries]):
        query, other, instead = (
            int(row)
            for row in (
                outcome.queries[index],
                gallery.firsts[outcome.match[index]],
                gallery.firsts[outcome.neighbours[index, 0]],
            )
        )
        cosine = float(inputs.served.vectors[query] @ inputs.served.vectors[instead])
        score_map = bundle.calibration.score_map if bundle.calibration else None
        yield MissedPair(
            query=inputs.shown(query),
            other=inputs.shown(other),
            rank=int(outcome.rank[index]),
            instead=inputs.shown(instead),
            score=float(score_map(cosine)) if score_map else min(max(cosine, 0.0), 1.0),
        )


def _first_of_each_item(order: NDArray[np.int64], items: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the first `EXAMPLES` values of `order` with distinct items; the values index `items`."""
    _, firsts = np.unique(items[order], return_index=True)
    return order[np.sort(firsts)[:EXAMPLES]]
