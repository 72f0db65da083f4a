"""From what was computed on the photos to the whole report. Pure: nothing here reads a file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ml.bundle.calibration import UNCALIBRATED_CONFIDENT_FROM
from ml.evaluation.evaluate import columns_of
from ml.evaluation.report.figures import Confusion, MissedPair, PhotoShown, Report
from ml.evaluation.report.measuring import category_report, retrieval_report, score_report
from ml.evaluation.report.tradeoffs import tradeoffs
from ml.evaluation.retrieval import gallery_of, integer_codes, search_all

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from ml.bundle.bundle import Bundle
    from ml.evaluation.baselines import BaselineVectors
    from ml.evaluation.report.figures import CategoryReport, RetrievalReport, ScoreReport, Setup
    from ml.evaluation.retrieval import Gallery, RetrievalOutcome
    from ml.labelled import LabelledPhoto

PICTURES = 12
"""Photos, or pairs, that the report shows of each kind of mistake."""

_PUBLISHED = "ResNet-50 with its ImageNet weights; photos padded with black, resized to 256, the middle 224 cropped"
POOLED = ("pooled, L2", f"{_PUBLISHED}; its 2048 pooled features by Euclidean distance")
CLASSES = ("logits, L2", f"{_PUBLISHED}; its 1000 class logits by Euclidean distance")


@dataclass(frozen=True, slots=True)
class EmbeddedPhotos:
    """What one precision made of the n photos.

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
    """The baselines' vectors, or None and the reason why there are none; `precision` is what they were computed in."""

    vectors: BaselineVectors | None
    skipped: str | None = None
    precision: str | None = None


@dataclass(frozen=True, slots=True)
class ReportInputs:
    """All that is measured from.

    Attributes:
        photos: all n, those trained on included.
        titles: of the listings, by id.
        items: (n,), a code for the item that each photo shows; photos of one listing, and equal photos, are of one.
        held_out: rows to measure on, at least one.
        runs: by precision; the first is the one that serves.
    """

    photos: Sequence[LabelledPhoto]
    titles: Mapping[str, str]
    items: NDArray[np.int64]
    held_out: NDArray[np.int64]
    runs: Mapping[str, EmbeddedPhotos]
    baselines: Baselines

    @property
    def served(self) -> EmbeddedPhotos:
        """The run of the precision that serves."""
        return next(iter(self.runs.values()))

    def groups(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the items of these rows, coded from 0."""
        return np.unique(self.items[rows], return_inverse=True)[1].astype(np.int64)

    def shown(self, row: int) -> PhotoShown:
        """Return a photo as the report shows it."""
        photo = self.photos[row]
        title = self.titles.get(photo.listing_id, "")
        return PhotoShown(photo.photo_id, photo.listing_id, title, photo.category, photo.sha256)


def build_report(computed: ReportInputs, *, bundle: Bundle, setup: Setup) -> Report:
    """Measure everything."""
    gallery = gallery_of(computed.photos)
    queries = gallery.findable(computed.held_out)
    found = search_all(gallery, computed.served.vectors, queries) if len(queries) else None
    unseen = np.setdiff1d(np.arange(len(computed.photos)), computed.held_out)
    return Report(
        setup=setup,
        category=_category(computed, bundle),
        retrieval=_retrieval(computed, gallery, found, name=f"model {bundle.version}") if found else None,
        scores=_scores(computed, bundle),
        confusions=tuple(_confusions(computed, bundle)),
        missed=tuple(_missed(computed, gallery, found, bundle=bundle)) if found else (),
        tradeoffs=tradeoffs(
            {precision: run.vectors for precision, run in computed.runs.items()},
            gallery,
            queries=queries,
            learnt_from=unseen,
            rates={precision: run.rate for precision, run in computed.runs.items()},
        )
        if found
        else (),
    )


def _category(computed: ReportInputs, bundle: Bundle) -> CategoryReport:
    rows, calibration = computed.held_out, bundle.calibration
    names = [computed.photos[row].category for row in rows]
    return category_report(
        computed.served.probabilities[rows],
        columns_of(names, bundle.categories),
        categories=bundle.categories,
        unknown=sorted(set(names) - set(bundle.categories)),
        groups=computed.groups(rows),
        calibration=calibration,
        threshold=calibration.confident_from if calibration else UNCALIBRATED_CONFIDENT_FROM,
    )


def _retrieval(computed: ReportInputs, gallery: Gallery, found: RetrievalOutcome, *, name: str) -> RetrievalReport:
    vectors = computed.baselines.vectors
    theirs = {POOLED: vectors.pooled, CLASSES: vectors.logits} if vectors else {}
    precision, size = next(iter(computed.runs)), computed.served.vectors.shape[1]
    return retrieval_report(
        found,
        {key: search_all(gallery, values, found.queries, distance="l2") for key, values in theirs.items()},
        groups=computed.groups(found.queries),
        name=(name, f"as served, in {precision}; vectors of {size} components by cosine"),
        gallery=len(gallery),
        photos=len(computed.photos),
        skipped=computed.baselines.skipped,
        baseline_precision=computed.baselines.precision,
    )


def _scores(computed: ReportInputs, bundle: Bundle) -> ScoreReport | None:
    if bundle.calibration is None or bundle.calibration.score_map is None:
        return None
    return score_report(
        computed.served.vectors,
        computed.held_out,
        items=computed.items,
        contents=integer_codes([photo.sha256 for photo in computed.photos]),
        score_map=bundle.calibration.score_map,
    )


def _confusions(computed: ReportInputs, bundle: Bundle) -> Iterable[Confusion]:
    """Yield the photos that are wrong with the highest probability, one of each item."""
    probabilities = computed.served.probabilities[computed.held_out]
    predicted, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1)
    actual = columns_of([computed.photos[row].category for row in computed.held_out], bundle.categories)
    order = np.argsort(-confidence, kind="stable")
    for index in _one_of_each(order[(predicted != actual)[order]], computed.items[computed.held_out]):
        photo = computed.shown(int(computed.held_out[index]))
        yield Confusion(photo, bundle.categories[predicted[index]], float(confidence[index]))


def _missed(
    computed: ReportInputs, gallery: Gallery, found: RetrievalOutcome, *, bundle: Bundle
) -> Iterable[MissedPair]:
    """Yield the pairs that were found last, one of each item."""
    order = np.argsort(-found.rank, kind="stable")
    for index in _one_of_each(order[found.rank[order] > 1], computed.items[found.queries]):
        query, other, instead = (
            int(row)
            for row in (
                found.queries[index],
                gallery.firsts[found.match[index]],
                gallery.firsts[found.neighbours[index, 0]],
            )
        )
        cosine = float(computed.served.vectors[query] @ computed.served.vectors[instead])
        score_map = bundle.calibration.score_map if bundle.calibration else None
        yield MissedPair(
            query=computed.shown(query),
            other=computed.shown(other),
            rank=int(found.rank[index]),
            instead=computed.shown(instead),
            score=float(score_map(cosine)) if score_map else min(max(cosine, 0.0), 1.0),
        )


def _one_of_each(order: NDArray[np.int64], items: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the first `PICTURES` of `order` that are of different items; `items` is indexed by its values."""
    _, firsts = np.unique(items[order], return_index=True)
    return order[np.sort(firsts)[:PICTURES]]
