"""What a search does: a query becomes vectors, vectors become candidates, candidates become ranked results."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from db.rows import listings
from ml.bundle.calibration import UNCALIBRATED_CONFIDENT_FROM
from ml.photos.crops import WHOLE_PHOTO
from services.errors import BadQuery
from services.indexing.recall_audit import RecallAuditor
from services.search.query.defaults import plain_fields, resolved, taste_of
from services.search.query.parsing import check_fields, check_k, query_of
from services.search.query.stages import StageTimes
from services.search.query.subjects import QuerySources
from services.search.query.tokens import (
    Cursor,
    ListingSubject,
    SearchOrigin,
    StoredPhotoSubject,
    decode_subject,
    encode,
    seen_hashes,
)
from services.search.results.no_results import why_empty
from services.search.results.paging import Answer, Pager
from services.search.results.ranking_pool import Pools, pool_size
from services.search.results.scores import score_map_of
from services.search.retrieval.engines import Engines

if TYPE_CHECKING:
    from collections.abc import Callable

    from db.vectors.base import Filter
    from ml.photos.crops import Crop
    from services.indexing.live import IndexSet
    from services.resources import Resources
    from services.search.query.subjects import QuerySource
    from services.search.query.tokens import QuerySourceKey
    from services.search.results.ranking_pool import RankedPool
    from services.wire import Recommendation, SearchFields, StoredSearch

log = logging.getLogger(__name__)

_NAMES_SHOWN = 30
"""Categories that an error message names at most."""


@dataclass(frozen=True, slots=True)
class CategoryGuess:
    """A category with the probability that the model gives it."""

    category: str
    probability: float


@dataclass(frozen=True, slots=True)
class PhotoClassification:
    """Categories, likeliest first; `confident` when the first is likely enough to be filled in unasked."""

    categories: tuple[CategoryGuess, ...]
    confident: bool
    model_version: str


class SearchService:
    """Searches, recommends and classifies. Safe to use from several threads."""

    def __init__(self, resources: Resources, auditor: RecallAuditor | None = None) -> None:
        self._resources = resources
        self._subjects = QuerySources(resources)
        self._auditor = auditor or RecallAuditor(resources.database, resources.live)
        engines = Engines(resources.database, self._auditor, setting=resources.settings.engine)
        self._pools = Pools(resources.database, engines)
        self._walks = Pager(resources, self._subjects, self._pools)
        self._categories: dict[str, int] = {}

    def by_photo(self, content: bytes, fields: SearchFields) -> Answer:
        """Find listings whose photos look like an uploaded one.

        Raises:
            PhotoRejected: the bytes are not a photo that we accept.
            BadQuery: a field makes no sense, or names an unknown category.
            Overloaded: too many photos wait to be embedded already, or it took too long.
            Unavailable: there is no model, or no index.
        """
        return self._first(fields, lambda crop, version: self._subjects.of_upload(content, crop, version))

    def by_url(self, url: str, fields: SearchFields) -> Answer:
        """Find listings whose photos look like the one at a public address.

        Raises:
            PhotoRejected: it cannot be fetched, or is not a photo that we accept.
            BadQuery, Overloaded, Unavailable: as `by_photo`.
        """
        return self._first(fields, lambda crop, version: self._subjects.of_url(url, crop, version))

    def by_listing(self, listing_id: str, fields: SearchFields) -> Answer:
        """Find listings that look like one of the photos of a listing; the listing itself is left out.

        Raises:
            NotFound: there is no such listing.
            Conflict: none of its photos is embedded yet.
            BadQuery, Overloaded, Unavailable: as `by_photo`.
        """
        return self._by_key(ListingSubject(listing_id), fields)

    def by_stored_photo(self, photo_id: int, fields: SearchFields) -> Answer:
        """Find listings that look like a photo of a listing; that listing itself is left out.

        Raises:
            NotFound: there is no such photo.
            Conflict: it is not embedded yet.
            BadQuery, Overloaded, Unavailable: as `by_photo`.
        """
        return self._by_key(StoredPhotoSubject(photo_id), fields)

    def by_token(self, token: str, fields: SearchFields) -> Answer:
        """Search again by what an earlier answer's `query_token` stands for, or by a part of it.

        Raises:
            BadQuery: it is no token of ours.
            Conflict: it was made with another model; or a crop is asked for, and the photo is no longer kept.
            NotFound, Overloaded, Unavailable: as `by_photo` and `by_listing`.
        """
        return self._by_key(decode_subject(token), fields)

    def stored(self, asked: StoredSearch) -> Answer:
        """Search by whichever one of its ways to name a photo a request uses.

        Raises:
            BadQuery: it uses none, or several.
        """
        ways: dict[str, Callable[..., Answer]] = {
            "listing_id": self.by_listing,
            "photo_id": self.by_stored_photo,
            "query_token": self.by_token,
            "image_url": self.by_url,
        }
        fields = plain_fields(asked)
        given = [name for name in ways if getattr(asked, name) is not None]
        if asked.cursor is not None:
            return self._walks.next_page(asked.cursor, fields, also=given)
        if len(given) != 1:
            problem = f"give one of {', '.join(ways)}, or upload an `image` as a form"
            raise BadQuery("listing_id", problem + (f"; these are {' and '.join(given)}" if given else ""))
        (name,) = given
        return ways[name](getattr(asked, name), fields)

    def recommend(self, asked: Recommendation) -> Answer:
        """Find listings for a buyer who liked some listings and not others; all of those are left out.

        Raises:
            BadQuery: it names nothing liked, an unknown listing, or weights that do not fit.
            Overloaded, Unavailable: as `by_photo`.
        """
        fields = plain_fields(asked)
        if asked.cursor is not None:
            return self._walks.next_page(
                asked.cursor, fields, also=asked.positive or asked.negative or asked.query_token
            )
        return self._by_key(taste_of(asked), fields)

    def next_page(self, cursor: str, fields: SearchFields) -> Answer:
        """Return the results that follow those of an earlier answer; see `Pager.next_page`."""
        return self._walks.next_page(cursor, fields)

    def photo_of(self, token: str) -> bytes:
        """Return the photo that a query token is of, as it was sent or is stored; of a listing, its first one.

        Raises:
            BadQuery: it is no token of ours.
            NotFound: it is kept no longer, or by another process, was deleted, or there are several.
        """
        version = self._resources.live.current().generation.model_version
        return self._subjects.photo_of(decode_subject(token), version)

    def classify(self, content: bytes, k: int = 5, crop: Crop = WHOLE_PHOTO) -> PhotoClassification:
        """Return the `k` likeliest categories of a photo, or of a part of it.

        Raises:
            PhotoRejected: the bytes are not a photo that we accept.
            BadQuery: `k` is not 1 to 100.
            Overloaded: too many photos wait to be embedded already.
            Unavailable: there is no model.
        """
        check_k(k)
        version = self._resources.live.current().generation.model_version
        (probabilities,) = self._subjects.embed(content, crop, version).probabilities
        bundle = self._resources.embedder_for(version).bundle
        order = np.argsort(-probabilities, kind="stable")[:k]
        guesses = tuple(CategoryGuess(bundle.categories[i], round(float(probabilities[i]), 4)) for i in order)
        threshold = bundle.calibration.confident_from if bundle.calibration else UNCALIBRATED_CONFIDENT_FROM
        return PhotoClassification(guesses, bool(probabilities[order[0]] >= threshold), bundle.version)

    def _by_key(self, key: QuerySourceKey, fields: SearchFields) -> Answer:
        return self._first(fields, lambda crop, version: self._subjects.of_key(key, crop, version))

    def _first(self, fields: SearchFields, subject_of: Callable[[Crop, str], QuerySource]) -> Answer:
        stages = StageTimes(self._resources.settings.request_timeout_s)
        check_fields(fields)
        asked = query_of(fields)
        self._check_categories(asked.where)
        live = self._resources.live.current()
        version = live.generation.model_version
        with stages.of("embed"):
            subject = subject_of(asked.crop, version)
        complete = resolved(fields, subject)
        query = query_of(complete)
        score_map = score_map_of(self._resources, subject.key, version)
        pool = self._pools.ranked(
            live, subject, query, count=pool_size(query, subject), score_map=score_map, stages=stages
        )
        shown = pool.results[: query.k]
        found = _found(live, pool)
        cursor = Cursor(subject.key, complete, found, seen=seen_hashes(one.photo.listing.id for one in shown))
        return Answer(
            tuple(shown),
            found,
            stages.took_ms(),
            cursor=encode(cursor) if len(pool.results) > query.k else None,
            query_token=encode(subject.key),
            beliefs=subject.beliefs,
            empty=None if shown else why_empty(pool, query, live),
        )

    def _check_categories(self, where: Filter) -> None:
        """Raise BadQuery for a category that no listing is in. Counting is left to requests that name a new one."""
        if where.categories - self._categories.keys():
            with self._resources.database.read() as session:
                self._categories = listings.category_counts(session)
        if unknown := sorted(where.categories - self._categories.keys()):
            known = list(self._categories)
            more = f" and {len(known) - _NAMES_SHOWN} more" if len(known) > _NAMES_SHOWN else ""
            names = ", ".join(map(repr, known[:_NAMES_SHOWN])) or "none"
            raise BadQuery("category", f"no listing is in {unknown[0]!r}; the categories are {names}{more}")


def _found(live: IndexSet, pool: RankedPool) -> SearchOrigin:
    choice = pool.searched.choice
    return SearchOrigin(
        live.generation.model_version,
        choice.plan.engine.value,
        choice.plan.name,
        choice.reason,
        live.generation.id,
        pool.restricted_to,
    )
