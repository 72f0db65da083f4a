"""The figures of an evaluation: report.json holds these structs, and report.html shows them."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - msgspec reads the annotations

import msgspec

from ml.evaluation.intervals import Estimate  # noqa: TC001
from ml.metrics import ReliabilityBin  # noqa: TC001


class Reliability(msgspec.Struct, frozen=True):
    """Calibration of probabilities.

    Attributes:
        bins: up to 15, of equal count.
        error: expected calibration error.
        floor: the error that perfectly calibrated probabilities would have by chance.
    """

    bins: tuple[ReliabilityBin, ...]
    error: float
    floor: float


class CategoryFigures(msgspec.Struct, frozen=True):
    """One category among the held-out photos.

    Attributes:
        precision: None if no photo was predicted to be of the category.
        recall: None if no photo is of the category.
        support: photos of the category.
        confident_from: the category's own threshold, if it has one.
    """

    category: str
    precision: float | None
    recall: float | None
    f1: float
    support: int
    confident_from: float | None


class Confident(msgspec.Struct, frozen=True):
    """The global confidence threshold on held-out photos.

    Attributes:
        measured: whether calibration chose the threshold; otherwise no prediction reaches it.
        share: share of photos at or above the threshold.
        right: share of those with the right category; None if there are none.
    """

    threshold: float
    measured: bool
    share: float
    right: float | None


class CategoryReport(msgspec.Struct, frozen=True):
    """Category prediction on held-out photos.

    Attributes:
        confusion: counts; rows are true categories, columns predicted ones, in the order of `categories`.
        before: reliability at temperature 1; None if the bundle has no calibration.
        after: reliability as served.
    """

    photos: int
    accuracy: Estimate
    macro_f1: Estimate
    categories: tuple[CategoryFigures, ...]
    unknown_categories: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...]
    temperature: float | None
    before: Reliability | None
    after: Reliability
    confident: Confident


class RetrievalFigures(msgspec.Struct, frozen=True):
    """One search method; all methods share their queries and gallery."""

    name: str
    method: str
    recall_at_1: Estimate
    recall_at_5: Estimate
    recall_at_10: Estimate
    mean_average_precision: Estimate
    category_precision_at_5: Estimate


class Ratio(msgspec.Struct, frozen=True):
    """One figure of our model over that of the better baseline; None if the baseline's is 0."""

    figure: str
    baseline: str
    ratio: Estimate | None


class RetrievalReport(msgspec.Struct, frozen=True):
    """Search on held-out photos. `baselines` is empty if they were skipped; `skipped` is the reason."""

    queries: int
    gallery: int
    photos: int
    ours: RetrievalFigures
    baselines: tuple[RetrievalFigures, ...]
    ratios: tuple[Ratio, ...]
    skipped: str | None
    baseline_precision: str | None


class ScoreReport(msgspec.Struct, frozen=True):
    """Calibration of the displayed scores, over the first ten results of each held-out photo.

    Attributes:
        pairs: number of results.
        scores: reliability of the scores; `share_right` is the share of results that show the same item.
        curve: points (cosine, score) of the score map.
        observed: (mean cosine, share that shows the same item, number of pairs) in bins of equal size.
    """

    pairs: int
    scores: Reliability
    curve: tuple[tuple[float, float], ...]
    observed: tuple[tuple[float, float, int], ...]


class ForeignFigures(msgspec.Struct, frozen=True):
    """One kind of drawn pictures that belong in no catalogue.

    Attributes:
        pictures: number of pictures.
        auroc: probability that a picture has a higher OOD score than a held-out photo.
        false_positive_rate: share that passes where 95 % of the held-out photos pass.
        detected: share called out of distribution.
        baseline_auroc, baseline_false_positive_rate: the same, with the category's probability as the score.
    """

    kind: str
    pictures: int
    auroc: float
    false_positive_rate: float
    detected: float
    baseline_auroc: float
    baseline_false_positive_rate: float


class OodReport(msgspec.Struct, frozen=True):
    """Out-of-distribution detection.

    Attributes:
        k, references: the detector compares with the k-th nearest of so many training photos.
        false_alarm_rate: share of photos in distribution that may be called out of distribution.
        false_alarms: share of the held-out photos that are.
    """

    k: int
    references: int
    false_alarm_rate: float
    false_alarms: Estimate
    foreign: tuple[ForeignFigures, ...]


class PhotoShown(msgspec.Struct, frozen=True):
    """A photo in the report; `sha256` identifies its bytes."""

    photo_id: int
    listing_id: str
    title: str
    category: str
    sha256: str


class Confusion(msgspec.Struct, frozen=True):
    """A wrong prediction with a high probability."""

    photo: PhotoShown
    predicted: str
    probability: float


class MissedPair(msgspec.Struct, frozen=True):
    """A query whose first match has a bad rank.

    Attributes:
        other: the first match, another photo of the query's listing.
        rank: of `other`, from 1.
        instead: the first result.
        score: the displayed score of `instead`.
    """

    query: PhotoShown
    other: PhotoShown
    rank: int
    instead: PhotoShown
    score: float


class Tradeoff(msgspec.Struct, frozen=True):
    """The recall of one combination of precision, vector size and storage.

    Attributes:
        photos_per_second: from bytes to vector; None if this precision was not run.
        best: on the Pareto front: no other row is at least as good in recall@1, bytes and speed, and better in one.
    """

    precision: str
    components: int
    storage: str
    bytes_per_vector: int
    recall_at_1: float
    recall_at_10: float
    photos_per_second: float | None
    best: bool


class SplitUse(msgspec.Struct, frozen=True):
    """The listings that were measured on, and the counts of the others.

    Attributes:
        rule: `held out` or `unseen`.
        seed: of the bundle's split.
        measured: listings that were measured on.
        missing: held-out listings of the split that are not in this data.
        unknown: listings that are not in the split.
        too_alike: unknown or held-out listings that are one item with training or validation listings, so they are not
            measured.
    """

    rule: str
    seed: int
    train: int
    validation: int
    held_out: int
    measured: int
    missing: int
    unknown: int
    too_alike: int


class Setup(msgspec.Struct, frozen=True):
    """How the model was measured."""

    model_version: str
    model_created_at: datetime
    evaluated_at: datetime
    split: SplitUse
    photos: int
    unreadable: int
    precision: str
    runtime: str
    threads: int
    processor: str
    libraries: dict[str, str]


class Report(msgspec.Struct, frozen=True):
    """The whole report."""

    setup: Setup
    category: CategoryReport
    retrieval: RetrievalReport | None
    scores: ScoreReport | None
    ood: OodReport | None
    confusions: tuple[Confusion, ...]
    missed: tuple[MissedPair, ...]
    tradeoffs: tuple[Tradeoff, ...]
