"""How well copies are recognised: those that edits make of the installation's photos, and those that people judged."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from time import perf_counter, process_time
from typing import TYPE_CHECKING

import numpy as np
from more_itertools import chunked

from db.rows import duplicates, embeddings, photos
from ml.copies.verdicts import Verdict
from ml.photos.decode import PhotoError, decode
from services.bench.photo_edits import EDITS, UNTOUCHED, edited
from services.errors import BadInput
from services.indexing.photo_comparer import HITS_PER_PHOTO, PhotoComparer, distinct_candidates

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from db.models import Photo
    from db.vectors.base import Vector
    from ml.copies.verdicts import CopyMatch
    from services.ingest.pipeline.progress import Progress
    from services.resources import Resources


@dataclass(slots=True)
class EditFigures:
    """What became of the copies that one edit made.

    Attributes:
        edit: the edit's name.
        copies: how many were made.
        candidates: of how many the original was among the photos that were compared.
        found: of how many the original was called a copy, identical or edited.
        identical: of how many it was called identical.
        wrong: photos that are no copies of the original, called copies.
        wrong_identical: photos that are none, or that were changed by the edit, called identical.
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
        """The share of verdicts that were right; 1 where there was none."""
        return self.found / max(self.found + self.wrong, 1) if self.found + self.wrong else 1.0

    @property
    def recall(self) -> float:
        """The share of copies whose original was found."""
        return self.found / max(self.copies, 1)


@dataclass(slots=True)
class ReviewFigures:
    """What people decided of the pairs of listings that were found with one verdict.

    Attributes:
        verdict: of the surest pair of their photos.
        pairs: how many were found.
        accepted: of how many somebody decided that they are copies.
        rejected: of how many that they are none.
    """

    verdict: str
    pairs: int = 0
    accepted: int = 0
    rejected: int = 0

    @property
    def precision(self) -> float | None:
        """The share of those decided that are copies; None where nobody decided."""
        decided = self.accepted + self.rejected
        return self.accepted / decided if decided else None


@dataclass(frozen=True, slots=True)
class DuplicateBenchmark:
    """What was measured.

    Attributes:
        photos: how many were edited.
        gallery: among how many the copies were looked for.
        edits: by edit.
        reviews: the pairs that were found among the installation's own photos, by verdict.
        lost: pairs of listings that somebody accepted, and that are not found as the photos and the rules are now.
        cpu_ms: of the processor, to compare a photo with its candidates.
        seconds: in all.
    """

    photos: int
    gallery: int
    edits: tuple[EditFigures, ...]
    reviews: tuple[ReviewFigures, ...]
    lost: int
    cpu_ms: float
    seconds: float


def bench_finding(resources: Resources, *, limit: int, progress: Progress) -> DuplicateBenchmark:
    """Edit `limit` photos in every way, and look for each copy's original among all photos of the live index.

    The photos are of listings whose ids have a SHA-256 with an odd first byte, so that constants can be chosen on the
    others. Another photo that is a copy of the original as it is (data has real duplicates) is not counted as wrong.

    Raises:
        BadInput: there are no such photos.
        ModelMissing, ModelUnusable: there is no model to embed the copies with.
    """
    return _Bench(resources).run(limit, progress)


class _Bench:
    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._live = resources.live.current()
        self._embedder = resources.embedder_for(self._live.generation.model_version)
        self._made: dict[str, bytes] = {}
        self._comparer = PhotoComparer(self._read)
        self._figures = {name: EditFigures(name) for name in EDITS}
        self._compared_cpu, self._compared = 0.0, 0

    def run(self, limit: int, progress: Progress) -> DuplicateBenchmark:
        started, chosen = perf_counter(), self._chosen(limit)
        for number, photo in enumerate(chosen):
            progress("edit and look for", number, len(chosen))
            self._measure(photo, number)
        progress("edit and look for", len(chosen), len(chosen))
        reviews, lost = self._reviewed()
        return DuplicateBenchmark(
            photos=len(chosen),
            gallery=self._gallery,
            edits=tuple(self._figures.values()),
            reviews=reviews,
            lost=lost,
            cpu_ms=round(1000 * self._compared_cpu / max(self._compared, 1), 1),
            seconds=round(perf_counter() - started, 1),
        )

    def _reviewed(self) -> tuple[tuple[ReviewFigures, ...], int]:
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

    def _chosen(self, limit: int) -> list[Photo]:
        version = self._live.generation.model_version
        with self._resources.database.read() as session:
            ids = embeddings.embedded_ids(session, model_version=version)
            self._gallery = len(ids)
            shuffled = np.random.default_rng(0).permutation(ids).tolist()
            measured: list[Photo] = []
            for some in chunked(shuffled, 4 * limit):
                rows = {row.id: row for row in photos.photos_by_id(session, some)}
                measured += [rows[photo_id] for photo_id in some if photo_id in rows and _is_measured(rows[photo_id])]
                if len(measured) >= limit:
                    return measured[:limit]
        if not measured:
            raise BadInput("There are no photos to measure with. Ingest some, with a model.")
        return measured

    def _measure(self, photo: Photo, seed: int) -> None:
        try:
            picture = decode(self._read(photo.sha256))
        except PhotoError:
            return
        copies = {name: edited(picture, name, np.random.default_rng((seed, n))) for n, name in enumerate(EDITS)}
        loaded = np.stack([self._embedder.bundle.preprocessing.load(content) for content in copies.values()])
        vectors = self._embedder.embed(loaded).vectors
        related = {sha256 for sha256, _ in self._verdicts(photo.sha256, self._stored_vector(photo))} | {photo.sha256}
        for (name, content), vector in zip(copies.items(), vectors, strict=True):
            self._count(self._figures[name], photo.sha256, related, self._verdicts_of_made(content, vector))

    def _count(
        self, figures: EditFigures, original: str, related: set[str], verdicts: Mapping[str, CopyMatch | None]
    ) -> None:
        figures.copies += 1
        figures.candidates += original in verdicts
        for sha256, copy in verdicts.items():
            if copy is None:
                continue
            is_identical = copy.verdict == Verdict.IDENTICAL
            figures.found += sha256 == original
            figures.identical += is_identical and sha256 == original
            figures.wrong += sha256 not in related
            figures.wrong_identical += is_identical and (sha256 not in related or figures.edit not in UNTOUCHED)

    def _verdicts_of_made(self, content: bytes, vector: Vector) -> dict[str, CopyMatch | None]:
        name = hashlib.sha256(content).hexdigest() + "-made"
        self._made = {name: content}
        started = process_time()
        verdicts = dict(self._compare(name, vector))
        self._compared_cpu, self._compared = self._compared_cpu + process_time() - started, self._compared + 1
        return verdicts

    def _verdicts(self, sha256: str, vector: Vector) -> list[tuple[str, CopyMatch]]:
        return [(other, copy) for other, copy in self._compare(sha256, vector) if copy is not None]

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
        return self._made[name] if name in self._made else self._resources.photo_files.read(name)


def _is_measured(photo: Photo) -> bool:
    return hashlib.sha256(photo.listing_id.encode()).digest()[0] % 2 == 1
