"""What a search does: a query becomes vectors, vectors become hits, hits become listings."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from db import embeddings, listings, photos
from db.vectors.base import NO_FILTER, Filter
from ml.preprocess import PhotoError
from services.errors import BadQuery, Conflict, NotFound, PhotoRejected
from services.search.planner import choose_engine
from services.search.ranking import best_per_listing, merge, shown_score
from services.settings import Engine

if TYPE_CHECKING:
    from collections.abc import Sequence

    from db.models import Listing
    from db.vectors.base import Hit, Vector, VectorIndex
    from ml.embedder import Embeddings
    from services.indexing.live import IndexSet
    from services.resources import Resources

MAX_K = 100
_PHOTOS_PER_LISTING = 3
"""Photos fetched per listing wanted, at first; where listings have more, the fetch is repeated with twice as many."""

CONFIDENT_FROM = 0.5
"""The probability from which a category is called certain, where the model bundle carries no measured threshold."""


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked for besides the picture. `k`: listings, 1 to 100."""

    k: int = 10
    where: Filter = field(default_factory=Filter)
    engine: Engine = Engine.AUTO

    def __post_init__(self) -> None:
        if not 1 <= self.k <= MAX_K:
            raise BadQuery("k", f"is {self.k}, and must be 1 to {MAX_K}")
        low, high = self.where.price_min, self.where.price_max
        for name, bound in (("price_min", low), ("price_max", high)):
            if bound is not None and not (np.isfinite(bound) and bound >= 0):
                raise BadQuery(name, f"is {bound}, and must be a number from 0")
        if low is not None and high is not None and low > high:
            raise BadQuery("price_min", f"is {low}, above price_max, {high}")


@dataclass(frozen=True, slots=True)
class Result:
    """A listing found, by its best photo. `score` is in [0, 1]; see `ranking.shown_score`."""

    listing: Listing
    photo_id: int
    score: float


@dataclass(frozen=True, slots=True)
class Answer:
    """Results, best first, and what they come from."""

    results: tuple[Result, ...]
    model_version: str
    engine: str
    generation: int
    took_ms: float


@dataclass(frozen=True, slots=True)
class CategoryGuess:
    """A category with the probability that the model gives it."""

    category: str
    probability: float


@dataclass(frozen=True, slots=True)
class Classification:
    """Categories, likeliest first; `confident` when the first is likely enough to be filled in unasked."""

    categories: tuple[CategoryGuess, ...]
    confident: bool
    model_version: str


class SearchService:
    """Searches and classifies. Safe to use from several threads."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources

    def by_photo(self, content: bytes, query: Query) -> Answer:
        """Find listings whose photos look like an uploaded one.

        Raises:
            PhotoRejected: the bytes are not a photo that we accept.
            BadQuery: the filter names an unknown category.
            Unavailable: there is no model, or no index.
        """
        started = time.perf_counter()
        live = self._resources.live.current()
        return self._search(live, self._embed(content, live.generation.model_version).vectors, query, started)

    def by_listing(self, listing_id: str, query: Query) -> Answer:
        """Find listings that look like one of the photos of a listing; the listing itself is left out.

        Raises:
            NotFound: there is no such listing.
            Conflict: none of its photos is embedded yet.
        """
        started = time.perf_counter()
        live = self._resources.live.current()
        with self._resources.database.read() as session:
            if not listings.listings_by_id(session, [listing_id]):
                raise NotFound("listing", listing_id)
            photo_ids = [row.id for row in photos.photos_of(session, [listing_id]) if row.id is not None]
            points = embeddings.points(session, photo_ids, model_version=live.generation.model_version)
        if not points:
            raise Conflict(f"Listing {listing_id!r} has no embedded photo yet. Try again when its photos are embedded.")
        excluded = replace(query.where, excluded_listing_ids=query.where.excluded_listing_ids | {listing_id})
        vectors = np.stack([point.vector for point in points])
        return self._search(live, vectors, replace(query, where=excluded), started)

    def classify(self, content: bytes, k: int = 5) -> Classification:
        """Return the `k` likeliest categories of a photo.

        Raises:
            PhotoRejected: the bytes are not a photo that we accept.
        """
        version = self._resources.live.current().generation.model_version
        (probabilities,) = self._embed(content, version).probabilities
        bundle = self._resources.embedder_for(version).bundle
        order = np.argsort(-probabilities, kind="stable")[:k]
        guesses = tuple(CategoryGuess(bundle.categories[i], round(float(probabilities[i]), 4)) for i in order)
        threshold = bundle.metrics.get("confidence_threshold", CONFIDENT_FROM)
        return Classification(guesses, guesses[0].probability >= threshold, bundle.version)

    def _embed(self, content: bytes, model_version: str) -> Embeddings:
        embedder = self._resources.embedder_for(model_version)
        try:
            pixels = embedder.bundle.preprocessing.load(content, self._resources.photo_limits)
        except PhotoError as error:
            raise PhotoRejected(error.reason, str(error)) from error
        return embedder.embed(pixels[np.newaxis])

    def _search(self, live: IndexSet, vectors: np.ndarray, query: Query, started: float) -> Answer:
        self._check_categories(query.where)
        wanted = self._resources.settings.engine if query.engine == Engine.AUTO else query.engine
        engine = choose_engine(wanted, live.opened, live.unavailable)
        results = self._listings(live.index(engine), vectors, query)
        return Answer(
            results=results,
            model_version=live.generation.model_version,
            engine=engine.value,
            generation=live.generation.id,
            took_ms=round((time.perf_counter() - started) * 1000, 2),
        )

    def _listings(self, index: VectorIndex, vectors: Sequence[Vector] | np.ndarray, query: Query) -> tuple[Result, ...]:
        """Fetch photos until they make up `k` listings, or the index has no more that match."""
        fetch = query.k * _PHOTOS_PER_LISTING
        while True:
            found = [index.search(vector, fetch, query.where) for vector in vectors]
            results = self._results(merge(hit for hits in found for hit in hits))
            if len(results) >= query.k or all(len(hits) < fetch for hits in found):
                return results[: query.k]
            fetch *= 2

    def _results(self, hits: Sequence[Hit]) -> tuple[Result, ...]:
        with self._resources.database.read() as session:
            rows = photos.photos_by_id(session, [hit.photo_id for hit in hits])
            listing_of = {row.id: row.listing_id for row in rows if row.id is not None}
            best = best_per_listing(hits, listing_of)
            listing = {row.id: row for row in listings.listings_by_id(session, [listing_id for listing_id, _ in best])}
        return tuple(Result(listing[name], hit.photo_id, shown_score(hit.score)) for name, hit in best)

    def _check_categories(self, where: Filter) -> None:
        if where == NO_FILTER or not where.categories:
            return
        with self._resources.database.read() as session:
            known = listings.category_counts(session)
        for category in sorted(where.categories - set(known)):
            raise BadQuery("category", f"no listing is in {category!r}; there are {', '.join(known)}")
