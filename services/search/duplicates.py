"""Whether a listing was listed before: copies of its photos, which are stored, and what merely looks like them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from litestar import get
from litestar.di import NamedDependency  # noqa: TC002  (Litestar reads these at run time)
from litestar.params import FromPath, QueryParameter

from db import duplicates, embeddings, photos
from db.models import Role
from db.vectors.base import Filter
from ml.duplicates import SIMILAR_FROM, Verdict
from services import wire
from services.errors import LookalikeError
from services.resources import Resources  # noqa: TC001
from services.search.answers import DUPLICATES
from services.search.catalogue import find_listing
from services.web.problems import problem_responses
from services.web.threads import Workers  # noqa: TC001

if TYPE_CHECKING:
    from collections.abc import Sequence

    from db.vectors.base import Hit
    from ml.score_map import ScoreMap

_FETCH = 3
"""Photos fetched per similar listing wanted: a listing has several."""


@get(
    "/v1/listings/{listing_id:str}/duplicates",
    tags=["search"],
    opt={"role": Role.READ},
    responses=DUPLICATES | problem_responses(400, 404, 503),
    summary="Listings with the same photos, or alike",
)
async def get_duplicates(
    listing_id: FromPath[str],
    resources: NamedDependency[Resources],
    workers: NamedDependency[Workers],
    k: Annotated[int, QueryParameter(ge=0, le=100, description="Similar listings, at most; copies are all told.")] = 10,
) -> list[wire.Duplicate]:
    """Return copies, identical ones first, then similar listings; those that were rejected are left out.

    Copies are looked for in the background, a moment after a photo is searchable.
    """
    return await workers.run(find_duplicates, resources, listing_id, k)


def find_duplicates(resources: Resources, listing_id: str, k: int) -> list[wire.Duplicate]:
    """Return the copies of a listing's photos, then up to `k` similar listings.

    Where there is no model or no index, copies alone.

    Raises:
        NotFound: there is no such listing.
    """
    with resources.database.read() as session:
        find_listing(session, listing_id)
        known = duplicates.listings_beside(session, listing_id)
        copies = duplicates.copies_of(session, listing_id)
    answers = [wire.Duplicate(one.listing_id, one.photo_id, one.verdict, one.score) for one in copies]
    try:
        similar = _similar(resources, listing_id, frozenset(known | {listing_id}), k) if k else []
    except (LookalikeError, OSError):
        similar = []
    return answers + similar


def _similar(resources: Resources, listing_id: str, known: frozenset[str], k: int) -> list[wire.Duplicate]:
    live = resources.live.current()
    calibration = resources.embedder_for(live.generation.model_version).bundle.calibration
    if calibration is None or calibration.score_map is None:
        return []
    with resources.database.read() as session:
        photo_ids = [row.id for row in photos.photos_of(session, [listing_id]) if row.id is not None]
        points = embeddings.points(session, photo_ids, model_version=live.generation.model_version)
    index = live.index(next(iter(live.opened), "faiss"))
    where = Filter(excluded_listing_ids=known)
    hits = [hit for point in points for hit in index.search(point.vector, _FETCH * k, where)]
    return _best(resources, hits, calibration.score_map)[:k]


def _best(resources: Resources, hits: Sequence[Hit], score_map: ScoreMap) -> list[wire.Duplicate]:
    """Return the listings of the hits that are likely enough the same item, each by its best photo, best first."""
    ranked = sorted(hits, key=lambda hit: (-hit.score, hit.photo_id))
    with resources.database.read() as session:
        owners = {row.id: row.listing_id for row in photos.photos_by_id(session, [hit.photo_id for hit in ranked])}
    best: dict[str, wire.Duplicate] = {}
    for hit in ranked:
        listing_id, score = owners.get(hit.photo_id), round(float(score_map(hit.score)), 4)
        if listing_id is not None and score >= SIMILAR_FROM:
            best.setdefault(listing_id, wire.Duplicate(listing_id, hit.photo_id, Verdict.SIMILAR, score))
    return list(best.values())
