"""Listings with copied photos, and reading their copies, for tests."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from PIL import Image, ImageOps

from db.rows import duplicates, listings, photos
from services.indexing.duplicate_finder import DuplicateFinder
from tests.worlds import marketplace

if TYPE_CHECKING:
    import threading
    from pathlib import Path

    from services.resources import Resources
    from tests.conftest import MakeJpeg
    from tests.worlds import Marketplace


LISTINGS = 5


def with_copies(folder: Path, jpeg: MakeJpeg) -> Marketplace:
    """Listing 1 has a photo of listing 0, listing 2 its mirror image; 3 and 4 have photos of their own."""
    made = marketplace(folder, jpeg, count=LISTINGS)
    made.write_photo("photo-1-a", jpeg(seed=0))
    made.write_photo("photo-2-a", mirrored(jpeg(seed=0)))
    return made


def mirrored(content: bytes) -> bytes:
    picture = io.BytesIO()
    ImageOps.mirror(Image.open(io.BytesIO(content))).save(picture, "JPEG", quality=90)
    return picture.getvalue()


def new_finder(resources: Resources, stopping: threading.Event | None = None) -> DuplicateFinder:
    return DuplicateFinder(resources.database, resources.live, resources.photo_files, stopping=stopping)


def copies_of_listing(resources: Resources, listing_id: str) -> dict[str, str]:
    with resources.database.read() as session:
        return {copy.listing_id: copy.verdict for copy in duplicates.copies_of(session, listing_id).copies}


def photo_id(resources: Resources, external_id: str) -> int:
    with resources.database.read() as session:
        listing_id = f"listing-{external_id.split('-')[1]}"
        (found,) = [row.id for row in photos.photos_of(session, [listing_id]) if row.external_id == external_id]
        return found or 0


def delete_listing(resources: Resources, listing_id: str) -> None:
    with resources.database.write() as session:
        listings.delete_listing(session, listing_id)
