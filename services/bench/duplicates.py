"""How well copies of photos are recognised: copies made by edits, and pairs that people have reviewed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from time import perf_counter, process_time
from typing import TYPE_CHECKING

import numpy as np
from more_itertools import chunked

from db.rows import duplicates, embeddings, photos
from ml.copies.comparer import PhotoComparer
from ml.copies.verdicts import Verdict
from ml.photos.decode import PhotoError, decode
from ml.sample.photo_edits import EDITS, UNTOUCHED, all_edits
from services.bench.report import ResultTable
from services.errors import BadInput
from services.indexing.copy_candidates import HITS_PER_PHOTO, distinct_candidates

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from db.models import Photo
    from db.vectors.base import Vector
    from ml.copies.verdicts import CopyMatch
    from services.bench.report import BenchmarkReport
    from services.ingest.pipeline.progress import Progress
    from services.resources import Resources


@dataclass(slots=True)
class EditFigures:
    """Results for the copies made by one edit.

    Attributes:
        edit: name of the edit.
        copies: number of copies.
        candidates: copies whose original was among the compared photos.
        found: copies whose original was recognised, as identical or edited.
        identical: copies whose original was called identical.
        wrong: photos called copies although they are not.
        wrong_identical: photos called identical although they are no copies, or were changed by the edit.
    """

    edit: str
    copies: int = 0
    candidates: int = 0
    found: int = 0
    identical: int = 0
    wrong: int = 0
    wrong_identical: int = 0

    @property
    def precision(self) -> float:
        """Share of the verdicts that are right; 1 if there are none."""
        return self.found / max(self.found + self.wrong, 1) if self.found + self.wrong else 1.0

    @property
    def recall(self) -> float:
        """Share of the copies whose original was recognised."""
        return self.found / max(self.copies, 1)


@dataclass(slots=True)
class ReviewFigures:
    """Review decisions on the pairs of listings that were found with one verdict.

    Attributes:
        verdict: of the surest pair of their photos.
        pairs: number of pairs.
        accepted: pairs that a reviewer confirmed as copies.
        rejected: pairs that a reviewer rejected.
    """

    verdict: str
    pairs: int = 0
    accepted: int = 0
    rejected: int = 0

    @property
    def precision(self) -> float | None:
        """Share of the reviewed pairs that were accepted; None if none was reviewed."""
        decided = self.accepted + self.rejected
        return self.accepted / decided if decided else None


@dataclass(frozen=True, slots=True)
class DuplicateBenchmark:
    """Results of the duplicates benchmark.

    Attributes:
        photos: number of edited photos.
        gallery: number of photos among which originals were searched for.
        edits: results by edit.
        reviews: results for the pairs found among the stored photos, by verdict.
        lost: accepted pairs of listings that are no longer found.
        cpu_ms: processor time for comparing a photo with its candidates.
        seconds: total time.
    """

    photos: int
    gallery: int
    edits: tuple[EditFigures, ...]
    reviews: tuple[ReviewFigures, ...]
    lost: int
    cpu_ms: float
    seconds: float


def measure_duplicates(resources: Resources, *, limit: int, progress: Progress) -> DuplicateBenchmark:
    """Edit `limit` photos in every way, and search for each copy's original among all photos of the live index.

    It uses listings whose id has a SHA-256 with an odd first byte, so that constants can be chosen on the others. Real
    duplicates of the original among the stored photos do not count as wrong.

    Raises:
        BadInput: there are no such photos.
        ModelMissing, ModelUnusable: no model can embed the copies.
    """
    return _DuplicateMeasurement(resources).run(limit, progress)


class _DuplicateMeasurement:
    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._live = resources.live.current()
        self._embedder = resources.embedder_for(self._live.generation.model_version)
        self._copies: dict[str, bytes] = {}
        self._comparer = PhotoComparer(self._read)
        self._figures = {name: EditFigures(name) for name in EDITS}
        self._cpu_seconds, self._comparisons = 0.0, 0

    def run(self, limit: int, progress: Progress) -> DuplicateBenchmark:
        started, chosen = perf_counter(), self._choose_photos(limit)
        for number, photo in enumerate(chosen):
            progress("search for copies", number, len(chosen))
            self._measure(photo, number)
        progress("search for copies", len(chosen), len(chosen))
        reviews, lost = self._review_figures()
        return DuplicateBenchmark(
            photos=len(chosen),
            gallery=self._gallery,
            edits=tuple(self._figures.values()),
            reviews=reviews,
            lost=lost,
            cpu_ms=round(1000 * self._cpu_seconds / max(self._comparisons, 1), 1),
            seconds=round(perf_counter() - started, 1),
        )

    def _review_figures(self) -> tuple[tuple[ReviewFigures, ...], int]:
        figures = {verdict: ReviewFigures(verdict) for verdict in (Verdict.IDENTICAL, Verdict.EDITED)}
        with self._resources.database.read() as session:
            links, decided = duplicates.links(session), duplicates.decisions(session)
        for link in links:
            of_verdict = figures[Verdict(link.verdict)]
            of_verdict.pairs += 1
            of_verdict.accepted += link.decision == "accept"
            of_verdict.rejected += link.decision == "reject"
        found = {(link.listing_id, link.other_listing_id) for link in links}
        lost = sum(decision == "accept" and pair not in found for pair, decision in decided.items())
        return tuple(figures.values()), lost

    def _choose_photos(self, limit: int) -> list[Photo]:
        version = self._live.generation.model_version
        with self._resources.database.read() as session:
            ids = embeddings.embedded_ids(session, model_version=version)
            self._gallery = len(ids)
            shuffled = np.random.default_rng(0).permutation(ids).tolist()
            chosen: list[Photo] = []
            for some in chunked(shuffled, 4 * limit):
                rows = {row.id: row for row in photos.photos_by_id(session, some)}
                chosen += [rows[photo_id] for photo_id in some if photo_id in rows and _is_measured(rows[photo_id])]
                if len(chosen) >= limit:
                    return chosen[:limit]
        if not chosen:
            raise BadInput("There are no embedded photos to measure with. Run `make demo` or `lookalike ingest` first.")
        return chosen

    def _measure(self, photo: Photo, seed: int) -> None:
        try:
            picture = decode(self._read(photo.sha256))
        except PhotoError:
            return
        copies = all_edits(picture, seed=seed)
        loaded = np.stack([self._embedder.bundle.preprocessing.load(content) for content in copies.values()])
        vectors = self._embedder.embed(loaded).vectors
        verdicts_of_original = self._compare(photo.sha256, self._stored_vector(photo))
        real_copies = {photo.sha256, *(sha256 for sha256, copy in verdicts_of_original if copy is not None)}
        for (name, content), vector in zip(copies.items(), vectors, strict=True):
            _count(self._figures[name], self._verdicts(content, vector), original=photo.sha256, real_copies=real_copies)

    def _verdicts(self, content: bytes, vector: Vector) -> dict[str, CopyMatch | None]:
        """Compare an edited copy with its candidates; return the result by the candidate's SHA-256."""
        name = hashlib.sha256(content).hexdigest() + "-copy"
        self._copies = {name: content}
        started = process_time()
        verdicts = dict(self._compare(name, vector))
        self._cpu_seconds, self._comparisons = self._cpu_seconds + process_time() - started, self._comparisons + 1
        return verdicts

    def _compare(self, name: str, vector: Vector) -> Iterator[tuple[str, CopyMatch | None]]:
        index = self._live.index(next(iter(self._live.opened), "faiss"))
        hits = index.search(vector, HITS_PER_PHOTO)
        with self._resources.database.read() as session:
            rows = {row.id: row for row in photos.photos_by_id(session, [hit.photo_id for hit in hits])}
        nearest = [rows[hit.photo_id] for hit in hits if hit.photo_id in rows and rows[hit.photo_id].sha256 != name]
        for sha256 in distinct_candidates(nearest):
            yield sha256, self._comparer.compare(name, sha256)

    def _stored_vector(self, photo: Photo) -> Vector:
        with self._resources.database.read() as session:
            version = self._live.generation.model_version
            (point,) = embeddings.points(session, [photo.id or 0], model_version=version)
        return point.vector

    def _read(self, name: str) -> bytes:
        return self._copies[name] if name in self._copies else self._resources.photo_files.read(name)


def _is_measured(photo: Photo) -> bool:
    return hashlib.sha256(photo.listing_id.encode()).digest()[0] % 2 == 1


def _count(
    figures: EditFigures, verdicts: Mapping[str, CopyMatch | None], *, original: str, real_copies: set[str]
) -> None:
    """Add the verdicts on one edited copy to the figures of its edit."""
    figures.copies += 1
    figures.candidates += original in verdicts
    for sha256, copy in verdicts.items():
        if copy is None:
            continue
        is_identical = copy.verdict == Verdict.IDENTICAL
        figures.found += sha256 == original
        figures.identical += is_identical and sha256 == original
        figures.wrong += sha256 not in real_copies
        figures.wrong_identical += is_identical and (sha256 not in real_copies or figures.edit not in UNTOUCHED)


def render(b: DuplicateBenchmark) -> BenchmarkReport:
    """Return the results by edit and by verdict."""
    return [
        ResultTable(
            f"Copies of {b.photos} photos, searched for among {b.gallery}",
            ["edit", "copies", "among candidates", "recall", "precision", "identical", "wrong identical"],
            [_edit_row(one) for one in b.edits],
        ),
        ResultTable(
            "Pairs of listings found among the stored photos",
            ["verdict", "pairs", "accepted", "rejected", "precision"],
            [
                (
                    one.verdict,
                    one.pairs,
                    one.accepted,
                    one.rejected,
                    "—" if one.precision is None else f"{one.precision:.3f}",
                )
                for one in b.reviews
            ],
        ),
        f"{b.lost} accepted pairs are no longer found",
        f"{b.cpu_ms:.0f} ms of processor time to compare a photo with its candidates",
    ]


def _edit_row(one: EditFigures) -> tuple[object, ...]:
    copies = max(one.copies, 1)
    return (
        one.edit,
        one.copies,
        f"{one.candidates / copies:.3f}",
        f"{one.recall:.3f}",
        f"{one.precision:.3f}",
        f"{one.identical / copies:.3f}",
        one.wrong_identical,
    )
