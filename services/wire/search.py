"""The requests of the search app. The app, its client and the API's description share these structs."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from services.settings import Engine  # noqa: TC001  (msgspec reads the annotations at run time)
from services.wire.attributes import (
    CONDITION_PATTERN,
    MAX_ATTRIBUTE_FILTERS,
    MAX_ATTRIBUTE_VALUES,
    NAME_PATTERN,
    AttributeFilter,
    Name,
)
from services.wire.fields import described

MAX_K = 100
"""Results in one answer, at most."""

MAX_BATCH = 20
"""Searches in one batch, at most."""

MAX_FILTER_VALUES = 1000
"""Values in one field of a filter, at most."""

MAX_FACETS = 10
"""Facets in one request, at most."""

Sort = Literal["similarity", "price", "price_descending", "newest"]

SORTED_LISTINGS = 100
"""The most similar listings, which `sort` orders otherwise."""

_CURRENCY = "^[A-Za-z]{3}$"
_NUMBER = r"\s*[0-9]*\.?[0-9]+\s*"
_FOUR_NUMBERS = f"^{_NUMBER}(,{_NUMBER}){{3}}$"

CropText = Annotated[
    str,
    described(
        "The part of the photo to use: `x,y,width,height`, as shares of its sides, from the upper left.",
        "0.25,0.25,0.5,0.5",
        pattern=_FOUR_NUMBERS,
    ),
]


LowestPrice = Annotated[float, described("Lowest price, inclusive; leaves out listings without a price.", 5, minimum=0)]
HighestPrice = Annotated[
    float, described("Highest price, inclusive; leaves out listings without a price.", 50, minimum=0)
]


class SharedOptions(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The options that JSON, URLs and forms write alike. A result passes all filters."""

    k: Annotated[int, described("Number of listings.", 20, minimum=1, maximum=MAX_K)] = 10
    category: Annotated[
        list[str],
        described(
            "Only listings in any of these first levels of the category path, of a listing's first category. Case and "
            "blanks make no difference.",
            ["Home & Garden"],
            maxItems=MAX_FILTER_VALUES,
        ),
    ] = []
    category_path: Annotated[
        str | None,
        described(
            "Only listings with a category path that begins with these levels: `Home & Garden / Lamps`. A listing in "
            "several categories is found under each.",
            "Home & Garden / Lamps",
        ),
    ] = None
    price_min: LowestPrice | None = None
    price_max: HighestPrice | None = None
    currency: Annotated[str | None, described("ISO 4217 code of the price.", "GBP", pattern=_CURRENCY)] = None
    location: Annotated[
        str | None,
        described(
            "The whole place, or one comma-separated part of it: `Delph, Manchester` or `Delph`.", "Delph, Manchester"
        ),
    ] = None
    region: Annotated[str | None, described("The last part of the place.", "Manchester")] = None
    max_age_days: Annotated[
        float | None,
        described("Days since the listing was listed, at most.", 60, exclusiveMinimum=0, maximum=36_500),
    ] = None
    seller: Annotated[
        list[str], described("Only listings of any of these sellers.", ["seller-9"], maxItems=MAX_FILTER_VALUES)
    ] = []
    exclude_seller: Annotated[
        list[str], described("No listings of these sellers.", ["seller-3"], maxItems=MAX_FILTER_VALUES)
    ] = []
    same_seller: Annotated[
        bool | None,
        described(
            "Only listings of the query listing's seller (true), or only of other sellers (false). If the query "
            "listing has no seller, every seller is another one.",
            False,
        ),
    ] = None
    sold: Annotated[
        bool | None, described("Only sold listings (true), or only those still for sale (false).", False)
    ] = None
    exclude_listing: Annotated[
        list[str],
        described(
            "None of these listings, such as those that were already shown.", ["lamp-3"], maxItems=MAX_FILTER_VALUES
        ),
    ] = []
    sort: (
        Annotated[
            Sort,
            described(
                f"The order of the results. `price`, `price_descending` and `newest` order the {SORTED_LISTINGS} most "
                "similar listings, and no others follow; amounts are compared in whatever currency they have, and "
                "listings without a price come last.",
                "price",
                default="similarity",
            ),
        ]
        | None
    ) = None
    min_score: Annotated[float, described("Lowest score of a result.", 0.5, minimum=0, maximum=1, default=0)] | None = (
        None
    )
    diversity: Annotated[
        float,
        described(
            "From 0, the most similar results, to 1, results that differ most from each other.",
            0.3,
            minimum=0,
            maximum=1,
        ),
    ] = 0.0
    price_weight: Annotated[
        float,
        described(
            "How far the score falls with the distance in price; see `why` of a result.", 0.5, minimum=0, maximum=1
        ),
    ] = 0.0
    place_weight: Annotated[
        float,
        described(
            "How far the score falls with the distance in place; see `why` of a result.", 0.5, minimum=0, maximum=1
        ),
    ] = 0.0
    recency_weight: Annotated[
        float,
        described("How far the score falls with the listing's age; see `why` of a result.", 0.2, minimum=0, maximum=1),
    ] = 0.0
    near_price: Annotated[
        float | None,
        described(
            "The price that `price_weight` compares with; by default the query listing's.", 20, exclusiveMinimum=0
        ),
    ] = None
    near_currency: Annotated[
        str | None,
        described(
            "ISO 4217 code of `near_price`; by default the query listing's. A price in another currency counts as a "
            "missing price.",
            "GBP",
            pattern=_CURRENCY,
        ),
    ] = None
    near_place: Annotated[
        str | None,
        described("The place that `place_weight` compares with; by default the query listing's.", "Delph, Manchester"),
    ] = None
    category_aware: Annotated[
        bool | None,
        described("Prefer the categories that the model sees in the photo, if it is confident enough.", True),
    ] = None
    crop: CropText | None = None
    fold_copies: Annotated[
        bool,
        described(
            "Show the listings that a reviewer called the same item as one result: the most similar one, with the "
            "others in `also_offered_by`. `k` counts such results; facets still count every listing. Listings "
            "called the same item as the source are no results. `false` shows each listing as a result of its own.",
            True,
        ),
    ] = True
    engine: (
        Annotated[
            Engine,
            described(
                "The index to search. The answer's `plan` says which index was used, and why.", "faiss", default="auto"
            ),
        ]
        | None
    ) = None


class SearchOptions(SharedOptions, kw_only=True):
    """The filter, the ranking and the number of results of a search, as in JSON."""

    attributes: Annotated[
        dict[str, AttributeFilter],
        described(
            "Only listings with these attributes: for each name a value, a list of values (any of them), or a range "
            "of numbers. Case, blanks and type make no difference: `acme` finds `Acme`, 42 finds `42`. "
            f"At most {MAX_ATTRIBUTE_VALUES} values of an attribute.",
            {"brand": ["Acme", "Bolt"], "size": {"min": 3, "max": 5}, "boxed": True},
            maxProperties=MAX_ATTRIBUTE_FILTERS,
            propertyNames={"pattern": NAME_PATTERN},
        ),
    ] = {}
    facets: Annotated[
        list[Name],
        described(
            "Count the photos and listings that pass the filter, for each value of these: `category`, `currency`, "
            "`seller`, `sold`, the name of an attribute, or `category_path`: the levels below the filter's. Only on "
            "the first page.",
            ["category", "brand"],
            maxItems=MAX_FACETS,
        ),
    ] = []


class TextOptions(SharedOptions, kw_only=True):
    """The filter, the ranking and the number of results of a search, as in URLs and forms."""

    attribute: Annotated[
        list[Annotated[str, msgspec.Meta(extra_json_schema={"pattern": CONDITION_PATTERN})]],
        described(
            "Only listings with this attribute: `brand:Acme`, `boxed:true`, or a range of numbers `size:3..5`, "
            "`size:3..`, `size:..5`. The first `:` ends the name. Several values of one name: any of them. Put a text "
            'that looks like a range in quotes: `code:"3..5"`. See `attributes` in JSON.',
            ["brand:Acme", "size:3..5"],
            maxItems=MAX_ATTRIBUTE_FILTERS * MAX_ATTRIBUTE_VALUES,
        ),
    ] = []
    facet: Annotated[list[Name], described("Like `facets` in JSON.", ["category", "brand"], maxItems=MAX_FACETS)] = []


_Cursor = Annotated[
    str | None,
    described(
        "The `cursor` of the previous page. It holds the whole query: send nothing with it but `k`; a listing in "
        "the path is ignored. There is no further page after 500 results.",
        "kaFzhKNsYW1w",
    ),
]


class SearchFields(SearchOptions, kw_only=True):
    """The options of a search, or the cursor of its next page."""

    cursor: _Cursor = None


class SearchParameters(TextOptions, kw_only=True):
    """The options of a search in a URL, or the cursor of its next page."""

    cursor: _Cursor = None


class StoredSearch(SearchFields, kw_only=True):
    """A search by something that the server can look up. Set one of these fields, or `cursor`."""

    listing_id: Annotated[
        str | None, described("Search by this listing's photos; the listing itself is left out.", "lamp-1")
    ] = None
    photo_id: Annotated[int | None, described("Search by this photo; its own listing is left out.", 7)] = None
    query_token: Annotated[
        str | None, described("Search again by the photo of an earlier answer.", "lKFsp2xhbXAtMQ")
    ] = None
    image_url: Annotated[str | None, described("Search by the photo at this public address.", format="uri")] = None


class BatchSearch(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Several searches in one request."""

    queries: Annotated[
        list[StoredSearch],
        described("The searches. Each gets its own answer or problem.", minItems=1, maxItems=MAX_BATCH),
    ]
