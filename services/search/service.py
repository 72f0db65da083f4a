"""What a search does: a query becomes vectors, vectors become candidates, candidates become ranked results."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from db import embeddings, listings
from db.found import found_photos
from ml.calibration import CONFIDENT_FROM
from ml.crops import WHOLE
from services.errors import BadQuery, Conflict, ModelUnusable
from services.indexing.audit import RecallAuditor
from services.search.engines import Engines
from services.search.pools import Pools, pool_size, reference_of
from services.search.query import check_fields, check_k, query_of
from services.search.ranking import Candidate, result_of
from services.search.stages import Stages
from services.search.subjects import LIKED_AT_MOST, Subjects
from services.search.tokens import (
    Cursor,
    Found,
    Frozen,
    ListingSubject,
    StoredPhotoSubject,
    TasteSubject,
    decode_cursor,
    decode_subject,
    encode,
    listing_hash,
    seen_hashes,
    unpack_hashes,
)
from services.wire import Empty, SearchFields

if TYPE_CHECKING:
    from collections.abc import Callable

    from db.vectors.base import Filter
    from ml.crops import Crop
    from ml.score_map import ScoreMap
    from services.indexing.live import IndexSet
    from services.resources import Resources
    from services.search.pools import RankedPool
    from services.search.query import Query
    from services.search.ranking import Ranked
    from services.search.subjects import Subject
    from services.search.tokens import SubjectKey
    from services.wire import Recommendation, StoredSearch

log = logging.getLogger(__name__)

MAX_DEPTH = 500
"""Listings that a walk by cursors leads to: the results that are frozen at its second page."""

_NAMES_SHOWN = 30
"""Categories that an error message names at most."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Results, best first, what they come from, and what leads on from them."""

    results: tuple[Ranked, ...]
    found: Found
    took_ms: dict[str, float]
    cursor: str | None = None
    query_token: str | None = None
    empty: Empty | None = None


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
    """Searches, recommends and classifies. Safe to use from several threads."""

    def __init__(self, resources: Resources, auditor: RecallAuditor | None = None) -> None:
        self._resources = resources
        self._subjects = Subjects(resources)
        self._auditor = auditor or RecallAuditor(resources.database, resources.live)
        engines = Engines(resources.database, self._auditor, setting=resources.settings.engine)
        self._pools = Pools(resources.database, engines)
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
            return self.next_page(asked.cursor, fields, also=given)
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
            return self.next_page(asked.cursor, fields, also=asked.positive)
        return self._by_key(_taste(asked), fields)

    def next_page(self, text: str, fields: SearchFields, *, also: object = ()) -> Answer:
        """Return the results that follow those of an earlier answer, however the index has changed since.

        No listing comes twice. None is left out that was there all along, down to `MAX_DEPTH` listings: at the second
        page their order is frozen, and travels with the cursor.

        Raises:
            BadQuery: the cursor is none of ours, or something is given besides it that it holds already.
            Conflict: the model was changed since the first page.
            Overloaded, Unavailable: as `by_photo`.
        """
        if also or msgspec.structs.replace(fields, k=10, cursor=None) != SearchFields():
            raise BadQuery("cursor", "holds the whole query: give nothing besides it but `k`")
        check_k(fields.k)
        stages = Stages(self._resources.settings.request_timeout_s)
        cursor = decode_cursor(text)
        query = query_of(msgspec.structs.replace(cursor.fields, k=fields.k))
        rest = Frozen.unpacked(cursor.rest) if cursor.rest else self._freeze(cursor, query, stages)
        with stages.of("rows"):
            shown, rest = self._take(rest, query, cursor)
        following = msgspec.structs.replace(cursor, seen=b"", rest=rest.packed()) if len(rest.photo_ids) else None
        return Answer(
            tuple(shown),
            cursor.found,
            stages.took_ms(),
            cursor=encode(following) if following else None,
            query_token=encode(cursor.subject),
            empty=None if shown else Empty("end", "There are no more results."),
        )

    def classify(self, content: bytes, k: int = 5, crop: Crop = WHOLE) -> Classification:
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
        threshold = bundle.calibration.confident_from if bundle.calibration else CONFIDENT_FROM
        return Classification(guesses, bool(probabilities[order[0]] >= threshold), bundle.version)

    def _by_key(self, key: SubjectKey, fields: SearchFields) -> Answer:
        return self._first(fields, lambda crop, version: self._subjects.of_key(key, crop, version))

    def _first(self, fields: SearchFields, subject_of: Callable[[Crop, str], Subject]) -> Answer:
        stages = Stages(self._resources.settings.request_timeout_s)
        check_fields(fields)
        asked = query_of(fields)
        self._check_categories(asked.where)
        live = self._resources.live.current()
        version = live.generation.model_version
        with stages.of("embed"):
            subject = subject_of(asked.crop, version)
        resolved = _resolved(fields, subject)
        query = query_of(resolved)
        score_map = self._score_map(subject.key, version)
        pool = self._pools.ranked(
            live, subject, query, count=pool_size(query, subject), score_map=score_map, stages=stages
        )
        shown = pool.results[: query.k]
        found = _found(live, pool)
        cursor = Cursor(subject.key, resolved, found, seen=seen_hashes(one.photo.listing.id for one in shown))
        return Answer(
            tuple(shown),
            found,
            stages.took_ms(),
            cursor=encode(cursor) if len(pool.results) > query.k else None,
            query_token=encode(subject.key),
            empty=None if shown else _why_empty(pool, query),
        )

    def _freeze(self, cursor: Cursor, query: Query, stages: Stages) -> Frozen:
        """Return what follows the first page, in order, down to `MAX_DEPTH` listings.

        Raises:
            Conflict: the model was changed since the first page.
        """
        live = self._resources.live.current()
        version = live.generation.model_version
        if version != cursor.found.model_version:
            raise Conflict("The model was changed since the first page. Search again from the start.")
        with stages.of("embed"):
            subject = self._subjects.of_key(cursor.subject, WHOLE, version)
        score_map = self._score_map(subject.key, version)
        pool = self._pools.ranked(live, subject, query, count=MAX_DEPTH, score_map=score_map, stages=stages)
        seen = unpack_hashes(cursor.seen)
        following = [one for one in pool.results if listing_hash(one.photo.listing.id) not in seen]
        following = following[: MAX_DEPTH - len(seen)]
        return Frozen.of([(one.photo.id, one.cosine) for one in following])

    def _take(self, rest: Frozen, query: Query, cursor: Cursor) -> tuple[list[Ranked], Frozen]:
        """Return the next `k` results that are still there and still pass the filter, and what comes after them."""
        score_map = self._score_map(cursor.subject, cursor.found.model_version)
        reference = reference_of(query.wishes)
        shown: list[Ranked] = []
        while len(shown) < query.k and len(rest.photo_ids):
            wanted = query.k - len(shown)
            photo_ids, cosines = rest.photo_ids[:wanted].tolist(), rest.cosines[:wanted].tolist()
            with self._resources.database.read() as session:
                photos = found_photos(session, photo_ids)
            shown += [
                result_of(Candidate(photos[photo_id], cosine), query.wishes, reference=reference, score_map=score_map)
                for photo_id, cosine in zip(photo_ids, cosines, strict=True)
                if photo_id in photos and query.where.matches(embeddings.payload_of(photos[photo_id].listing))
            ]
            rest = rest.after(wanted)
        return shown, rest

    def _score_map(self, subject: SubjectKey, model_version: str) -> ScoreMap | None:
        """Return what the model's scores are read by; None, so that cosines are shown, where it has none.

        A mean of several vectors is not one photo's: nothing was measured of its cosines. Searches by stored vectors
        need nothing else of the model, so they are answered even when its bundle is gone.
        """
        if isinstance(subject, TasteSubject) and subject.strategy == "average":
            return None
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
            names = ", ".join(map(repr, known[:_NAMES_SHOWN])) or "none"
            raise BadQuery("category", f"no listing is in {unknown[0]!r}; the categories are {names}{more}")


def plain_fields(asked: SearchFields) -> SearchFields:
    """Return the fields that every search has, without those that name what is searched by."""
    return SearchFields(**{name: getattr(asked, name) for name in SearchFields.__struct_fields__})


def _resolved(fields: SearchFields, subject: Subject) -> SearchFields:
    """Return the fields with what they leave to the listing that is asked by, so that they say all without it.

    Raises:
        BadQuery: they leave something to it that it does not have.
    """
    seller, excluded_seller = list(fields.seller), list(fields.exclude_seller)
    if fields.same_seller is not None:
        if not subject.seller:
            raise BadQuery("same_seller", "what is searched by has no seller; name one with `seller`")
        (seller if fields.same_seller else excluded_seller).append(subject.seller)
    near_price, near_currency = fields.near_price, fields.near_currency
    if near_price is None:
        near_price, near_currency = subject.price, near_currency or subject.currency
    near_place = subject.place if fields.near_place is None else fields.near_place
    if fields.price_weight and not near_price:
        raise BadQuery("price_weight", "what is searched by has no price; give `near_price`")
    if fields.place_weight and not near_place:
        raise BadQuery("place_weight", "what is searched by has no place; give `near_place`")
    return msgspec.structs.replace(
        fields,
        crop=None,
        same_seller=None,
        seller=seller,
        exclude_seller=excluded_seller,
        exclude_listing=[*fields.exclude_listing, *sorted(subject.excluded)],
        near_price=near_price if fields.price_weight else None,
        near_currency=near_currency if fields.price_weight else None,
        near_place=near_place if fields.place_weight else None,
    )


def _taste(asked: Recommendation) -> TasteSubject:
    """Return what is asked for as a subject.

    Raises:
        BadQuery: nothing is liked, too much is named, or weights do not fit.
    """
    if not asked.positive:
        raise BadQuery("positive", "name at least one listing that is liked")
    if len(asked.positive) + len(asked.negative) > LIKED_AT_MOST:
        raise BadQuery("positive", f"name at most {LIKED_AT_MOST} listings, those of `negative` included")
    for name in ("positive", "negative"):
        weights, named = getattr(asked, f"{name}_weights"), getattr(asked, name)
        if not weights:
            continue
        if asked.strategy != "average":
            raise BadQuery(f"{name}_weights", "belong to the strategy `average`")
        if len(weights) != len(named) or not all(np.isfinite(weight) and weight > 0 for weight in weights):
            raise BadQuery(f"{name}_weights", f"give one number above 0 for each of `{name}`")
    return TasteSubject(
        tuple(asked.positive),
        tuple(asked.negative),
        tuple(asked.positive_weights),
        tuple(asked.negative_weights),
        asked.strategy,
    )


def _found(live: IndexSet, pool: RankedPool) -> Found:
    choice = pool.searched.choice
    return Found(
        live.generation.model_version,
        choice.plan.engine.value,
        choice.plan.name,
        choice.reason,
        live.generation.id,
        pool.restricted_to,
    )


def _why_empty(pool: RankedPool, query: Query) -> Empty:
    matching = pool.searched.matching
    if pool.best_similarity is not None:
        detail = f"The best match has a score of {pool.best_similarity}, below min_score, {query.wishes.min_score}."
        return Empty("all_below_min_score", detail, matching, pool.best_similarity)
    return Empty(
        "filter_matches_nothing",
        "No photo of another listing passes the filter. Leave out a part of it.",
        matching,
    )
