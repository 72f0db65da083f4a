"""The deliberate defects of the sample catalogue, which cleaning and the reject report show."""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from PIL import Image

from ml.sample.catalogue import random_id
from ml.sample.words import with_site_suffix

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

    from ml.sample.catalogue import SampleListing

_REPAIRED = 8
"""Number of valid records with broken quoting."""

_NOT_AN_IMAGE = b"<!DOCTYPE html>\n<html><head><title>404 Not Found</title></head><body>No such photo.</body></html>\n"


@dataclass(frozen=True, slots=True)
class ListingRow:
    """A record of listings.csv: its fields as written, without the row number.

    Attributes:
        unquoted: write the description without quotes, although it has commas and line breaks.
    """

    listing_id: str
    title: str
    category: str
    description: str
    price: str
    location: str
    seller: str
    listed_at: str
    unquoted: bool = False


@dataclass(frozen=True, slots=True)
class PhotoRow:
    """A record of photos.csv; `content` is the file's bytes, unless the photo is a rendered one or has no file."""

    photo_id: str
    listing_id: str
    content: bytes | None = None


def row_of(listing: SampleListing) -> ListingRow:
    """Return the row of a listing as the site exports it."""
    return ListingRow(
        listing.listing_id,
        with_site_suffix(listing.title, listing.place),
        listing.category_path,
        listing.description,
        listing.price,
        listing.location,
        listing.seller,
        listing.listed_at,
    )


def listing_rows(listings: Sequence[SampleListing], rng: np.random.Generator) -> list[ListingRow]:
    """Return the rows of listings.csv: one for each listing, some with broken quoting, and the defective records.

    One price is absurd, so the listing is flagged and accepted. One listing has two rows; the later one is right.
    """
    rows = [row_of(listing) for listing in listings]
    flagged, *broken = (int(index) for index in rng.choice(len(rows) - 1, _REPAIRED + 1, replace=False))
    for index in broken:
        rows[index] = replace(rows[index], description=_over_several_lines(rows[index].description), unquoted=True)
    rows[flagged] = replace(rows[flagged], price="£99,999.00")
    older = replace(rows[-1], price="£1,234.00", description="Old advert, please ignore.")
    place, fresh = listings[0].place, row_of(listings[0])
    defective = (
        older,
        replace(fresh, listing_id=random_id(rng), title=with_site_suffix("", place)),
        replace(fresh, listing_id=random_id(rng), category=""),
        replace(fresh, listing_id=random_id(rng), price="£1.2.3"),
        replace(fresh, listing_id=random_id(rng), price="-£5.00"),
    )
    for row in defective:
        rows.insert(int(rng.integers(1, len(rows))), row)
    return rows


def extra_photos(listings: Sequence[SampleListing], intact: bytes, rng: np.random.Generator) -> list[PhotoRow]:
    """Return the rows of photos.csv that ingest rejects; `intact` is a JPEG to make defective photos from."""
    contents = (_NOT_AN_IMAGE, intact[: len(intact) * 2 // 3], _one_pixel(), b"")
    rows = [
        PhotoRow(random_id(rng), listing.listing_id, content)
        for listing, content in zip(listings, contents, strict=False)
    ]
    missing = PhotoRow(random_id(rng), listings[len(rows)].listing_id)
    return [*rows, PhotoRow(random_id(rng), random_id(rng), intact), missing]


def _over_several_lines(description: str) -> str:
    """Return the text with one sentence a line and without double quotes, so that it breaks an unquoted field.

    The first line has no comma, as in the published data: with one, part of it could belong to the category.
    """
    lines = description.replace('"', "'").replace(". ", ".\n").split("\n")
    first = lines[0].replace(", ", " - ")
    return "\n".join((first, *lines[1:], "No time wasters, thanks\n"))


def _one_pixel() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (1, 1), "white").save(out, "JPEG")
    return out.getvalue()
