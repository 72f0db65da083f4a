"""What an evaluation measured, as values: report.json is these structs, and report.html shows them."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - msgspec reads the annotations

import msgspec

from ml.evaluation.intervals import Estimate  # noqa: TC001
from ml.metrics import ReliabilityBin  # noqa: TC001


class Reliability(msgspec.Struct, frozen=True):
    """How far probabilities can be believed: 15 bins, and their expected calibration error."""

    bins: tuple[ReliabilityBin, ...]
    error: float


class CategoryFigures(msgspec.Struct, frozen=True):
    """One category among the held-out photos.

    Attributes:
        support: photos of this category. precision is None where none was given the category, recall where it has none.
        confident_from: the category's own threshold; None where it has none.
    """

    category: str
    precision: float | None
    recall: float | None
    f1: float
    support: int
    confident_from: float | None


class Confident(msgspec.Struct, frozen=True):
    """What the global threshold does on held-out photos: how many are filled in, and how many of those rightly."""

    threshold: float
    measured: bool
    share: float
    right: float | None


class CategoryReport(msgspec.Struct, frozen=True):
    """Category prediction on held-out photos.

    Attributes:
        confusion: rows are true categories, columns predicted ones, in the order of `categories`.
        before: at temperature 1; None where the bundle has no calibration.
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
    """One way of searching, on the same queries and gallery as the others."""

    name: str
    method: str
    recall_at_1: Estimate
    recall_at_5: Estimate
    recall_at_10: Estimate
    mean_average_precision: Estimate
    category_precision_at_5: Estimate


class Ratio(msgspec.Struct, frozen=True):
    """Ours over the better baseline, by one figure; None where the baseline's figure is 0."""

    figure: str
    baseline: str
    ratio: Estimate | None


class RetrievalReport(msgspec.Struct, frozen=True):
    """Search on held-out photos. `baselines` is empty where they were skipped, for the reason given."""

    queries: int
    gallery: int
    photos: int
    ours: RetrievalFigures
    baselines: tuple[RetrievalFigures, ...]
    ratios: tuple[Ratio, ...]
    skipped: str | None
    baseline_precision: str | None


class ScoreReport(msgspec.Struct, frozen=True):
    """How well shown scores hold for the first ten results of held-out photos.

    Attributes:
        scores: by the score map, 15 bins; `share_right` is the share of results that are the same item.
        curve: points (cosine, score) of the map.
        observed: (mean cosine, share that is the same item, pairs) of bins of equal size.
    """

    pairs: int
    scores: Reliability
    curve: tuple[tuple[float, float], ...]
    observed: tuple[tuple[float, float, int], ...]


class PhotoShown(msgspec.Struct, frozen=True):
    """A photo that the report shows. `sha256` names its bytes."""

    photo_id: int
    listing_id: str
    title: str
    category: str
    sha256: str


class Confusion(msgspec.Struct, frozen=True):
    """A photo that the network is wrongly sure of."""

    photo: PhotoShown
    predicted: str
    probability: float


class MissedPair(msgspec.Struct, frozen=True):
    """A query whose listing's other photo came late.

    Attributes:
        rank: of `other`, the first of them, from 1.
        instead: what came first; `score` is what a search would show for it.
    """

    query: PhotoShown
    other: PhotoShown
    rank: int
    instead: PhotoShown
    score: float


class Tradeoff(msgspec.Struct, frozen=True):
    """What smaller or faster costs.

    Attributes:
        photos_per_second: from bytes to vector, where this precision was run.
        best: no other row is at least as good in recall@1, bytes and speed, and better in one.
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
    """Which listings were measured on, and where the others stand.

    Attributes:
        rule: `held out` or `unseen`.
        seed: of the split of the bundle.
        measured: listings measured on. missing: held-out listings that are not in this data.
        unknown: listings that the bundle's split does not name. too_alike: those of them that show a photo which
            training or validation showed, too, and so are no unseen ones.
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
    """How it was measured."""

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
    """Everything that was measured."""

    setup: Setup
    category: CategoryReport
    retrieval: RetrievalReport | None
    scores: ScoreReport | None
    confusions: tuple[Confusion, ...]
    missed: tuple[MissedPair, ...]
    tradeoffs: tuple[Tradeoff, ...]
