"""Compares scores that tell foreign photos from the catalogue's: out-of-distribution (OOD) detection."""

from __future__ import annotations

from dataclasses import dataclass
from time import process_time
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from ml.bundle.calibration import NEVER_CONFIDENT
from ml.bundle.ood import NearestDistances
from ml.evaluation.foreign_pictures import COUNT, foreign_pictures
from ml.metrics import auroc, false_positive_rate_at_95
from services.bench.inputs.logits import LogitsNetwork, NetworkOutputs
from services.bench.report import ResultTable
from services.errors import BadInput
from services.ingest.models.bundles import find_bundle
from services.ingest.models.held_out import held_out_photos, split_of
from services.ingest.models.items import hash_photos, items_of_listings
from services.ingest.models.labelled import labelled_photos

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from ml.bundle.bundle import Bundle
    from ml.bundle.ood import OodDetector
    from services.bench.report import BenchmarkReport
    from services.ingest.pipeline.progress import Progress
    from services.resources import Resources

Scores: TypeAlias = "NDArray[np.float32]"
Candidate: TypeAlias = "Callable[[NetworkOutputs], Scores]"
"""Returns the OOD scores of n photos, (n,): higher is more foreign."""

_NEIGHBOURS = (1, 5, 10, 50)
_TIMED = 100


@dataclass(frozen=True, slots=True)
class Separation:
    """How well a score tells one set of foreign photos from the photos in distribution; see `ml.metrics`."""

    auroc: float
    false_positive_rate_at_95: float


@dataclass(frozen=True, slots=True)
class CandidateFigures:
    """The results of one score, by set of foreign photos."""

    score: str
    sets: dict[str, Separation]

    @property
    def worst(self) -> float:
        """The lowest AUROC."""
        return min(one.auroc for one in self.sets.values())


@dataclass(frozen=True, slots=True)
class AlarmFigures:
    """The answers of the model as served, for one set of photos.

    Attributes:
        photos: number of photos.
        detected: share called out of distribution.
        confident_before: share whose first category is likely enough to be confident.
        confident: share that is confident: also not out of distribution.
    """

    name: str
    photos: int
    detected: float
    confident_before: float
    confident: float


@dataclass(frozen=True, slots=True)
class OodBenchmark:
    """Results of the OOD benchmark.

    Attributes:
        rule: how the photos in distribution were chosen, `held out` or `unseen`.
        false_alarm_rate: share of photos in distribution that the detector may call foreign.
        cpu_ms: processor time to score one photo, once it is embedded.
        answers: of the photos in distribution, then of each foreign set.
        candidates: the served score first.
    """

    model_version: str
    rule: str
    references: int
    false_alarm_rate: float
    cpu_ms: float
    answers: tuple[AlarmFigures, ...]
    candidates: tuple[CandidateFigures, ...]


def measure_ood(
    resources: Resources,
    *,
    model: str | None,
    folders: Sequence[Path],
    limit: int,
    progress: Progress,
    pictures: int = COUNT,
) -> OodBenchmark:
    """Score photos that the model has not seen, `pictures` drawn ones of each kind, and up to `limit` of each folder.

    Raises:
        BadInput: the model has no OOD detector, or a folder has no photo.
        CannotEvaluate: the catalogue has no listing that the model has not seen.
        ModelMissing, ModelUnusable, ResourceNotFound: see `find_bundle`.
    """
    bundle = find_bundle(resources, model)
    if bundle.ood is None:
        raise BadInput(f"Model {bundle.version} has no OOD detector. Train a model with `lookalike train`.")
    rule, contents = _in_distribution(resources, bundle, progress)
    sets = _foreign_sets(folders, limit=limit, pictures=pictures, taken=rule)
    network = LogitsNetwork(bundle, threads=resources.settings.thread_count)
    outputs: dict[str, NetworkOutputs] = {}
    for number, (name, photos) in enumerate({rule: contents, **sets}.items()):
        progress("embed photos", number, len(sets) + 1)
        outputs[name] = network.run(photos)
    inside = outputs[rule]
    return OodBenchmark(
        model_version=bundle.version,
        rule=rule,
        references=len(bundle.ood.references),
        false_alarm_rate=bundle.ood.calibration.false_alarm_rate,
        cpu_ms=_time_of_one(bundle.ood, inside),
        answers=tuple(_answers(name, one, bundle, bundle.ood) for name, one in outputs.items()),
        candidates=tuple(
            _separations(name, score, inside, {kind: outputs[kind] for kind in sets})
            for name, score in candidate_scores(bundle.ood, inside).items()
        ),
    )


def _foreign_sets(folders: Sequence[Path], *, limit: int, pictures: int, taken: str) -> dict[str, list[bytes]]:
    """Return the drawn pictures by kind, then the photos of each folder by its name, which nothing else may have."""
    drawn = foreign_pictures(pictures)
    found = {folder.name: _photos_of(folder, limit) for folder in folders}
    if len(found) < len(folders) or found.keys() & {*drawn, taken}:
        raise BadInput(f"Give each folder a name of its own, other than {', '.join([*drawn, taken])}.")
    return {**drawn, **found}


def candidate_scores(detector: OodDetector, inside: NetworkOutputs) -> dict[str, Candidate]:
    """Return the scores to compare, by name. `inside` scales the sums."""
    references = detector.references
    served = detector.calibration.k
    fewer = {len(kept): NearestDistances(kept) for kept in (references[::2], references[::4]) if len(kept) >= served}
    return {
        f"distance, k = {served}, as served": lambda outputs: detector.scores(outputs.vectors),
        **{f"distance, k = {k}": _distance(detector.distances, k) for k in _within(references) if k != served},
        **{f"distance, {count} references": _distance(metric, served) for count, metric in fewer.items()},
        **{f"cosine distance, k = {k}": _cosine_distance(references, k) for k in _within(references)},
        "energy": _energy,
        "maximum logit": lambda outputs: -outputs.logits.max(axis=1),
        "maximum softmax probability": lambda outputs: -outputs.probabilities.max(axis=1),
        "distance + energy": _sum(_distance(detector.distances, served), _energy, inside),
        "cosine distance + energy": _sum(_cosine_distance(references, served), _energy, inside),
    }


def _within(references: NDArray[np.float16]) -> list[int]:
    return [k for k in _NEIGHBOURS if k <= len(references)]


def _distance(distances: NearestDistances, k: int) -> Candidate:
    return lambda outputs: distances(outputs.vectors, k)


def _cosine_distance(references: NDArray[np.float16], k: int) -> Candidate:
    """Return the score of Sun et al. 2022 (arXiv:2204.06507)."""
    wide = references.astype(np.float32)

    def score(outputs: NetworkOutputs) -> Scores:
        cosines = outputs.vectors @ wide.T
        return np.asarray(1 - np.partition(cosines, -k, axis=1)[:, -k])

    return score


def _energy(outputs: NetworkOutputs) -> Scores:
    """Return the energy of Liu et al. 2020 (arXiv:2010.03759), at temperature 1."""
    return np.asarray(-np.logaddexp.reduce(outputs.logits, axis=1))


def _sum(first: Candidate, second: Candidate, inside: NetworkOutputs) -> Candidate:
    """Return the sum of two scores, each scaled to mean 0 and deviation 1 on the photos in distribution."""

    def scaled(score: Candidate) -> Candidate:
        mean, deviation = score(inside).mean(), score(inside).std()
        return lambda outputs: (score(outputs) - mean) / max(deviation, 1e-9)

    one, other = scaled(first), scaled(second)
    return lambda outputs: one(outputs) + other(outputs)


def _time_of_one(detector: OodDetector, inside: NetworkOutputs) -> float:
    """Return the milliseconds of processor time to score one photo: the median over the photos."""
    times = []
    for vector in inside.vectors[:_TIMED]:
        started = process_time()
        detector.score(vector)
        times.append(1000 * (process_time() - started))
    return round(float(np.median(times)), 3)


def _separations(
    name: str, score: Candidate, inside: NetworkOutputs, sets: Mapping[str, NetworkOutputs]
) -> CandidateFigures:
    own = score(inside)
    scores = {kind: score(outputs) for kind, outputs in sets.items()}
    return CandidateFigures(
        name,
        {kind: Separation(auroc(own, each), false_positive_rate_at_95(own, each)) for kind, each in scores.items()},
    )


def _answers(name: str, outputs: NetworkOutputs, bundle: Bundle, detector: OodDetector) -> AlarmFigures:
    threshold = bundle.calibration.confident_from if bundle.calibration else NEVER_CONFIDENT
    is_foreign, is_likely = detector.scores(outputs.vectors) > 1, outputs.probabilities.max(axis=1) >= threshold
    return AlarmFigures(
        name,
        photos=len(is_foreign),
        detected=float(is_foreign.mean()),
        confident_before=float(is_likely.mean()),
        confident=float((is_likely & ~is_foreign).mean()),
    )


def _photos_of(folder: Path, limit: int) -> list[bytes]:
    try:
        files = sorted(file for file in folder.iterdir() if file.is_file())
        chosen = np.random.default_rng(0).permutation(len(files))[:limit]
        return [files[row].read_bytes() for row in sorted(chosen)]
    except OSError as error:
        raise BadInput(f"{folder}: this folder cannot be read ({error.strerror}).") from error


def _in_distribution(resources: Resources, bundle: Bundle, progress: Progress) -> tuple[str, Iterator[bytes]]:
    """Return the photos of held-out listings or, if the catalogue has none, of listings that the model never saw."""
    stored = labelled_photos(resources.database, resources.photo_files)
    unseen = not {*split_of(bundle).held_out} & {photo.listing_id for photo in stored}
    photos, hashes = hash_photos(
        stored, bundle.preprocessing, threads=resources.settings.thread_count, progress=progress
    )
    items = items_of_listings(resources.database, photos, hashes, progress)
    chosen = held_out_photos(photos, items, bundle=bundle, unseen=unseen)
    return chosen.use.rule, (photos[row].path.read_bytes() for row in chosen.rows)


def render(b: OodBenchmark) -> BenchmarkReport:
    """Return the answers as served, and the comparison of scores."""
    kinds = list(b.candidates[0].sets)
    return [
        f"Model {b.model_version} compares photos with {b.references} training photos; of photos like them, at most "
        f"{100 * b.false_alarm_rate:.0f} % may be called out of distribution.",
        ResultTable(
            "Answers as served",
            ["photos", "number", "out of distribution", "confident without it", "confident"],
            [
                (one.name, one.photos, f"{one.detected:.3f}", f"{one.confident_before:.3f}", f"{one.confident:.3f}")
                for one in b.answers
            ],
        ),
        ResultTable(
            f"AUROC / FPR95 against the {b.rule} photos",
            ["score", "worst AUROC", *kinds],
            [
                (
                    one.score,
                    f"{one.worst:.3f}",
                    *(f"{one.sets[kind].auroc:.3f} / {one.sets[kind].false_positive_rate_at_95:.2f}" for kind in kinds),
                )
                for one in b.candidates
            ],
        ),
        f"{b.cpu_ms:.2f} ms of processor time to score a photo",
    ]
