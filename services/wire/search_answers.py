"""The answers of the search app. The app, its client and the API's description share these structs."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from services.wire.attributes import AttributeValue, FacetAnswer
from services.wire.examples import example_of
from services.wire.fields import described, example

ListingId = Annotated[str, described("The marketplace's own id of the listing.", "lamp-2")]
PhotoId = Annotated[int, described("Id of the photo; `/v1/photos/{photo_id}` returns its file.", 7)]
Title = Annotated[str, example("Brass desk lamp")]
Category = Annotated[str, described("First level of the category path.", "Home & Garden")]
Price = Annotated[float | None, example(24.5)]
Currency = Annotated[str | None, described("ISO 4217 code of the price.", "GBP")]
Location = Annotated[str, example("Delph, Manchester")]
Url = Annotated[str, described("The listing's page in the shop.", "https://shop.example/lamp-2")]
Seller = Annotated[str, described("The marketplace's id of the seller; absent if it is unknown.", "seller-9")]
Sold = Annotated[bool, described("Whether the listing is no longer for sale.", False)]
AttributeValues = Annotated[dict[str, AttributeValue], example({"brand": "Acme", "size": 3.5, "boxed": True})]
InDistribution = Annotated[
    bool | None,
    described(
        "Whether the photo resembles photos that the model was trained on. If false, the photo is unlike anything that "
        "the model knows, and the categories are guesses. Null if the model cannot tell.",
        True,
    ),
]
ScoreKind = Annotated[
    Literal["probability", "cosine"],
    described(
        "What a result's similarity is. `probability`: the calibrated probability that both photos show the same item. "
        "`cosine`: the cosine of the two vectors, which says which result is nearer, but not whether it is the same "
        "item. Cosines are shown if the model is not calibrated, and for recommendations by `average`.",
        "probability",
    ),
]
ModelVersion = Annotated[str, described("The model that embedded the photos.", "resnet50-2026-03-01")]


class ListingSummary(msgspec.Struct, omit_defaults=True):
    """A listing with one of its photos."""

    listing_id: ListingId
    photo_id: PhotoId
    title: Title
    category: Category
    price: Price
    currency: Currency
    location: Location
    photo_url: Annotated[
        str,
        described("Path of the photo's file, which clients may cache for ever.", "/v1/photos/7?v=9f86d081884c7d65"),
    ]
    url: Url = ""
    sold: Sold = False
    attributes: AttributeValues = {}
    seller: Seller = ""


class OtherOffer(msgspec.Struct, omit_defaults=True):
    """Another listing of the same item, with its photo nearest to the query."""

    listing_id: ListingId
    photo_id: PhotoId
    title: Title
    price: Price
    currency: Currency
    location: Location
    thumbnail_url: Annotated[str, described("Path of the photo's thumbnail.", "/v1/photos/7/thumbnail?v=9f86d081")]
    similarity: Annotated[float, described("0 to 1, like a result's `score` without weights.", 0.8519)]
    seller: Seller = ""
    url: Url = ""
    sold: Sold = False


class Result(ListingSummary, kw_only=True):
    """A listing that was found, with its best photo."""

    score: Annotated[
        float,
        described(
            "0 to 1: the similarity of the two photos, which the answer's `score_kind` explains; 1 is the same "
            "picture. With weights, the product of the factors in `why`.",
            0.8731,
        ),
    ]
    why: Annotated[
        dict[str, float] | None,
        described("With weights: the factors of `score` by name, each 0 to 1; their product is `score`."),
    ] = None
    also_offered_by: Annotated[
        list[OtherOffer],
        described(
            "The other listings that a reviewer called the same item and that pass the same filters, most similar "
            "first; absent if there are none, and with `fold_copies=false`."
        ),
    ] = []


class CategoryProbability(msgspec.Struct):
    """A category with the probability that the model gives it."""

    category: Annotated[str, example("Home & Garden", "Electronics")]
    probability: Annotated[float, example(0.914, 0.052)]


class Plan(msgspec.Struct):
    """How the index was searched, and why that way."""

    name: Annotated[str, described("The index and the way of searching it, such as `faiss exact`.", "faiss exact")]
    reason: Annotated[str, example("1 of 1,200 photos pass the filter; about 0.1 ms")]


class NoResults(msgspec.Struct):
    """Why there is no result."""

    reason: Annotated[
        Literal["filter_matches_nothing", "all_below_min_score", "no_photos", "no_other_photos", "end"],
        described(
            "`no_photos`: the catalogue has none yet. `no_other_photos`: all belong to listings that are left out. "
            "`end`: the cursor leads past the last result."
        ),
    ]
    detail: str
    matching_photos: Annotated[int | None, described("Photos that pass the filter; null if they were not counted.")] = (
        None
    )
    best_score: Annotated[
        float | None, described("Highest score among the photos that pass the filter; it is below `min_score`.")
    ] = None


class SearchAnswer(msgspec.Struct, omit_defaults=True):
    """Results, best first, one per item: see `fold_copies`."""

    results: list[Result]
    score_kind: ScoreKind
    model_version: ModelVersion
    engine: Annotated[str, described("The index that answered.", "faiss")]
    plan: Plan
    generation: Annotated[int, described("Generation of the index.", 3)]
    took_ms: Annotated[
        dict[str, float],
        described("Milliseconds by stage, and in `total`.", {"embed": 21.4, "search": 0.6, "rows": 1.9, "total": 24.1}),
    ]
    cursor: Annotated[
        str | None, described("Send it to get the next page; absent on the last page and after 500 results.")
    ] = None
    query_token: Annotated[
        str | None,
        described(
            "Send it to search by the same photo again, without uploading or embedding it again.", "lKFsp2xhbXAtMQ"
        ),
    ] = None
    categories: Annotated[
        list[CategoryProbability] | None,
        described(
            "The categories that the model sees in the query photo, most probable first; only on the first page.",
            example_of(list[CategoryProbability]),
        ),
    ] = None
    in_distribution: InDistribution = None
    restricted_to: Annotated[list[str] | None, described("The categories that `category_aware` preferred.")] = None
    facets: Annotated[
        dict[str, FacetAnswer] | None,
        described(
            "For each of the request's `facets`, the photos that pass the filter by value, however similar they are.",
            {"brand": example_of(FacetAnswer)},
        ),
    ] = None
    empty: Annotated[NoResults | None, described("Why there is no result.")] = None


class BatchProblem(msgspec.Struct, omit_defaults=True):
    """Why one search of a batch could not be answered."""

    status: Annotated[int, example(404)]
    title: Annotated[str, example("Not found")]
    detail: Annotated[str, example("There is no photo 7.")]
    field: Annotated[str | None, described("The field at fault.")] = None
    reason: Annotated[str | None, described("Reason code of a rejected photo.")] = None


class BatchEntry(msgspec.Struct, omit_defaults=True):
    """The answer to one search of a batch, or its problem."""

    answer: SearchAnswer | None = None
    problem: BatchProblem | None = None


class BatchAnswer(msgspec.Struct):
    """One entry for each search of a batch, in the same order."""

    answers: Annotated[
        list[BatchEntry], example([{"answer": example_of(SearchAnswer)}, {"problem": example_of(BatchProblem)}])
    ]


class NewestListings(msgspec.Struct):
    """A page of listings, newest first."""

    listings: list[ListingSummary]
    cursor: Annotated[str | None, described("Send it to get the next page; null on the last page.", "7")]


class CategoryCount(msgspec.Struct):
    """A category with its number of listings."""

    category: Annotated[str, example("Home & Garden", "Phones")]
    listings: Annotated[int, example(812, 388)]


class AttributeSummary(FacetAnswer, kw_only=True):
    """An attribute that listings have, with its most frequent values."""

    name: Annotated[str, example("brand", "size")]


class ListingPhoto(msgspec.Struct):
    """A photo of a listing."""

    photo_id: PhotoId
    state: Annotated[str, described("`pending`, `embedded`, `failed` or `set_aside` (a placeholder).", "embedded")]
    width: Annotated[int, example(1200)]
    height: Annotated[int, example(900)]
    url: Annotated[str, example("/v1/photos/7?v=9f86d081884c7d65")]
    thumbnail_url: Annotated[str, example("/v1/photos/7/thumbnail?v=9f86d081884c7d65")]


class ListingAnswer(msgspec.Struct):
    """A listing with its photos."""

    listing_id: ListingId
    title: Title
    description: Annotated[str, example("As new")]
    category: Category
    category_path: Annotated[list[str], example(["Home & Garden", "Lamps"])]
    other_categories: Annotated[
        list[list[str]], described("The paths of the listing's further categories.", [["Sale", "Lamps"]])
    ]
    price: Price
    currency: Currency
    location: Location
    region: Annotated[str, described("The last part of the place.", "Manchester")]
    seller: Annotated[str, example("seller-9")]
    listed_at: Annotated[str, described("ISO 8601 time.", "2026-03-01T09:30:00+00:00")]
    url: Url
    attributes: AttributeValues
    sold: Sold
    flags: Annotated[list[str], described("Flags set by cleaning, such as `absurd_price`.")]
    photos: list[ListingPhoto]


class Duplicate(msgspec.Struct):
    """Another listing, with its nearest photo."""

    listing_id: Annotated[ListingId, example("lamp-9", "lamp-2")]
    photo_id: Annotated[PhotoId, example(31, 7)]
    verdict: Annotated[str, described("`identical`, `same photo edited` or `similar`.", "same photo edited", "similar")]
    score: Annotated[
        float,
        described(
            "0 to 1. Of a copy: the share of the picture that shows the same. Of a similar listing: the probability "
            "that it is the same item.",
            0.94,
            0.8731,
        ),
    ]
