"""Query sources: builds query vectors from an upload, a URL, a listing, a photo, a token or a recommendation."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from db.models import PhotoState
from db.rows.payloads import to_bytes
from ml.photos.crops import WHOLE_PHOTO
from services.errors import BadQuery, Conflict, ResourceNotFound
from services.fetching.photo_fetcher import Caller
from services.lookup import photo_content
from services.search.query.in_distribution import in_distribution
from services.search.query.keys import ListingKey, PhotoKey, QuerySourceKey, RecommendationKey, StoredPhotoKey
from services.search.query.photo_cache import QueryPhotoCache
from services.search.query.recommendation import average_vector, mean_vectors
from services.search.query.stored_vectors import StoredVectors
from services.search.query.tokens import decode_vector

if TYPE_CHECKING:
    from collections.abc import Callable

    from db.rows.payloads import ListingFields
    from db.rows.search_rows import QueryListing, QueryPhoto
    from db.vectors.base import Vector
    from services.resources import Resources
    from services.search.query.photo_embedder import QueryPhotoEmbedder
    from services.search.query.stored_vectors import SourceOptions

_CATEGORIES_IN_KEY = 5

_CALLER = Caller("Send the search again later", max_waiting=24)
"""A batch has 20 searches. With those being fetched, fewer than the threads that fetch: one host cannot hold all."""


@dataclass(frozen=True, slots=True)
class QuerySource:
    """What a search starts from, as vectors of one model.

    Attributes:
        key: builds the same source again.
        vectors: results are near any of them.
        negatives: vectors that results should not be near.
        seller, price, currency, place: of the source's listing; defaults for filters and ranking.
        excluded_listing_ids: the source's own listings, which are never results.
        copy_groups: the groups of copies of those listings.
        category_probabilities: the most probable categories with their probabilities.
        in_distribution: whether the photo of these categories resembles a training photo; None if that is not known.
    """

    key: QuerySourceKey
    vectors: tuple[Vector, ...]
    negatives: tuple[Vector, ...] = ()
    seller: str = ""
    price: float | None = None
    currency: str | None = None
    place: str = ""
    excluded_listing_ids: frozenset[str] = frozenset()
    copy_groups: frozenset[str] = frozenset()
    category_probabilities: tuple[tuple[str, float], ...] = ()
    in_distribution: bool | None = None


class QuerySources:
    """Builds query sources for the model of a generation. Thread-safe."""

    def __init__(self, resources: Resources, embedder: QueryPhotoEmbedder) -> None:
        self._resources, self._embedder = resources, embedder
        self._uploads = QueryPhotoCache()
        self._stored = StoredVectors(resources.database)

    def from_upload(self, content: bytes, options: SourceOptions) -> QuerySource:
        """Build the source of an uploaded photo.

        Raises:
            PhotoRejected: the bytes are no acceptable photo.
            Overloaded, ServiceUnavailable: see `QueryPhotoEmbedder.embed`.
        """
        return self._compared_with_training(self._from_content(content, options), options)

    def fetch(self, url: str, seconds: float) -> bytes:
        """Fetch the photo at a public address, within the time limit.

        Raises:
            PhotoRejected: the photo cannot be fetched.
            Overloaded: too many photos of its host are being fetched.
        """
        with self._resources.photo_fetcher.time_limit(seconds):
            return self._resources.photo_fetcher.fetch(url, _CALLER)

    def from_key(self, key: QuerySourceKey, options: SourceOptions) -> QuerySource:
        """Build the source that a key stands for; a crop of a listing is a crop of its first photo.

        Raises:
            ResourceNotFound: the listing or photo does not exist.
            Conflict: no photo is embedded yet, the model has changed, or an uploaded photo has expired.
            BadQuery: a crop of a recommendation, or a vector that does not fit the model.
        """
        if isinstance(key, ListingKey):
            return self._compared_with_training(self._from_listing(key, options), options)
        if isinstance(key, StoredPhotoKey):
            return self._compared_with_training(self._from_stored_photo(key, options), options)
        if isinstance(key, PhotoKey):
            return self._compared_with_training(self._from_earlier_photo(key, options), options)
        if options.crop != WHOLE_PHOTO:
            raise BadQuery("crop", "needs a single photo, and a recommendation combines several listings")
        return self._from_recommendation(key, options)

    def photo(self, key: QuerySourceKey, options: SourceOptions) -> bytes:
        """Return the photo of a key; for a listing, its first photo.

        Raises:
            ResourceNotFound: there is no such listing or photo, it has expired, or the key is a recommendation.
        """
        if isinstance(key, RecommendationKey):
            raise ResourceNotFound("photo of the query", "recommendation", remedy="It combines several listings.")
        if isinstance(key, ListingKey):
            stored = self._stored.listing(key.listing_id, options).photos
        elif isinstance(key, PhotoKey) and isinstance(key.photo_ref, str):
            if (content := self._uploads.find(key.photo_ref)) is None:
                remedy = "It has expired. Send it again."
                raise ResourceNotFound("stored photo of the query", key.photo_ref, remedy=remedy)
            return content
        else:
            photo_id = key.photo_id if isinstance(key, StoredPhotoKey) else key.photo_ref
            stored = self._stored.photo(int(photo_id), options).photos
        if not stored:
            raise ResourceNotFound("photo of listing", getattr(key, "listing_id", ""))
        return self._content(stored[0])

    def _compared_with_training(self, source: QuerySource, options: SourceOptions) -> QuerySource:
        """Return the source with `in_distribution`, of its first photo, whose categories it has."""
        known = in_distribution(self._resources, options.model_version, source.vectors[0])
        return replace(source, in_distribution=known)

    def _from_content(self, content: bytes, options: SourceOptions) -> QuerySource:
        return self._embedded(content, options, photo_ref=lambda: self._uploads.add(content))

    def _embedded(
        self,
        content: bytes,
        options: SourceOptions,
        *,
        photo_ref: Callable[[], str | int],
        listing_id: str | None = None,
    ) -> QuerySource:
        embeddings = self._embedder.embed(content, options.crop, options.model_version, wait_s=options.times.left_s())
        (vector,), (probabilities,) = embeddings.vectors, embeddings.probabilities
        names = self._resources.query_embedder(options.model_version).bundle.categories
        most_probable = np.argsort(-probabilities, kind="stable")[:_CATEGORIES_IN_KEY]
        categories = tuple((names[row], round(float(probabilities[row]), 4)) for row in most_probable)
        key = PhotoKey(options.model_version, to_bytes(vector), photo_ref(), categories, listing_id)
        return QuerySource(key, (np.asarray(vector, dtype=np.float32),), category_probabilities=categories)

    def _from_listing(self, key: ListingKey, options: SourceOptions) -> QuerySource:
        listing = self._stored.listing(key.listing_id, options)
        if options.crop != WHOLE_PHOTO and listing.photos:
            return self._cropped(listing, options)
        return _from_stored_vectors(key, f"Listing {key.listing_id!r}", listing)

    def _from_stored_photo(self, key: StoredPhotoKey, options: SourceOptions) -> QuerySource:
        listing = self._stored.photo(key.photo_id, options)
        if options.crop != WHOLE_PHOTO:
            return self._cropped(listing, options)
        return _from_stored_vectors(key, f"Photo {key.photo_id}", listing)

    def _cropped(self, listing: QueryListing, options: SourceOptions) -> QuerySource:
        photo = listing.photos[0]
        source = self._embedded(
            self._content(photo),
            options,
            photo_ref=lambda: photo.id,
            listing_id=listing.listing.id,
        )
        return _with_listing(source, listing.listing)

    def _content(self, photo: QueryPhoto) -> bytes:
        return photo_content(self._resources.photo_files, photo.id, photo.sha256)

    def _from_earlier_photo(self, key: PhotoKey, options: SourceOptions) -> QuerySource:
        if options.crop != WHOLE_PHOTO and isinstance(key.photo_ref, int):
            return self._from_stored_photo(StoredPhotoKey(key.photo_ref), options)
        if options.crop != WHOLE_PHOTO:
            return self._from_content(self._uploaded(str(key.photo_ref)), options)
        if key.model_version != options.model_version:
            raise Conflict("The model has changed since this query_token was issued. Search by the photo again.")
        vector = decode_vector(key.vector)
        if len(vector) != self._resources.live.current().generation.vector_size:
            raise BadQuery("query_token", "is not valid: its vector does not have the size of the model's vectors")
        source = QuerySource(key, (vector,), category_probabilities=key.category_probabilities)
        if key.listing_id is None:
            return source
        return _with_listing(source, self._stored.listing(key.listing_id, options).listing)

    def _uploaded(self, photo_ref: str) -> bytes:
        content = self._uploads.find(photo_ref)
        if content is None:
            raise Conflict("The photo of this query_token has expired. Send it again to search by a part of it.")
        return content

    def _from_recommendation(self, key: RecommendationKey, options: SourceOptions) -> QuerySource:
        liked = self._stored.of_listings(key.positive, "positive", options)
        disliked = self._stored.of_listings(key.negative, "negative", options)
        positive, negative = liked.vectors, disliked.vectors
        own = QuerySource(
            key,
            (),
            excluded_listing_ids=frozenset(key.positive) | frozenset(key.negative),
            copy_groups=liked.copy_groups | disliked.copy_groups,
        )
        weights = key.positive_weights
        if key.query is not None:
            query = self.from_key(key.query, options)
            positive.append(query.vectors)
            own = replace(
                own,
                excluded_listing_ids=own.excluded_listing_ids | query.excluded_listing_ids,
                copy_groups=own.copy_groups | query.copy_groups,
            )
            weights = (*weights, 1.0) if weights else ()
        if key.strategy == "best_score":
            return replace(own, vectors=_flat(positive), negatives=_flat(negative))
        vector = average_vector(
            mean_vectors(positive),
            mean_vectors(negative),
            positive_weights=weights or None,
            negative_weights=key.negative_weights or None,
        )
        return replace(own, vectors=(vector,))


def _from_stored_vectors(key: QuerySourceKey, name: str, listing: QueryListing) -> QuerySource:
    embedded = [photo for photo in listing.photos if photo.vector is not None]
    if not embedded:
        if listing.photos and all(photo.state == PhotoState.SET_ASIDE for photo in listing.photos):
            raise Conflict(f"{name} has only photos that many listings share, which are set aside. Search by another.")
        states = ", ".join(photo.state for photo in listing.photos) or "it has no photo"
        raise Conflict(f"{name} has no embedded photo to search by ({states}). Try again once it has one.")
    vectors = tuple(photo.vector for photo in embedded if photo.vector is not None)
    categories = tuple((photo.category, round(photo.probability, 4)) for photo in embedded[:1])
    return _with_listing(QuerySource(key, vectors, category_probabilities=categories), listing.listing)


def _with_listing(source: QuerySource, listing: ListingFields) -> QuerySource:
    return replace(
        source,
        seller=listing.seller,
        price=None if listing.price is None else float(listing.price),
        currency=listing.currency,
        place=listing.location,
        excluded_listing_ids=frozenset({listing.id}),
        copy_groups=frozenset([listing.copy_group] if listing.copy_group else []),
    )


def _flat(vectors: list[tuple[Vector, ...]]) -> tuple[Vector, ...]:
    return tuple(vector for of_listing in vectors for vector in of_listing)
