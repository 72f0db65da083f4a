"""What a search does: a query becomes vectors, vectors become hits, hits become listings."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from db import embeddings, listings, photos
from db.vectors.base import Filter
from ml.batching import EmbedderBusy, EmbedderClosed
from ml.calibration import CONFIDENT_FROM
from ml.preprocess import PhotoError
from services.errors import BadQuery, Conflict, IndexUnavailable, ModelUnusable, Overloaded, PhotoRejected, Unavailable
from services.search.catalogue import find_listing, find_photo
from services.search.planner import engines_to_try
from services.search.retrieval import Wanted, find_listings
from services.settings import Engine

if TYPE_CHECKING:
    from collections.abc import Sequence

    from db.models import Photo
    from db.vectors.base import Vector
    from ml.embedder import Embeddings
    from ml.score_map import ScoreMap
    from services.indexing.live import IndexSet
    from services.resources import Resources
    from services.search.retrieval import Result

log = logging.getLogger(__name__)

MAX_K = 100

_NAMES_SHOWN = 30
"""Categories that an error message names at most."""


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked for besides the picture. `k`: listings, 1 to 100."""

    k: int = 10
    where: Filter = field(default_factory=Filter)
    engine: Engine = Engine.AUTO

    def __post_init__(self) -> None:
        """Raise BadQuery for values that make no sense."""
        check_k(self.k)
        low, high = self.where.price_min, self.where.price_max
        for name, bound in (("price_min", low), ("price_max", high)):
            if bound is not None and not (np.isfinite(bound) and bound >= 0):
                raise BadQuery(name, f"is {bound}, and must be a number from 0")
        if low is not None and high is not None and low > high:
            raise BadQuery("price_min", f"is {low}, above price_max, {high}")


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
        self._categories: dict[str, int] = {}
        # Decoding takes a core and, for the largest photos, hundreds of megabytes: no more at once than cores.
        self._decoding = threading.BoundedSemaphore(resources.settings.thread_count)

    def by_photo(self, content: bytes, query: Query) -> Answer:
        """Find listings whose photos look like an uploaded one.

        Raises:
            PhotoRejected: the bytes are not a photo that we accept.
            BadQuery: the filter names an unknown category.
            Overloaded: too many photos wait to be embedded already.
            Unavailable: there is no model, or no index.
        """
        started = time.perf_counter()
        self._check_categories(query.where)
        live = self._resources.live.current()
        return self._search(live, list(self._embed(content, live.generation.model_version).vectors), query, started)

    def by_listing(self, listing_id: str, query: Query) -> Answer:
        """Find listings that look like one of the photos of a listing; the listing itself is left out.

        Raises:
            NotFound: there is no such listing.
            Conflict: none of its photos is embedded yet.
            BadQuery, Unavailable: as `by_photo`.
        """
        with self._resources.database.read() as session:
            find_listing(session, listing_id)
            stored = photos.photos_of(session, [listing_id])
        return self._by_stored(f"Listing {listing_id!r}", listing_id, stored, query)

    def by_stored_photo(self, photo_id: int, query: Query) -> Answer:
        """Find listings that look like a photo of a listing; that listing itself is left out.

        Raises:
            NotFound: there is no such photo.
            Conflict: it is not embedded yet.
            BadQuery, Unavailable: as `by_photo`.
        """
        with self._resources.database.read() as session:
            stored = find_photo(session, photo_id)
        return self._by_stored(f"Photo {photo_id}", stored.listing_id, [stored], query)

    def classify(self, content: bytes, k: int = 5) -> Classification:
        """Return the `k` likeliest categories of a photo.

        Raises:
            PhotoRejected: the bytes are not a photo that we accept.
            BadQuery: `k` is not 1 to 100.
            Overloaded: too many photos wait to be embedded already.
            Unavailable: there is no model.
        """
        check_k(k)
        version = self._resources.live.current().generation.model_version
        (probabilities,) = self._embed(content, version).probabilities
        bundle = self._resources.embedder_for(version).bundle
        order = np.argsort(-probabilities, kind="stable")[:k]
        guesses = tuple(CategoryGuess(bundle.categories[i], round(float(probabilities[i]), 4)) for i in order)
        threshold = bundle.calibration.confident_from if bundle.calibration else CONFIDENT_FROM
        return Classification(guesses, bool(probabilities[order[0]] >= threshold), bundle.version)

    def _embed(self, content: bytes, model_version: str) -> Embeddings:
        embedder = self._resources.query_embedder(model_version)
        try:
            with self._decoding:
                pixels = embedder.bundle.preprocessing.load(content, self._resources.photo_limits)
        except PhotoError as error:
            raise PhotoRejected(error.reason, str(error)) from error
        try:
            return embedder.embed(pixels[np.newaxis])
        except EmbedderBusy as busy:
            raise Overloaded("Too many photos wait to be embedded", retry_after_s=busy.retry_after_s) from busy
        except EmbedderClosed as error:  # two other models were asked for while this photo was decoded, or at shutdown
            raise Unavailable("The model is being changed, or the service stops. Try again in a moment.") from error

    def _by_stored(self, name: str, listing_id: str, stored: Sequence[Photo], query: Query) -> Answer:
        started = time.perf_counter()
        self._check_categories(query.where)
        live = self._resources.live.current()
        with self._resources.database.read() as session:
            photo_ids = [row.id for row in stored if row.id is not None]
            points = embeddings.points(session, photo_ids, model_version=live.generation.model_version)
        if not points:
            states = ", ".join(row.state for row in stored) or "it has no photo"
            raise Conflict(f"{name} has no embedded photo to search by ({states}). Try again when it has one.")
        excluded = replace(query.where, excluded_listing_ids=query.where.excluded_listing_ids | {listing_id})
        return self._search(live, [point.vector for point in points], replace(query, where=excluded), started)

    def _search(self, live: IndexSet, vectors: Sequence[Vector], query: Query, started: float) -> Answer:
        failed = dict(live.unavailable)
        wanted = Wanted(query.k, query.where, self._score_map(live.generation.model_version))
        for engine in engines_to_try(query.engine, self._resources.settings.engine, live.opened):
            try:
                results = find_listings(self._resources.database, live.index(engine), vectors, wanted)
            except OSError as error:
                log.warning("the %s index failed, trying another: %s", engine, error)
                failed[engine] = str(error)
                continue
            return Answer(
                results=results,
                model_version=live.generation.model_version,
                engine=engine.value,
                generation=live.generation.id,
                took_ms=round((time.perf_counter() - started) * 1000, 2),
            )
        raise IndexUnavailable(" and ".join(failed) or "search", "; ".join(failed.values()) or "none is open")

    def _score_map(self, model_version: str) -> ScoreMap | None:
        """Return what the model's scores are read by; None, so that cosines are shown, where it has none.

        Searches by stored vectors need nothing else of the model, so they are answered even when its bundle is gone.
        """
        try:
            calibration = self._resources.embedder_for(model_version).bundle.calibration
        except ModelUnusable as error:
            log.warning("scores are shown as cosines: %s", error)
            return None
        return calibration.score_map if calibration else None

    def _check_categories(self, where: Filter) -> None:
        """Raise BadQuery for a category that no listing is in. Counting is left to requests that name a new one."""
        if where.categories - self._categories.keys():
            with self._resources.database.read() as session:
                self._categories = listings.category_counts(session)
        if unknown := sorted(where.categories - self._categories.keys()):
            known = list(self._categories)
            more = f" and {len(known) - _NAMES_SHOWN} more" if len(known) > _NAMES_SHOWN else ""
            names = ", ".join(known[:_NAMES_SHOWN]) or "none"
            raise BadQuery("category", f"no listing is in {unknown[0]!r}; the categories are {names}{more}")


def check_k(k: int) -> None:
    """Raise BadQuery unless `k` is 1 to 100."""
    if not 1 <= k <= MAX_K:
        raise BadQuery("k", f"is {k}, and must be 1 to {MAX_K}")
