"""The call that lists duplicates: stored copies of a listing's photos, then similar listings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from litestar import get
from litestar.di import NamedDependency

from db.models import Role
from db.rows import duplicates
from ml.copies.verdicts import SIMILAR_PROBABILITY, Verdict
from services import wire
from services.errors import LookalikeError, Overloaded
from services.lookup import find_listing
from services.resources import Resources
from services.search.query.keys import ListingKey
from services.search.results.scores import score_map_of
from services.search.service import SearchService
from services.search.stage_times import StageTimes
from services.web.limits.threads import WorkerThreads
from services.web.parameters import ListingIdInPath, query
from services.web.problems import problem_responses

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet


@get(
    "/v1/listings/{listing_id:str}/duplicates",
    tags=["search"],
    opt={"role": Role.READ},
    response_description="Copies, then similar listings",
    responses=problem_responses(400, 404, 503),
    summary="Find duplicates of a listing",
    operation_id="duplicates",
)
async def get_duplicates(
    listing_id: ListingIdInPath,
    resources: NamedDependency[Resources],
    search_service: NamedDependency[SearchService],
    workers: NamedDependency[WorkerThreads],
    k: Annotated[
        int,
        query("Similar listings, at most. All copies are returned.", 20, ge=0, le=100),
    ] = 10,
) -> list[wire.Duplicate]:
    """Return copies, identical ones first, then similar listings. Rejected pairs are left out.

    A background thread finds copies, shortly after a photo becomes searchable.
    """
    times = search_service.new_times()
    return await workers.run(find_duplicates, resources, search_service, listing_id, k=k, times=times)


def find_duplicates(
    resources: Resources, search: SearchService, listing_id: str, *, k: int, times: StageTimes
) -> list[wire.Duplicate]:
    """Return the copies of a listing's photos, then up to `k` similar listings.

    Without a model or an index, return only the copies.

    Raises:
        ResourceNotFound: there is no such listing.
        Overloaded: the deadline passed.
    """
    with times.reading(resources.database) as session:
        find_listing(session, listing_id)
        found = duplicates.copies_of(session, listing_id)
    answers = [wire.Duplicate(one.listing_id, one.photo_id, one.verdict, one.score) for one in found.copies]
    try:
        similar = _similar(resources, search, listing_id, found.compared, k=k, times=times) if k else []
    except Overloaded:
        raise
    except (LookalikeError, OSError):
        similar = []
    return answers + similar


def _similar(
    resources: Resources, search: SearchService, listing_id: str, known: AbstractSet[str], *, k: int, times: StageTimes
) -> list[wire.Duplicate]:
    """Return listings that are probably the same item; none if the model's scores are not calibrated."""
    version = resources.live.current().generation.model_version
    if score_map_of(resources, ListingKey(listing_id), version) is None:
        return []
    fields = wire.SearchFields(
        k=k, min_score=SIMILAR_PROBABILITY, exclude_listing=sorted(known)[: wire.MAX_FILTER_VALUES], fold_copies=False
    )
    return [
        wire.Duplicate(one.photo.listing.id, one.photo.id, Verdict.SIMILAR, one.score)
        for one in search.by_listing(listing_id, fields, times).results
        if one.photo.listing.id not in known
    ]
