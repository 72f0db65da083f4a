"""Searches, recommends and classifies: query source, candidates, ranking, page."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING

import msgspec

from ml.photos.crops import WHOLE_PHOTO
from ml.text.classifier import Words
from services.errors import BadQuery
from services.indexing.recall_audit import RecallAuditor
from services.search.classification import Classifier
from services.search.query.categories import KnownCategories
from services.search.query.defaults import source_defaults
from services.search.query.keys import ListingKey, StoredPhotoKey
from services.search.query.parsing import check_list_lengths, plain_fields, query_of
from services.search.query.photo_embedder import QueryPhotoEmbedder
from services.search.query.recommendation import recommendation_key
from services.search.query.sources import QuerySources
from services.search.query.stored_vectors import SourceOptions
from services.search.query.tokens import Cursor, SearchOrigin, Tokens, listing_hashes
from services.search.results.copies import CopyFolder
from services.search.results.facets import count_facets
from services.search.results.no_results import explain_no_results
from services.search.results.paging import Pager, ResultPage
from services.search.results.ranking_pool import PoolRanker, PoolRequest, pool_size
from services.search.results.scores import score_kind, score_map_of
from services.search.retrieval.engines import Engines
from services.search.stage_times import StageTimes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ml.photos.crops import Crop
    from services import wire
    from services.indexing.live import IndexSet
    from services.resources import Resources
    from services.search.query.keys import QuerySourceKey
    from services.search.query.parsing import Query
    from services.search.query.sources import QuerySource
    from services.search.results.ranking_pool import RankedPool
    from services.wire import Recommendation, SearchFields, StoredSearch

_SOURCES = ("listing_id", "photo_id", "query_token", "image_url")


class SearchService:
    """Searches, recommends and classifies. Thread-safe."""

    def __init__(self, resources: Resources, auditor: RecallAuditor | None = None) -> None:
        self._resources = resources
        self._embedder = QueryPhotoEmbedder(resources)
        self._sources = QuerySources(resources, self._embedder)
        self._classifier = Classifier(resources, self._embedder)
        self._categories = KnownCategories(resources)
        auditor = auditor or RecallAuditor(resources.database, resources.live)
        engines = Engines(
            resources.database,
            auditor,
            setting=resources.settings.engine,
            report_failure=resources.live.report_failure,
        )
        self._ranker = PoolRanker(resources.database, engines)
        self._copies = CopyFolder(resources.database)
        self._tokens = Tokens(resources.signer)
        self._pager = Pager(resources, self._sources, self._ranker, self._copies, tokens=self._tokens)

    def by_photo(self, content: bytes, fields: SearchFields, times: StageTimes | None = None) -> ResultPage:
        """Find listings whose photos look like an uploaded photo.

        Raises:
            PhotoRejected: the bytes are no acceptable photo.
            BadQuery: a field is malformed or out of range, or names an unknown category.
            Overloaded: too many photos are waiting to be embedded, or the search takes too long.
            ServiceUnavailable: there is no model or no index.
        """
        return self._first_page(fields, lambda options: self._sources.from_upload(content, options), times)

    def fetch(self, request: StoredSearch, times: StageTimes | None = None) -> bytes:
        """Check a request by `image_url`, and return the photo for `by_photo`.

        Raises:
            PhotoRejected: the photo cannot be fetched.
            BadQuery: the request names another source too, or a field is malformed or out of range.
            Overloaded: too many photos of the same host are being fetched, or the deadline passed.
        """
        times = times or self.new_times()
        _named_source(request)
        self._checked(plain_fields(request), times)
        assert request.image_url is not None, "only requests by URL are fetched"
        return self._sources.fetch(request.image_url, times.left_s())

    def by_listing(self, listing_id: str, fields: SearchFields, times: StageTimes | None = None) -> ResultPage:
        """Find listings that look like a listing, which is not a result itself.

        Raises:
            ResourceNotFound: there is no such listing.
            Conflict: none of its photos is embedded yet.
            BadQuery, Overloaded, ServiceUnavailable: see `by_photo`.
        """
        return self._by_key(ListingKey(listing_id), fields, times)

    def by_stored_photo(self, photo_id: int, fields: SearchFields, times: StageTimes | None = None) -> ResultPage:
        """Find listings that look like a photo of a listing, which is not a result itself.

        Raises:
            ResourceNotFound: there is no such photo.
            Conflict: it is not embedded yet.
            BadQuery, Overloaded, ServiceUnavailable: see `by_photo`.
        """
        return self._by_key(StoredPhotoKey(photo_id), fields, times)

    def by_token(self, token: str, fields: SearchFields, times: StageTimes | None = None) -> ResultPage:
        """Search again by the source of an earlier page, or by a part of its photo.

        Raises:
            BadQuery: the token is not valid or has expired.
            Conflict: the model has changed since, or a crop is requested and the photo has expired.
            ResourceNotFound, Overloaded, ServiceUnavailable: see `by_photo` and `by_listing`.
        """
        return self._by_key(self._tokens.read_query_token(token), fields, times)

    def search(self, request: StoredSearch, times: StageTimes | None = None) -> ResultPage:
        """Search by the one source that a request names, or return the page of its cursor.

        Raises:
            BadQuery: the request names no source, or several.
        """
        times = times or self.new_times()
        fields = plain_fields(request)
        if request.cursor is not None:
            return self._pager.next_page(request.cursor, fields, times, source_fields=_named_sources(request))
        name = _named_source(request)
        if name == "image_url":
            return self.by_photo(self.fetch(request, times), fields, times)
        searches: dict[str, Callable[..., ResultPage]] = {
            "listing_id": self.by_listing,
            "photo_id": self.by_stored_photo,
            "query_token": self.by_token,
        }
        return searches[name](getattr(request, name), fields, times)

    def recommend(self, request: Recommendation, times: StageTimes | None = None) -> ResultPage:
        """Find listings for a buyer who liked some listings and disliked others, none of which are results.

        Raises:
            BadQuery: nothing is liked, a listing is unknown, or the weights are unsuitable.
            Overloaded, ServiceUnavailable: see `by_photo`.
        """
        fields = plain_fields(request)
        if request.cursor is not None:
            source_fields = request.positive or request.negative or request.query_token
            return self._pager.next_page(request.cursor, fields, times or self.new_times(), source_fields=source_fields)
        query = None if request.query_token is None else self._tokens.read_query_token(request.query_token)
        return self._by_key(recommendation_key(request, query), fields, times)

    def next_page(self, cursor: str, fields: SearchFields, times: StageTimes | None = None) -> ResultPage:
        """Return the page that a cursor leads to; see `Pager.next_page`."""
        return self._pager.next_page(cursor, fields, times or self.new_times())

    def query_photo(self, token: str, times: StageTimes | None = None) -> bytes:
        """Return the photo behind a query token, as it was sent or is stored; for a listing, its first photo.

        Raises:
            BadQuery: the token is not valid or has expired.
            ResourceNotFound: the photo has expired or was deleted, or the token is of a recommendation.
        """
        key = self._tokens.read_query_token(token)
        version = self._resources.live.current().generation.model_version
        return self._sources.photo(key, SourceOptions(version, times or self.new_times()))

    def classify(
        self,
        photos: Sequence[bytes],
        words: Words = Words(),  # noqa: B008 - immutable
        *,
        k: int = 5,
        crop: Crop = WHOLE_PHOTO,
        times: StageTimes | None = None,
    ) -> wire.Classification:
        """Return the `k` most probable categories of an item.

        Args:
            photos: up to `wire.MAX_CLASSIFIED_PHOTOS` photos of the item.
            words: what the seller wrote. Photos or words may be missing, but not both.
            k: number of categories.
            crop: the part of each photo that shows the item.
            times: the clock of the request.

        Raises:
            PhotoRejected: the bytes of a photo are no acceptable photo.
            BadQuery: `k` is not 1 to 100, or nothing is known of the item.
            Conflict: there are only words, and the model knows none.
            Overloaded: too many photos are waiting to be embedded.
            ServiceUnavailable: there is no model.
        """
        return self._classifier.classify(photos, words, k=k, crop=crop, times=times or self.new_times())

    def new_times(self) -> StageTimes:
        """Start the clock of a request, which ends at its deadline. Methods without one start their own."""
        return StageTimes(self._resources.settings.request_timeout_s)

    def _by_key(self, key: QuerySourceKey, fields: SearchFields, times: StageTimes | None) -> ResultPage:
        return self._first_page(fields, lambda options: self._sources.from_key(key, options), times)

    def _checked(self, fields: SearchFields, times: StageTimes) -> tuple[Query, SearchFields]:
        """Parse the fields, and return them with the categories as the catalogue spells them."""
        check_list_lengths(fields)
        query = query_of(fields)
        if not fields.category:
            return query, fields
        categories = self._categories.spelt(query.where.categories, times)
        query = replace(query, where=replace(query.where, categories=categories))
        return query, msgspec.structs.replace(fields, category=sorted(categories))

    def _first_page(
        self,
        fields: SearchFields,
        build_source: Callable[[SourceOptions], QuerySource],
        times: StageTimes | None,
    ) -> ResultPage:
        times = times or self.new_times()
        query, fields = self._checked(fields, times)
        live = self._resources.live.current()
        version = live.generation.model_version
        with times.stage("embed"):
            source = build_source(SourceOptions(version, times, query.crop))
        source = self._copies.without_own_copies(source, query, times)
        defaults = source_defaults(query, source)
        query = defaults.complete_query(query)
        score_map = score_map_of(self._resources, source.key, version)
        request = PoolRequest(source, query, pool_size(query, source), score_map)
        pool = self._ranker.rank(live, request, times)
        results = self._copies.with_copies(pool.results[: query.k], request, model_version=version, times=times)
        facets = count_facets(live, query.where, fields.facets, database=self._resources.database, times=times)
        origin = _origin(live, pool)
        cursor = None
        if len(pool.results) > query.k:
            shown = chain.from_iterable((one, *one.also_offered_by) for one in results)
            seen = listing_hashes(one.photo.listing.id for one in shown)
            cursor = self._tokens.cursor(Cursor(source.key, defaults.complete_fields(fields), origin, seen))
        return ResultPage(
            tuple(results),
            origin,
            score_kind(score_map),
            times.took_ms(),
            cursor=cursor,
            query_token=self._tokens.query_token(source.key),
            category_probabilities=source.category_probabilities,
            in_distribution=source.in_distribution,
            facets=facets,
            empty=None if results else explain_no_results(pool, query, live),
        )


def _named_sources(request: StoredSearch) -> list[str]:
    return [name for name in _SOURCES if getattr(request, name) is not None]


def _named_source(request: StoredSearch) -> str:
    """Return the field of the request's one source.

    Raises:
        BadQuery: it names no source, or several.
    """
    named = _named_sources(request)
    if len(named) != 1:
        problem = f"give exactly one of {', '.join(_SOURCES)}, or upload an `image` as a form"
        raise BadQuery("listing_id", problem + (f"; the request has {' and '.join(named)}" if named else ""))
    return named[0]


def _origin(live: IndexSet, pool: RankedPool) -> SearchOrigin:
    choice = pool.engine_result.choice
    return SearchOrigin(
        live.generation.model_version,
        choice.plan.engine.value,
        choice.plan.name,
        choice.reason,
        live.generation.id,
        pool.restricted_to,
    )
