"""What is searched by, as vectors: an upload, an address, a listing, a photo, an earlier query, a buyer's taste."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from db.rows import embeddings, listings, photos
from db.rows.payloads import to_bytes
from db.rows.search_rows import query_listing, query_photo
from ml.embedding.batch_queue import EmbedderBusy, EmbedderClosed
from ml.photos.crops import WHOLE_PHOTO
from ml.photos.decode import PhotoError
from services.errors import BadQuery, Conflict, Overloaded, PhotoRejected, ResourceNotFound, ServiceUnavailable
from services.reason_codes import RejectReason
from services.search.query.lookup import LARGEST_ID
from services.search.query.photo_cache import QueryPhotos
from services.search.query.tokens import (
    ListingSubject,
    PhotoSubject,
    QuerySourceKey,
    StoredPhotoSubject,
    TasteSubject,
    decode_vector,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from db.rows.payloads import ListingFields
    from db.rows.search_rows import QueryListing, QueryPhoto
    from db.vectors.base import Vector
    from ml.embedding.embedder import Embeddings
    from ml.photos.crops import Crop
    from services.resources import Resources


_BELIEFS_KEPT = 5
"""Of the likeliest categories, kept in a token."""


@dataclass(frozen=True, slots=True)
class QuerySource:
    """What is searched by, as vectors of one model.

    Attributes:
        key: what it can be made of again.
        vectors: a result is near to any of them.
        negatives: what results should not be near to.
        seller, price, currency, place: of the listing that is asked by; a reference for filters and ranking.
        excluded: listings that are left out, since they are what is asked by.
        beliefs: the likeliest categories with their probabilities.
    """

    key: QuerySourceKey
    vectors: tuple[Vector, ...]
    negatives: tuple[Vector, ...] = ()
    seller: str = ""
    price: float | None = None
    currency: str | None = None
    place: str = ""
    excluded: frozenset[str] = frozenset()
    beliefs: tuple[tuple[str, float], ...] = ()


class QuerySources:
    """Makes subjects for the model of a generation. Safe to use from several threads."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._photos = QueryPhotos()
        # Decoding takes a core and, for the largest photos, hundreds of megabytes: no more at once than cores.
        self._decoding = threading.BoundedSemaphore(resources.settings.thread_count)

    def of_upload(self, content: bytes, crop: Crop, model_version: str) -> QuerySource:
        """Return the subject of a photo's bytes.

        Raises:
            PhotoRejected: the bytes are not a photo that we accept.
            Overloaded, Unavailable: see `embed`.
        """
        return self._embedded(content, crop, model_version, kept_as=lambda: self._photos.keep(content))

    def of_url(self, url: str, crop: Crop, model_version: str) -> QuerySource:
        """Return the subject of a photo that lies at a public address.

        Raises:
            PhotoRejected: it cannot be fetched, or is not a photo that we accept.
            Overloaded, Unavailable: see `embed`.
        """
        return self.of_upload(self._resources.photo_fetcher.fetch(url), crop, model_version)

    def of_key(self, key: QuerySourceKey, crop: Crop, model_version: str) -> QuerySource:
        """Return the subject that a key stands for; of a listing, a crop is of its first photo.

        Raises:
            NotFound: there is no such listing or photo.
            Conflict: it has no embedded photo yet, or was asked for with another model, or is forgotten.
            BadQuery: it is of several photos, and a crop is asked for.
        """
        if isinstance(key, ListingSubject):
            return self._of_listing(key, crop, model_version)
        if isinstance(key, StoredPhotoSubject):
            return self._of_photo(key, crop, model_version)
        if isinstance(key, PhotoSubject):
            return self._of_query(key, crop, model_version)
        if crop != WHOLE_PHOTO:
            raise BadQuery("crop", "is of one photo, and a recommendation is of several listings")
        return self._of_taste(key, model_version)

    def photo_of(self, key: QuerySourceKey, model_version: str) -> bytes:
        """Return the photo that a key is of; of a listing, the first one.

        Raises:
            NotFound: there is no such listing or photo, none is kept any longer, or it is of several.
        """
        if isinstance(key, TasteSubject):
            raise ResourceNotFound("photo of", "a recommendation", remedy="It is by several.")
        if isinstance(key, ListingSubject):
            photos_asked = self._asked_listing(key.listing_id, model_version).photos
        elif isinstance(key, PhotoSubject) and isinstance(key.kept_as, str):
            if (content := self._photos.find(key.kept_as)) is None:
                raise ResourceNotFound("photo that is still kept of query", key.kept_as, remedy="Send it again.")
            return content
        else:
            photo_id = key.photo_id if isinstance(key, StoredPhotoSubject) else key.kept_as
            photos_asked = self._asked_photo(int(photo_id), model_version).photos
        if not photos_asked:
            raise ResourceNotFound("photo of listing", getattr(key, "listing_id", ""))
        return self._stored_content(photos_asked[0])

    def embed(self, content: bytes, crop: Crop, model_version: str) -> Embeddings:
        """Return what the model makes of a photo, or of a part of it.

        Raises:
            PhotoRejected: the bytes are not a photo that we accept.
            Overloaded: too many photos wait to be embedded already.
            Unavailable: the model is being changed.
        """
        embedder = self._resources.query_embedder(model_version)
        try:
            with self._decoding:
                pixels = embedder.bundle.preprocessing.load(content, self._resources.photo_limits, crop)
        except PhotoError as error:
            raise PhotoRejected(RejectReason(error.reason), str(error)) from error
        try:
            return embedder.embed(pixels[np.newaxis])
        except EmbedderBusy as busy:
            raise Overloaded("Too many photos wait to be embedded", retry_after_s=busy.retry_after_s) from busy
        except EmbedderClosed as error:  # two other models were asked for while this photo was decoded, or at shutdown
            raise ServiceUnavailable(
                "The model is being changed, or the service stops. Try again in a moment."
            ) from error

    def _embedded(
        self, content: bytes, crop: Crop, model_version: str, *, kept_as: Callable[[], str | int]
    ) -> QuerySource:
        found = self.embed(content, crop, model_version)
        (vector,), (probabilities,) = found.vectors, found.probabilities
        categories = self._resources.query_embedder(model_version).bundle.categories
        likeliest = np.argsort(-probabilities, kind="stable")[:_BELIEFS_KEPT]
        beliefs = tuple((categories[row], round(float(probabilities[row]), 4)) for row in likeliest)
        key = PhotoSubject(model_version, to_bytes(vector), kept_as(), beliefs)
        return QuerySource(key, (np.asarray(vector, dtype=np.float32),), beliefs=beliefs)

    def _of_listing(self, key: ListingSubject, crop: Crop, model_version: str) -> QuerySource:
        asked = self._asked_listing(key.listing_id, model_version)
        if crop != WHOLE_PHOTO and asked.photos:
            return self._cropped(asked, crop, model_version)
        return _of_stored(key, f"Listing {asked.listing.id!r}", asked)

    def _of_photo(self, key: StoredPhotoSubject, crop: Crop, model_version: str) -> QuerySource:
        asked = self._asked_photo(key.photo_id, model_version)
        if crop != WHOLE_PHOTO:
            return self._cropped(asked, crop, model_version)
        return _of_stored(key, f"Photo {key.photo_id}", asked)

    def _asked_photo(self, photo_id: int, model_version: str) -> QueryListing:
        with self._resources.database.read() as session:
            possible = 0 < photo_id <= LARGEST_ID
            asked = query_photo(session, photo_id, model_version=model_version) if possible else None
        if asked is None:
            raise ResourceNotFound("photo", photo_id)
        return asked

    def _asked_listing(self, listing_id: str, model_version: str) -> QueryListing:
        with self._resources.database.read() as session:
            asked = query_listing(session, listing_id, model_version=model_version)
        if asked is None:
            raise ResourceNotFound("listing", listing_id)
        return asked

    def _cropped(self, asked: QueryListing, crop: Crop, model_version: str) -> QuerySource:
        photo = asked.photos[0]
        subject = self._embedded(self._stored_content(photo), crop, model_version, kept_as=lambda: photo.id)
        assert isinstance(subject.key, PhotoSubject), "what was embedded is a photo"
        key = PhotoSubject(
            model_version, subject.key.vector, subject.key.kept_as, subject.beliefs, listing_id=asked.listing.id
        )
        return _about(replace(subject, key=key), asked.listing)

    def _stored_content(self, photo: QueryPhoto) -> bytes:
        try:
            return self._resources.photo_files.read(photo.sha256)
        except FileNotFoundError as error:
            raise ResourceNotFound("file of photo", photo.id) from error

    def _of_query(self, key: PhotoSubject, crop: Crop, model_version: str) -> QuerySource:
        if crop != WHOLE_PHOTO and isinstance(key.kept_as, int):
            return self._of_photo(StoredPhotoSubject(key.kept_as), crop, model_version)
        if crop != WHOLE_PHOTO:
            return self.of_upload(self._kept(str(key.kept_as)), crop, model_version)
        if key.model_version != model_version:
            raise Conflict("The model was changed since this query_token was made. Search by the photo again.")
        vector = decode_vector(key.vector, "query_token")
        if len(vector) != self._resources.live.current().generation.vector_size:
            raise BadQuery("query_token", "is none of ours: its vector is of another size than the model's")
        subject = QuerySource(key, (vector,), beliefs=key.beliefs)
        if key.listing_id is None:
            return subject
        return _about(subject, self._asked_listing(key.listing_id, model_version).listing)

    def _kept(self, key: str) -> bytes:
        content = self._photos.find(key)
        if content is None:
            raise Conflict("The photo of this query_token is kept no longer. Send it again to search by a part of it.")
        return content

    def _of_taste(self, key: TasteSubject, model_version: str) -> QuerySource:
        positive = self._listing_vectors(key.positive, "positive", model_version)
        negative = self._listing_vectors(key.negative, "negative", model_version)
        excluded = frozenset(key.positive) | frozenset(key.negative)
        weights = key.positive_weights
        if key.query is not None:
            query = self.of_key(key.query, WHOLE_PHOTO, model_version)
            positive.append(query.vectors)
            excluded |= query.excluded
            weights = (*weights, 1.0) if weights else ()
        if key.strategy == "best_score":
            vectors, negatives = _flat(positive), _flat(negative)
            return QuerySource(key, vectors, negatives, excluded=excluded)
        vector = average_vector(_means(positive), _means(negative), weights or None, key.negative_weights or None)
        return QuerySource(key, (vector,), excluded=excluded)

    def _listing_vectors(self, listing_ids: Sequence[str], field: str, model_version: str) -> list[tuple[Vector, ...]]:
        """Return the vectors of each listing's photos, in the order of the ids.

        Raises:
            BadQuery: there is no such listing, or none of its photos is embedded.
        """
        with self._resources.database.read() as session:
            known = {row.id for row in listings.listings_by_id(session, listing_ids)}
            stored = photos.photos_of(session, sorted(known))
            photo_ids = [row.id for row in stored if row.id is not None]
            points = embeddings.points(session, photo_ids, model_version=model_version)
        by_listing: dict[str, list[Vector]] = {}
        for point in points:
            by_listing.setdefault(point.payload.listing_id, []).append(point.vector)
        for listing_id in listing_ids:
            if listing_id not in known:
                raise BadQuery(field, f"there is no listing {listing_id!r}")
            if listing_id not in by_listing:
                raise BadQuery(field, f"listing {listing_id!r} has no embedded photo yet")
        return [tuple(by_listing[listing_id]) for listing_id in listing_ids]


def average_vector(
    positive: Sequence[Vector],
    negative: Sequence[Vector],
    positive_weights: Sequence[float] | None = None,
    negative_weights: Sequence[float] | None = None,
) -> Vector:
    """Return the query of Qdrant's recommend strategy `average_vector`, at unit length.

    It is p + (p - n), where p and n are the (weighted) means of what was liked and what was not, or p alone
    (https://qdrant.tech/documentation/concepts/explore/, "Average vector strategy").

    Raises:
        BadQuery: they cancel each other out.
    """
    wanted = np.average(np.stack(positive), axis=0, weights=positive_weights).astype(np.float64)
    if len(negative):
        wanted = 2 * wanted - np.average(np.stack(negative), axis=0, weights=negative_weights)
    norm = float(np.linalg.norm(wanted))
    if norm < 1e-6:
        raise BadQuery("negative", "cancels out what is positive: nothing is left to search by")
    return np.asarray(wanted / norm, dtype=np.float32)


def _of_stored(key: QuerySourceKey, name: str, asked: QueryListing) -> QuerySource:
    embedded = [photo for photo in asked.photos if photo.vector is not None]
    if not embedded:
        states = ", ".join(photo.state for photo in asked.photos) or "it has no photo"
        raise Conflict(f"{name} has no embedded photo to search by ({states}). Try again when it has one.")
    vectors = tuple(photo.vector for photo in embedded if photo.vector is not None)
    beliefs = tuple((photo.category, round(photo.probability, 4)) for photo in embedded[:1])
    return _about(QuerySource(key, vectors, beliefs=beliefs), asked.listing)


def _about(subject: QuerySource, listing: ListingFields) -> QuerySource:
    return replace(
        subject,
        seller=listing.seller,
        price=None if listing.price is None else float(listing.price),
        currency=listing.currency,
        place=listing.location,
        excluded=frozenset({listing.id}),
    )


def _flat(vectors: Sequence[tuple[Vector, ...]]) -> tuple[Vector, ...]:
    return tuple(vector for of_listing in vectors for vector in of_listing)


def _means(vectors: Sequence[tuple[Vector, ...]]) -> list[Vector]:
    return [np.asarray(np.mean(of_listing, axis=0), dtype=np.float32) for of_listing in vectors]
