"""The answer that shows how a listings file will be read."""

from __future__ import annotations

from typing import Annotated

import msgspec

from services.reason_codes import ListingFlag, RejectReason
from services.wire.attributes import AttributeValue  # noqa: TC001
from services.wire.fields import described, example

_Columns = Annotated[list[str], example(["Title", "Name"])]


class PreviewedField(msgspec.Struct):
    """A field of the listings: the columns that it comes from, and the first value there."""

    name: Annotated[str, described("A field of a mapping's `[listings]`, or `attributes.NAME`.", "title")]
    columns: _Columns
    sample: Annotated[str, described("Empty if the first records have no value.", "Brass lamp")]


class PreviewedRepair(msgspec.Struct):
    """Something that was repaired, guessed or left out."""

    flag: Annotated[str, example(ListingFlag.PRESET_CHOSEN.value)]
    field: Annotated[str, described("Empty if it concerns the whole record or file.", "price")]
    before: Annotated[str, described("Text in the file.", "12,-")]
    after: Annotated[str, described("The value that was taken; empty if none was.", "12.00")]


class PreviewedListing(msgspec.Struct):
    """A listing after cleaning."""

    title: Annotated[str, example("Brass lamp")]
    description: Annotated[str, example("As new")]
    category_path: Annotated[list[str], example(["Home & Garden", "Lamps"])]
    other_categories: Annotated[list[list[str]], example([["Sale", "Lamps"]])]
    price: Annotated[str | None, described("An amount; null if the listing has none.", "24.50")]
    currency: Annotated[str | None, example("GBP")]
    location: Annotated[str, example("Delph, Manchester")]
    seller: Annotated[str, example("seller-9")]
    listed_at: Annotated[str | None, described("ISO 8601 time.", "2026-03-01T09:30:00+00:00")]
    url: Annotated[str, example("https://shop.example/lamp-9")]
    attributes: Annotated[dict[str, AttributeValue], example({"brand": "Hill"})]
    sold: Annotated[bool, example(False)]


class PreviewedRecord(msgspec.Struct):
    """A record as it will be read."""

    line: Annotated[int, example(2)]
    listing_id: Annotated[str, described("Empty if it cannot be read.", "lamp-9")]
    parent: Annotated[str, described("The listing that it is a variant of; empty if it is none.", "")]
    outcome: Annotated[
        str,
        described(
            "`accepted`, `rejected`, or `joined`: it adds its photos to the listing of its id or parent.", "accepted"
        ),
    ]
    note: Annotated[
        str, described("Of a joined record: to which record it adds, or that the first records lack it.", "")
    ]
    listing: PreviewedListing | None
    reason: Annotated[
        str, described("Why it is no listing of its own; empty if it is one.", RejectReason.MISSING_TITLE.value)
    ]
    field: Annotated[str, described("The field at fault.", "title")]
    text: Annotated[str, described("The text at fault.", "")]
    photos: Annotated[list[str], example(["https://shop.example/lamp-9.jpg"])]
    repairs: list[PreviewedRepair]


class PreviewAnswer(msgspec.Struct):
    """How the first records of a listings file will be read. Nothing is written."""

    columns: Annotated[
        list[str], described("The columns of the file; of JSON, also paths into objects.", ["ID", "Name", "Images"])
    ]
    preset: Annotated[str, described("The preset that is used; empty if there is none.", "woocommerce")]
    problem: Annotated[
        str, described("Why the file cannot be read with this mapping. Then there are no fields and records.", "")
    ]
    suggestion: Annotated[str, described("A mapping to begin with, as TOML.", 'preset = "woocommerce"\n')]
    notices: Annotated[list[PreviewedRepair], described("What was decided for the whole file.")]
    fields: list[PreviewedField]
    unused: Annotated[list[str], described("Columns that no field uses.", ["Stock", "Position"])]
    records: Annotated[list[PreviewedRecord], described("The first ten records.")]
