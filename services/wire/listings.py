"""The requests and answers that write a single listing."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET, UnsetType

from services.reason_codes import ListingFlag
from services.wire.attributes import ATTRIBUTE_VALUE_LIMIT, MAX_ATTRIBUTES, AttributeValue
from services.wire.fields import described, example

ID_LIMIT = 200
"""Characters in a listing's id, at most."""

TITLE_LIMIT = LOCATION_LIMIT = 500
"""Characters of a listing's title and of its place that are kept."""

DESCRIPTION_LIMIT = 50_000
"""Characters of a listing's description that are kept."""

URL_LIMIT = 2048
"""Characters in the address of a listing's page, at most."""

SELLER_LIMIT = 200
"""Characters in a seller's id, at most."""

_NOT_BLANK = r"\S"

ListingId = Annotated[
    str,
    described(
        f"The marketplace's own id, up to {ID_LIMIT} characters; generated if it is left out.",
        "lamp-9",
        pattern=_NOT_BLANK,
    ),
]
_SHORTENED = "a longer one is shortened, and the listing is flagged `shortened_text`"
Title = Annotated[
    str,
    described(
        f"The listing's title, up to {TITLE_LIMIT} characters; {_SHORTENED}.", "Brass desk lamp", pattern=_NOT_BLANK
    ),
]
Category = Annotated[
    str, described("Category path: `Home & Garden / Lamps`.", "Home & Garden / Lamps", pattern=_NOT_BLANK)
]
Description = Annotated[
    str, described(f"The listing's text, up to {DESCRIPTION_LIMIT:,} characters; {_SHORTENED}.", "As new")
]
Price = Annotated[
    str | Annotated[float, msgspec.Meta(extra_json_schema={"minimum": 0})] | None,
    described("An amount, or text such as `£10`.", "£24.50"),
]
Currency = Annotated[str | None, described("ISO 4217 code of the price; ignored without a price.", "GBP")]
Location = Annotated[
    str, described(f"Where the item is, up to {LOCATION_LIMIT} characters; {_SHORTENED}.", "Delph, Manchester")
]
Seller = Annotated[
    str, described(f"The marketplace's own id of the seller, up to {SELLER_LIMIT} characters.", "seller-9")
]
ListedAt = Annotated[
    str | float | None,
    described(
        "When it was listed: an ISO 8601 date or date with a time (UTC unless it names a zone), or Unix seconds. A "
        "date that cannot be read, is before 1990 or is more than a day ahead is left out, and the listing is flagged "
        "`unreadable_date`. By default, the time at which the listing was added.",
        "2026-03-01",
    ),
]
Url = Annotated[
    str,
    described(
        f"The listing's page in the shop: an HTTP or HTTPS address of up to {URL_LIMIT:,} characters.",
        "https://shop.example/lamp-9",
    ),
]
Attributes = Annotated[
    dict[str, AttributeValue],
    described(
        f"Free attributes: text of up to {ATTRIBUTE_VALUE_LIMIT} characters, numbers and booleans, by name. At most "
        f"{MAX_ATTRIBUTES}. Names become lower case with `_`: `Frame Colour` is `frame_colour`. A form sends them as "
        "JSON.",
        {"brand": "Acme", "size": 3.5, "boxed": True},
    ),
]
OtherCategories = Annotated[
    list[str],
    described("Paths of further categories; searches by `category_path` find it there too.", ["Sale / Lamps"]),
]
Sold = Annotated[bool, described("Whether the listing is no longer for sale; searches can leave it out.", False)]
PhotoUrls = Annotated[
    list[Annotated[str, msgspec.Meta(extra_json_schema={"format": "uri"})]],
    described("Public addresses of the photos. A form sends the photos as files instead."),
]


class WholeListing(msgspec.Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """A listing with all its fields."""

    title: Title
    category: Category
    description: Description = ""
    price: Price = None
    currency: Currency = None
    location: Location = ""
    seller: Seller = ""
    listed_at: ListedAt = None
    url: Url = ""
    attributes: Attributes = {}
    other_categories: OtherCategories = []
    sold: Sold = False
    photos: PhotoUrls = []


class NewListing(WholeListing, kw_only=True):
    """A listing to add."""

    listing_id: ListingId | UnsetType = UNSET


class ListingChange(msgspec.Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """The fields of a listing to change. Fields that are left out stay as they are; None removes a value."""

    title: Title | UnsetType = UNSET
    category: Category | UnsetType = UNSET
    description: Description | UnsetType = UNSET
    price: Price | UnsetType = UNSET
    currency: Currency | UnsetType = UNSET
    location: Location | UnsetType = UNSET
    seller: Seller | UnsetType = UNSET
    listed_at: ListedAt | UnsetType = UNSET
    url: Url | UnsetType = UNSET
    attributes: Attributes | UnsetType = UNSET
    other_categories: OtherCategories | UnsetType = UNSET
    sold: Sold | UnsetType = UNSET
    photos: PhotoUrls | UnsetType = UNSET


class WrittenPhoto(msgspec.Struct):
    """A photo of a written listing."""

    photo_id: Annotated[int, example(7)]
    name: Annotated[str, described("The file's name, or the photo's address.", "front.jpg")]
    state: Annotated[str, described("`pending`, `embedded`, `failed` or `set_aside` (a placeholder).", "pending")]


class WriteWarning(msgspec.Struct):
    """Something that was repaired, guessed or left out in a written listing."""

    field: Annotated[str, described("The field concerned; empty if it is the whole listing.", "price")]
    flag: Annotated[str, described("Code of the warning.", ListingFlag.ABSURD_PRICE.value)]
    before: Annotated[str, described("The value as it was sent.", "11111")]
    after: Annotated[str, described("The value that was stored; empty if none was.", "11111")]


class ListingWritten(msgspec.Struct):
    """The listing that a request wrote."""

    listing_id: Annotated[str, example("lamp-2")]
    outcome: Annotated[str, described("`created`, `updated` or `unchanged`.", "created")]
    photos: list[WrittenPhoto]
    warnings: list[WriteWarning] = []
