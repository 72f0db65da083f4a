"""What the search app takes and answers, as JSON has it: the one description that the app and its client share."""

from __future__ import annotations

from typing import Literal

import msgspec

from services.settings import Engine  # noqa: TC001  (msgspec reads the annotations at run time)

MAX_K = 100
"""Results that one answer may have."""

Strategy = Literal["average", "best_score"]


class SearchFields(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What results must satisfy, all together, how they are ranked, and how many of them to answer.

    Attributes:
        k: listings, 1 to 100.
        category: any of these first levels of the category path.
        category_path: the first levels of the path: `Home & Garden / Lamps`.
        price_min, price_max: inclusive; they leave out listings without a price.
        currency: ISO 4217 code of the price.
        location: a place, or one comma-separated part of it; `region`: its last part.
        max_age_days: days since the listing was listed.
        seller: any of these; `exclude_seller`: none of these.
        same_seller: only listings of the seller whose listing is asked by (true), or only of others (false; of a
            listing without a seller, all are others).
        exclude_listing: none of these, such as those already seen.
        min_score: least similarity, in [0, 1].
        diversity: 0, the most similar results, to 1, results that differ most from each other.
        price_weight, place_weight, recency_weight: 0 to 1, how far a result's score falls with its distance in price,
            in place, and with its age; see `why` of a result.
        near_price, near_currency, near_place: what price and place are compared with; those of the listing asked by, if
            left out. A price in another currency than `near_currency` is no nearer than none.
        category_aware: prefer the categories that the model sees in the photo, where it is sure enough.
        crop: the part of the photo to search by: `x,y,width,height`, in shares of its sides from its upper left.
        engine: the index to ask; the answer says which one did.
        cursor: where the answer before ended; nothing else but `k` is given with it.
    """

    k: int = 10
    category: list[str] = []
    category_path: str | None = None
    price_min: float | None = None
    price_max: float | None = None
    currency: str | None = None
    location: str | None = None
    region: str | None = None
    max_age_days: float | None = None
    seller: list[str] = []
    exclude_seller: list[str] = []
    same_seller: bool | None = None
    exclude_listing: list[str] = []
    min_score: float | None = None
    diversity: float = 0.0
    price_weight: float = 0.0
    place_weight: float = 0.0
    recency_weight: float = 0.0
    near_price: float | None = None
    near_currency: str | None = None
    near_place: str | None = None
    category_aware: bool | None = None
    crop: str | None = None
    engine: Engine | None = None
    cursor: str | None = None


class StoredSearch(SearchFields, kw_only=True):
    """A search by what is known: a listing, one photo of it, an earlier query, or a photo's address."""

    listing_id: str | None = None
    photo_id: int | None = None
    query_token: str | None = None
    image_url: str | None = None


class BatchSearch(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Several searches at once."""

    queries: list[StoredSearch]


class Recommendation(SearchFields, kw_only=True):
    """What to recommend to a buyer who liked some listings and not others.

    Attributes:
        positive, negative: listing ids.
        query_token: an earlier search by a photo or a listing, which counts as one more that is liked, with a weight
            of 1.
        positive_weights, negative_weights: one for each, above 0; only with the strategy `average`.
        strategy: `average` searches by the mean of what was liked, moved away from what was not; `best_score` by each
            of what was liked, and puts what is nearer to something that was not behind everything else.
    """

    positive: list[str] = []
    negative: list[str] = []
    query_token: str | None = None
    positive_weights: list[float] = []
    negative_weights: list[float] = []
    strategy: Strategy = "average"


class ListingSummary(msgspec.Struct, omit_defaults=True):
    """A listing, by one of its photos; `photo_url` leads to it, and may be kept."""

    listing_id: str
    photo_id: int
    title: str
    category: str
    price: float | None
    currency: str | None
    location: str
    photo_url: str


class Result(ListingSummary):
    """A listing found, by its best photo.

    `score` is in [0, 1]: the probability that the two photos show the same item, as measured for the model; with a
    model that was not calibrated, and for recommendations, the cosine of the two vectors. 1 is the same picture.
    `why`, where weights were asked for, names the factors, each in [0, 1], whose product `score` is.
    """

    score: float
    why: dict[str, float] | None = None


class CategoryProbability(msgspec.Struct):
    """A category with the probability that the model gives it."""

    category: str
    probability: float


class Plan(msgspec.Struct):
    """How the answer was found: by which index, how it searched, and why that way."""

    name: str
    reason: str


class Empty(msgspec.Struct):
    """Why there is no result.

    Attributes:
        reason: `filter_matches_nothing`, `all_below_min_score`, or `end`: a cursor led past the last result.
        matching_photos: photos that pass the filter; None where it was not counted.
        best_score: of what passes the filter but not `min_score`.
    """

    reason: Literal["filter_matches_nothing", "all_below_min_score", "end"]
    detail: str
    matching_photos: int | None = None
    best_score: float | None = None


class SearchAnswer(msgspec.Struct, omit_defaults=True):
    """Results, best first, one per listing.

    Attributes:
        cursor: asks for the results after these; None at the end, or after 500 listings.
        query_token: asks again by the same photo, without sending or embedding it again.
        engine: the index that answered, and `plan`, how.
        generation: of the index.
        took_ms: milliseconds by stage, and in `total`.
        categories: what the model sees in the photo that is asked by, likeliest first; not with later pages.
        restricted_to: the categories that `category_aware` put first.
        empty: why there is no result.
    """

    results: list[Result]
    model_version: str
    engine: str
    plan: Plan
    generation: int
    took_ms: dict[str, float]
    cursor: str | None = None
    query_token: str | None = None
    categories: list[CategoryProbability] | None = None
    restricted_to: list[str] | None = None
    empty: Empty | None = None


class BatchProblem(msgspec.Struct, omit_defaults=True):
    """Why one search of several could not be answered."""

    status: int
    title: str
    detail: str
    field: str | None = None
    reason: str | None = None


class BatchEntry(msgspec.Struct, omit_defaults=True):
    """The answer to one search of several, or what was wrong with it."""

    answer: SearchAnswer | None = None
    problem: BatchProblem | None = None


class BatchAnswer(msgspec.Struct):
    """An entry for each search, in their order."""

    answers: list[BatchEntry]


class Classification(msgspec.Struct):
    """Categories, likeliest first; `confident` when the first may be filled in unasked."""

    categories: list[CategoryProbability]
    confident: bool
    model_version: str


class NewestListings(msgspec.Struct):
    """Listings, the latest first; `cursor` leads to those before them, and is null when there are none."""

    listings: list[ListingSummary]
    cursor: str | None


class CategoryCount(msgspec.Struct):
    """A category with its number of listings."""

    category: str
    listings: int


class ListingPhoto(msgspec.Struct):
    """A photo of a listing; `state` is pending, embedded or failed."""

    photo_id: int
    state: str
    width: int
    height: int
    url: str
    thumbnail_url: str


class ListingAnswer(msgspec.Struct):
    """A listing with its photos; `listed_at` is an ISO 8601 time."""

    listing_id: str
    title: str
    description: str
    category: str
    category_path: list[str]
    price: float | None
    currency: str | None
    location: str
    region: str
    seller: str
    listed_at: str
    flags: list[str]
    photos: list[ListingPhoto]


class Duplicate(msgspec.Struct):
    """Another listing, by its photo that is nearest.

    `verdict`: identical, same photo edited, or similar. `score`, 0 to 1: of a copy, the share of the picture that shows
    the same; of a similar one, the probability that it is the same item.
    """

    listing_id: str
    photo_id: int
    verdict: str
    score: float
