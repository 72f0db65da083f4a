"""Walking through the results of a search: what an answer is, and the pages that follow the first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from db.rows.payloads import payload_of
from db.rows.search_rows import photos_with_listings
from ml.photos.crops import WHOLE_PHOTO
from services.errors import BadQuery, Conflict
from services.search.query.parsing import check_k, query_of
from services.search.query.stages import StageTimes
from services.search.query.tokens import Frozen, decode_cursor, encode, listing_hash, unpack_hashes
from services.search.results.ranking import scored
from services.search.results.ranking_pool import reference_of
from services.search.results.scores import score_map_of
from services.search.retrieval.candidates import Candidate
from services.wire import Empty, SearchFields

if TYPE_CHECKING:
    from services.resources import Resources
    from services.search.query.parsing import Query
    from services.search.query.subjects import QuerySources
    from services.search.query.tokens import Cursor, SearchOrigin
    from services.search.results.ranking import Ranked
    from services.search.results.ranking_pool import Pools


MAX_DEPTH = 500
"""Listings that a walk by cursors leads to: the results that are frozen at its second page."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Results, best first, what they come from, and what leads on from them.

    `beliefs`: the likeliest categories of what is asked by, with their probabilities.
    """

    results: tuple[Ranked, ...]
    found: SearchOrigin
    took_ms: dict[str, float]
    cursor: str | None = None
    query_token: str | None = None
    beliefs: tuple[tuple[str, float], ...] = ()
    empty: Empty | None = None


class Pager:
    """Leads on from one page to the next. Safe to use from several threads."""

    def __init__(self, resources: Resources, subjects: QuerySources, pools: Pools) -> None:
        self._resources, self._subjects, self._pools = resources, subjects, pools

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
        stages = StageTimes(self._resources.settings.request_timeout_s)
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

    def _freeze(self, cursor: Cursor, query: Query, stages: StageTimes) -> Frozen:
        """Return what follows the first page, in order, down to `MAX_DEPTH` listings.

        Raises:
            Conflict: the model was changed since the first page.
        """
        live = self._resources.live.current()
        version = live.generation.model_version
        if version != cursor.found.model_version:
            raise Conflict("The model was changed since the first page. Search again from the start.")
        with stages.of("embed"):
            subject = self._subjects.of_key(cursor.subject, WHOLE_PHOTO, version)
        score_map = score_map_of(self._resources, subject.key, version)
        pool = self._pools.ranked(live, subject, query, count=MAX_DEPTH, score_map=score_map, stages=stages)
        seen = unpack_hashes(cursor.seen)
        following = [one for one in pool.results if listing_hash(one.photo.listing.id) not in seen]
        following = following[: MAX_DEPTH - len(seen)]
        return Frozen.of([(one.photo.id, one.cosine) for one in following])

    def _take(self, rest: Frozen, query: Query, cursor: Cursor) -> tuple[list[Ranked], Frozen]:
        """Return the next `k` results that are still there and still pass the filter, and what comes after them."""
        score_map = score_map_of(self._resources, cursor.subject, cursor.found.model_version)
        reference = reference_of(query.wishes)
        shown: list[Ranked] = []
        while len(shown) < query.k and len(rest.photo_ids):
            wanted = query.k - len(shown)
            photo_ids, cosines = rest.photo_ids[:wanted].tolist(), rest.cosines[:wanted].tolist()
            with self._resources.database.read() as session:
                photos = photos_with_listings(session, photo_ids)
            passing = [
                Candidate(photos[photo_id], cosine)
                for photo_id, cosine in zip(photo_ids, cosines, strict=True)
                if photo_id in photos and query.where.matches(payload_of(photos[photo_id].listing))
            ]
            shown += scored(passing, query.wishes, reference=reference, score_map=score_map)
            rest = rest.after(wanted)
        return shown, rest
